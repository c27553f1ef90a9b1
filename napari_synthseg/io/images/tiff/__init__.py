"""TIFF files: the format, and what their headers tell."""

from napari_synthseg.io.images.tiff.reading import FORMAT

__all__ = ["FORMAT"]
