"""Finding a dump and reading what it is from its own bytes."""
