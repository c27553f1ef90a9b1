"""What the last page shows: what was found, how good it is, and where it goes."""
