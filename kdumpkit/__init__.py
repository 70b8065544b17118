"""kdumpkit proves that a Linux host leaves a usable crash dump, and tells why a kernel died."""

__version__ = "0.1.0"
