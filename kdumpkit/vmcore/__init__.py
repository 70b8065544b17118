"""Dumps: what kind of file it is, whether it is whole, what it says of its kernel, and the log that is in it."""
