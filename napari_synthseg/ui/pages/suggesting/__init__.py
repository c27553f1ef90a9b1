"""Boxes for suggestions and for rounds of corrections, on more than one page."""
