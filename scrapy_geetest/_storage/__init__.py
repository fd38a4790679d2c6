"""What outlives a process: one Protocol, kept in memory, in a file, or in Redis."""
