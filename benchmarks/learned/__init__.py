"""Measurements of what learns dual images."""
