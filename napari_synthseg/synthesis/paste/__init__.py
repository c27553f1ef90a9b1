"""Dual images by pasting patches."""
