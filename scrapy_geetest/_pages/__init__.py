"""What a page says of GeeTest, read without a parser, in linear time, and never by running it."""
