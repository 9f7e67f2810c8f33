"""What runs inside of a sandbox: real files that need the standard library alone.

The host imports `wire` from here too, so that both ends speak from the same page. Imports
among these files are relative: inside of the sandbox the package has no parent.
"""
