"""The image that is shown: what several images of a project may be parts of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.project import Project
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.viewer.placement import Placement

if TYPE_CHECKING:
    from napari.layers import Image

ImageKey = tuple[str, tuple[tuple[str, int], ...], tuple[int, ...] | None, bool]
"""What the parts (regions) of one image have in common: file, plane, channels, how it is read."""


def image_key(ref: ImageRef) -> ImageKey:
    """Return what the parts (regions) of one image have in common."""
    return ref.uri, tuple(sorted(ref.plane.items())), ref.channels, ref.as_stored


def parts_of(project: Project, key: ImageKey) -> tuple[ImageRef, ...]:
    """Return the parts (regions) that a project has of an image."""
    return tuple(ref for ref in project.images if image_key(ref) == key)


def common_name(refs: Sequence[ImageRef]) -> str:
    """Return a name for an image: the words with which the names of all its parts begin."""
    words = zip(*(ref.name.split() for ref in refs), strict=False)
    common = takewhile(lambda same: len(set(same)) == 1, words)
    return " ".join(first for first, *_ in common) or refs[0].name or "image"


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
