"""The kdumpkit command."""
