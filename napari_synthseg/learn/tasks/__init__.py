"""The tasks; importing this package registers them."""

from napari_synthseg.learn.tasks import segment

__all__ = ["segment"]
