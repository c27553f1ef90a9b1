"""Shapes drawn on the image for the panel, and what of an image does not count."""
