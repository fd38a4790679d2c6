"""What is borrowed from Scrapy: parking, in-place downloads, identity, other middlewares, progress."""
