"""Outlines while the user clicks: of the clicks on the image in view, kept up to date."""
