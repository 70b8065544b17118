"""Plans of changes as data, and the one place that carries them out."""
