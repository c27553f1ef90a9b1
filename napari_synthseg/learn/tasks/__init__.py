"""The tasks; importing this package registers them."""

from napari_synthseg.learn.tasks import classify, segment

__all__ = ["classify", "segment"]
