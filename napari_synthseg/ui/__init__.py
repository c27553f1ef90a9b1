"""The panel inside napari: shows one session and calls it; the only part that knows Qt."""
