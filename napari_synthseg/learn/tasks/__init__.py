"""The tasks; importing this package registers them."""

from napari_synthseg.learn.tasks import classify, detect, segment, semantic

__all__ = ["classify", "detect", "segment", "semantic"]
