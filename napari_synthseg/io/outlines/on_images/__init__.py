"""Outlines on images: which image each belongs to, drawn as labels, and traced round labels."""
