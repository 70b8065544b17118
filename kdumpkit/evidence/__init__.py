"""What was done and seen, kept so that it can be checked and replayed."""
