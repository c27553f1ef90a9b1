"""Suggestions on the image, and the answers to them."""
