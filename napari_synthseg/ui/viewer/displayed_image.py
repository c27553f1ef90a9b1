"""The image that is shown: what several images of a project may be parts of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.presenters.images.pictures import ImageKey, common_name, image_key, parts_of
from napari_synthseg.ui.viewer.placement import Placement

if TYPE_CHECKING:
    from napari.layers import Image

__all__ = ["DisplayedImage", "ImageKey", "common_name", "image_key", "parts_of"]


@dataclass(eq=False)
class DisplayedImage:
    """An image that is shown.

    `layer` shows it now; `shape` is that of the whole image, ([z,] y, x) in pixels.
    """

    controller: SessionController
    key: ImageKey
    layer: Image
    shape: tuple[int, ...]

    @property
    def placement(self) -> Placement:
        """Where it lies now."""
        return Placement.of(self.layer, len(self.shape))

    @property
    def refs(self) -> tuple[ImageRef, ...]:
        """The parts (regions) that the project has of it now."""
        return parts_of(self.controller.project, self.key)
