"""Comparing dual images with the real images of a project."""
