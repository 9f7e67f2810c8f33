"""What data has to look like: JSON schemas, asked for in words, found in text and checked."""
