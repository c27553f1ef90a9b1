"""From clicks on object centers to a trained, scored segmentation model, inside napari."""

__version__ = "0.1.0"
