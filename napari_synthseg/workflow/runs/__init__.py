"""Around a training run: the devices it may use, what is seen while it goes, and its texts."""
