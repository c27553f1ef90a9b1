"""The image that is shown: what several images of a project may be parts of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.geometry import contains, full_region
from napari_synthseg.core.project import Project
from napari_synthseg.ui.viewer.placement import Placement

ImageKey = tuple[str, tuple[tuple[str, int], ...], tuple[int, ...] | None]
"""What the parts (regions) of one image have in common: file, plane and channels."""


def image_key(ref: ImageRef) -> ImageKey:
    """Return what the parts (regions) of one image have in common."""
    return ref.uri, tuple(sorted(ref.plane.items())), ref.channels


def common_name(refs: Sequence[ImageRef]) -> str:
    """Return a name for an image: the words with which the names of all its parts begin."""
    words = zip(*(ref.name.split() for ref in refs), strict=False)
    common = takewhile(lambda same: len(set(same)) == 1, words)
    return " ".join(first for first, *_ in common) or refs[0].name or "image"


@dataclass(frozen=True, eq=False)
class DisplayedImage:
    """An image that is shown, with the parts (regions) that the project has of it.

    `shape` is that of the whole image, ([z,] y, x) in pixels.
    """

    refs: tuple[ImageRef, ...]
    shape: tuple[int, ...]
    placement: Placement

    @property
    def key(self) -> ImageKey:
        """What the parts have in common."""
        return image_key(self.refs[0])

    def ref_at(self, position: Sequence[float]) -> ImageRef | None:
        """Return the part whose region holds a position in pixels, or None."""
        for ref in self.refs:
            if contains(ref.region or full_region(self.shape), position):
                return ref
        return None

    def in_project(self, project: Project) -> DisplayedImage:
        """Return the image with its parts as a project has them, without those it has not."""
        by_id = {ref.id: ref for ref in project.images}
        return replace(self, refs=tuple(by_id[r.id] for r in self.refs if r.id in by_id))
