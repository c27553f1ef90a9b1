"""All tasks; importing this registers them."""

from napari_synthseg.tasks.classify import task as classify
from napari_synthseg.tasks.detect import task as detect
from napari_synthseg.tasks.segment import task as segment
from napari_synthseg.tasks.semantic import task as semantic

__all__ = ["classify", "detect", "segment", "semantic"]
