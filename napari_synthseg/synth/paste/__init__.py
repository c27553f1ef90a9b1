"""Dual images by pasting: clicked objects, turned and scattered over canvases."""
