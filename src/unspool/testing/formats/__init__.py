"""Servers that speak other formats than chat completions, and refuse what the real ones refuse."""
