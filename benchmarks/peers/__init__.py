"""Other programs on the same images for the same minutes: ``python -m benchmarks.peers``."""
