"""Boxes in the files of other programs: one module a format, and what all of them share."""
