"""The image that is shown: what several images of a project may be parts of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.presenters.images.pictures import ImageKey, parts_of
from napari_synthseg.ui.viewer.placement import Placement

if TYPE_CHECKING:
    from napari.layers import Image


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

    def to_pixels(self, world: Sequence[float]) -> tuple[float, ...]:
        """Return the pixel ([z,] y, x) at a place of the world."""
        at = self.layer.world_to_data(list(world)[-self.layer.ndim :])
        return tuple(float(p) for p in at[-len(self.shape) :])

    @property
    def refs(self) -> tuple[ImageRef, ...]:
        """The parts (regions) that the project has of it now."""
        return parts_of(self.controller.project, self.key)
