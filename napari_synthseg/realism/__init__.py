"""How far dual images are from real ones."""
