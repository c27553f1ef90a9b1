"""Which classes an image shows."""
