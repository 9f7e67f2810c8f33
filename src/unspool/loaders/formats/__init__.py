"""Readers of formats that a stranger may have written; they run in a confined process.

Standard library alone, relative imports: the process imports this folder by its path. What a
format needs besides is imported when a file of it comes.
"""
