"""Outlines of objects as polygons: how masks become them, and how programs write them."""
