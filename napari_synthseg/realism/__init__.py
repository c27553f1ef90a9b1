"""How far synthetic images are from the real ones that they were made from, side by side."""
