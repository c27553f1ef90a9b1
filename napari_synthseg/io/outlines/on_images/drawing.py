"""From outlines to a label image: the smaller on top, as everywhere, and what is lost by it."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.io.images.stored_array import check_budget
from napari_synthseg.io.outlines.areas import Area, Mask, Origin

KEPT_PIXELS = 2**28
"""Of masks, which are drawn once to be measured and kept if all together have no more."""

SHARED = 0.5
"""Share of the smaller of two outlines on neighboring planes that shows them to be one object."""

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


@dataclass(frozen=True, eq=False)
class DrawnVolume:
    """A label image of outlines on the planes of a volume.

    Attributes
    ----------
    ids
        Shape (z, y, x).
    values
        Instance id -> class value.
    overlapped, lost
        How many outlines others lie on, and how many hold no pixel.
    """

    ids: NDArray[np.int32]
    values: Mapping[int, int]
    overlapped: int = 0
    lost: int = 0


def draw_planes(
    areas: Sequence[Area],
    values: Sequence[int],
    planes: Sequence[int],
    shape: tuple[int, int, int],
    name: str,
) -> Generator[Progress, None, DrawnVolume]:
    """Draw the outlines on each plane of a volume, and join those that show one object.

    An outline goes on with the object of its class on the plane before that it shares most pixels
    with, if that is at least `SHARED` of the smaller one. Each object has one outline a plane.

    Parameters
    ----------
    areas, values, planes
        The outlines, and the class value and the plane of each.
    shape
        Of the volume (z, y, x).
    name
        Of the image, for messages.

    Raises
    ------
    InputError
        If a label image of this shape does not fit into memory.
    """
    check_budget(name, shape[0] * shape[1] * shape[2], np.dtype(np.int32).itemsize)
    ids = np.zeros(shape, np.int32)
    classes: dict[int, int] = {}
    overlapped = lost = 0
    for plane in range(shape[0]):
        mine = [n for n, at in enumerate(planes) if at == plane]
        if not mine:
            continue
        work = draw_outlines([areas[n] for n in mine], (shape[1], shape[2]), name)
        part = plane / shape[0], (plane + 1) / shape[0]
        drawn = yield from subprogress(work, *part)
        overlapped, lost = overlapped + drawn.overlapped, lost + len(drawn.lost)
        known = {k: values[n] for k, n in enumerate(mine, 1) if k not in set(drawn.lost)}
        before = ids[plane - 1] if plane else np.zeros_like(drawn.ids)
        joined = _continued(before, drawn.ids, classes, known)
        names = np.zeros(len(mine) + 1, np.int32)
        for number, value in known.items():
            names[number] = joined.get(number, len(classes) + 1)
            classes[int(names[number])] = value
        ids[plane] = names[drawn.ids]
    return DrawnVolume(ids, classes, overlapped, lost)


def _continued(
    before: NDArray[np.int32],
    drawn: NDArray[np.int32],
    classes: Mapping[int, int],
    values: Mapping[int, int],
) -> dict[int, int]:
    """Return the object on the plane before that each outline goes on with, where there is one."""
    both = (before > 0) & (drawn > 0)
    pairs, shared = np.unique(np.stack([before[both], drawn[both]]), axis=1, return_counts=True)
    sizes = [
        dict(zip(*np.unique(each, return_counts=True), strict=True)) for each in (before, drawn)
    ]
    found: dict[int, int] = {}
    for n in np.argsort(-shared, kind="stable").tolist():
        old, new = map(int, pairs[:, n])
        smaller = min(sizes[0][old], sizes[1][new])
        is_free = new not in found and old not in found.values()
        if is_free and classes[old] == values[new] and shared[n] >= SHARED * smaller:
            found[new] = old
    return found


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
