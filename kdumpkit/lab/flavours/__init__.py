"""The kinds of lab machine, one file each with a constant ``FLAVOUR``."""
