"""Text that need not fit in memory, and behaves like `str` all the same."""
