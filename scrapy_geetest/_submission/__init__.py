"""Where a solution goes and how it is packed, known before anything is bought: one file a way."""
