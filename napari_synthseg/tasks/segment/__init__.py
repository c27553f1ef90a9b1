"""Separate objects."""
