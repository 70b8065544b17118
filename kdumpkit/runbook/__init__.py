"""The six stages as the notebooks call them, and the run that executes them."""
