"""Box annotations of other programs."""
