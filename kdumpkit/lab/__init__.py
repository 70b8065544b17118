"""A disposable virtual machine whose kernel really panics."""
