"""Widgets that know nothing of the project."""
