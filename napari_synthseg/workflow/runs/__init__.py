"""Around a training run: its devices, what is seen while it goes, its texts, its record."""
