"""From outlines to a label image: the smaller on top, as everywhere, and what is lost by it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.progress import Progress
from napari_synthseg.io.images.stored_array import check_budget
from napari_synthseg.io.outlines.areas import Area, Mask, Origin

KEPT_PIXELS = 2**28
"""Of masks, which are drawn once to be measured and kept if all together have no more."""

AT_ONCE = 64
"""Outlines that are drawn before progress is told."""


@dataclass(frozen=True, eq=False)
class DrawnOutlines:
    """A label image of outlines.

    Attributes
    ----------
    ids
        Shape (y, x); id n is the n-th outline, counted from 1.
    overlapped
        How many outlines others lie on.
    lost
        Ids of outlines without a pixel: smaller than one, or wholly under others.
    """

    ids: NDArray[np.int32]
    overlapped: int = 0
    lost: tuple[int, ...] = ()


def draw_outlines(
    areas: Sequence[Area], shape: tuple[int, int], name: str
) -> Generator[Progress, None, DrawnOutlines]:
    """Draw outlines of an image; where they overlap, the one with fewer pixels is on top.

    Raises
    ------
    InputError
        If a label image of this shape does not fit into memory; `name` says of what.
    """
    check_budget(name, shape[0] * shape[1], np.dtype(np.int32).itemsize)
    ids = np.zeros(shape, np.int32)
    masks = _Masks(areas, shape)
    sizes = np.zeros(len(areas), np.int64)
    for number in range(len(areas)):
        if number % AT_ONCE == 0:
            yield Progress(number / len(areas) / 2, f"measuring the outlines of {name}")
        sizes[number] = np.count_nonzero(masks.draw(number)[0])
    overlapped: set[int] = set()
    for count, number in enumerate(np.argsort(-sizes, kind="stable").tolist()):
        if count % AT_ONCE == 0:
            yield Progress(0.5 + count / len(areas) / 2, f"drawing the outlines of {name}")
        mask, (top, left) = masks.draw(number)
        window = ids[top : top + mask.shape[0], left : left + mask.shape[1]]
        under = window[mask]
        if under.any():
            overlapped.update(np.unique(under).tolist())
        window[mask] = number + 1
    seen = np.bincount(ids.ravel(), minlength=len(areas) + 1)
    lost = np.flatnonzero(seen[1:] == 0) + 1
    return DrawnOutlines(ids, len(overlapped - {0}), tuple(lost.tolist()))


class _Masks:
    """The masks of areas, which are kept as long as they are small."""

    def __init__(self, areas: Sequence[Area], shape: tuple[int, int]) -> None:
        self._areas, self._shape = areas, shape
        self._kept: dict[int, tuple[Mask, Origin]] = {}
        self._left = KEPT_PIXELS

    def draw(self, number: int) -> tuple[Mask, Origin]:
        """Return the mask of an area and where it lies."""
        if number in self._kept:
            return self._kept[number]
        drawn = self._areas[number].draw(self._shape)
        if drawn[0].size <= self._left:
            self._left -= drawn[0].size
            self._kept[number] = drawn
        return drawn
