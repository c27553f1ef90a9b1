"""What the writers of outlines are given: the objects of an image, each with its pixels or box."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.boxes import Boxes, Corners
from napari_synthseg.io.boxes.base import NamedBoxes
from napari_synthseg.io.outlines.on_images.tracing import Polygon, trace_mask


@dataclass(frozen=True, eq=False)
class OutlinedObject:
    """One object of a flat image.

    Attributes
    ----------
    id, cls, score
        As in the table of objects; `cls` is a class value.
    box
        In pixels of the whole image; see `core.boxes`.
    mask
        Its pixels in the box, (y, x); None where only the box is known.
    measures
        Name -> value.
    """

    id: int
    cls: int
    score: float
    box: Corners
    mask: NDArray[np.bool_] | None = None
    measures: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def polygons(self) -> tuple[Polygon, ...]:
        """Its parts, the largest first; of a box the rectangle."""
        ymin, xmin, ymax, xmax = self.box
        if self.mask is None:
            corners = [(ymin, xmin), (ymin, xmax), (ymax, xmax), (ymax, xmin)]
            return (Polygon(np.array(corners, np.float64)),)
        return tuple(trace_mask(self.mask, (int(ymin), int(xmin))))


@dataclass(frozen=True, eq=False)
class ExportedImage:
    """The objects of an image file.

    Attributes
    ----------
    name
        Of the file; that of a stack's plane says which, see `plane_name`.
    shape
        Of the whole image, (y, x).
    plane
        Index on each axis of the file that is no axis of the image.
    """

    name: str
    shape: tuple[int, int]
    objects: tuple[OutlinedObject, ...]
    plane: Mapping[str, int] = field(default_factory=dict)

    def as_boxes(self) -> NamedBoxes:
        """Return the boxes alone."""
        boxes = Boxes.of(
            [thing.box for thing in self.objects],
            [thing.cls for thing in self.objects] or 1,
            [thing.score for thing in self.objects] or 1.0,
        )
        return NamedBoxes(self.name, self.shape, boxes)


def flat_xy(ring: NDArray[Any]) -> list[float]:
    """Return the corners of a ring as ``x, y, x, y, ...``, whole numbers without a point."""
    return [int(v) if float(v).is_integer() else float(v) for v in ring[:, ::-1].ravel()]


def points_xy(ring: NDArray[Any]) -> Sequence[Sequence[float]]:
    """Return the corners of a ring as ``[x, y]``."""
    flat = flat_xy(ring)
    return list(zip(flat[::2], flat[1::2], strict=True))
