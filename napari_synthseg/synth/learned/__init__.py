"""Dual images that are learned: codes of image and mask together, and a prior to draw them from."""
