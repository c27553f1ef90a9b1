"""How well heat maps point at objects."""
