"""Proposals of further objects: from what was clicked, and from what a model predicts."""
