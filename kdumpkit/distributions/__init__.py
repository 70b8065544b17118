"""What differs between distributions: one file each, pure data and rules, no I/O."""
