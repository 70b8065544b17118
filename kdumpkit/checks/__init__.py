"""Facts into findings: pure, and UNKNOWN where a fact is not known."""
