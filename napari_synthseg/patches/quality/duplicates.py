"""Patches that show the same object: clicked twice, or on an image that is there twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_synthseg.core.geometry import intersect, region_slices
from napari_synthseg.core.patch import Patch
from napari_synthseg.patches.window import bounds

CLOSE_DIAMETERS, SAME_DIAMETERS = 0.5, 0.3
"""Clicks of a class nearer than the first may be on the same object; nearer than the second, they
are."""

MAX_JOINT_SIZE = 1.5
"""Two masks that together are smaller than this many usual ones are one object, divided between
its two clicks; two objects that lie close are about twice the usual size together."""

KEY_REACH_PX, CHECKED_REACH_PX = 2, 7
"""To each side of an object's brightest pixel: what pictures are looked up by, and what must agree
before two pictures are called the same."""

MIN_CORRELATION = 0.999
"""Of the checked pixels, from which two pictures are the same. The noise of two shots of one object
is different already."""


def find_double_clicks(
    patches: Sequence[Patch], diameter: float
) -> Iterator[tuple[Patch, Patch, float]]:
    """Yield pairs (earlier, later, distance in diameters) of clicks on one object.

    Parameters
    ----------
    patches
        Of one class on one image, in the order of their clicks.
    diameter
        The class diameter along the finest axis, pixels.
    """
    places = np.array([np.add(p.origin, p.center) for p in patches]) * _stretch(patches)
    pairs = sorted(cKDTree(places).query_pairs(CLOSE_DIAMETERS * diameter))
    if not pairs:
        return
    close = {n for pair in pairs for n in pair}
    areas = [p.area for n, p in enumerate(patches) if n not in close and p.area]
    usual = float(np.median(areas)) if areas else np.inf
    for first, second in pairs:
        one, other = patches[first], patches[second]
        away = float(np.linalg.norm(places[first] - places[second]) / diameter)
        if away < SAME_DIAMETERS or joint_area(one, other) < MAX_JOINT_SIZE * usual:
            yield one, other, away


def _stretch(patches: Sequence[Patch]) -> NDArray[np.float64]:
    """Return factors that make pixels of a volume with thick planes about cubic.

    Objects are about as high as they are wide, so their extents give the factors.
    """
    ndim = len(patches[0].center)
    if ndim == 2:
        return np.ones(2)
    extents = [np.diff(bounds(p.mask))[:, 0] for p in patches if p.area]
    usual = np.median(extents, axis=0) if extents else np.ones(3)
    factors: NDArray[np.float64] = np.maximum(usual.max() / usual, 1.0)
    return factors


def joint_area(one: Patch, other: Patch) -> int:
    """Return the number of pixels that are in either of two masks of one image."""
    both = intersect(one.window, other.window)
    shared = 0
    if both is not None:
        first, second = (p.mask[region_slices(both, p.origin)] for p in (one, other))
        shared = int(np.count_nonzero(first & second))
    return one.area + other.area - shared


def find_same_pictures(patches: Sequence[Patch]) -> Iterator[tuple[Patch, Patch]]:
    """Yield pairs (earlier, later) of patches of different images that show the same pixels.

    That happens when an image is in the project twice, or two images overlap.
    """
    seen: dict[bytes, Patch] = {}
    for patch in patches:
        if not patch.area:
            continue
        around = _surroundings(patch, KEY_REACH_PX)
        span = np.ptp(around)
        if span < 1e-6:
            continue  # flat: it could be any other
        key = np.round((around - around.min()) / span, 2).astype(np.float16).tobytes()
        first = seen.setdefault(key, patch)
        if first.image != patch.image and _look_alike(first, patch):
            yield first, patch


def _surroundings(patch: Patch, reach: int) -> NDArray[np.float32]:
    """Return the pixels around the object's brightest one, in its plane, of the first channel."""
    channel = patch.pixels[0]
    spots = np.flatnonzero(patch.mask)
    top = np.unravel_index(spots[channel.ravel()[spots].argmax()], channel.shape)
    plane = channel[tuple(top[:-2])]
    row, column = (int(t) for t in top[-2:])
    around: NDArray[np.float32] = plane[
        max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1
    ]
    return around


def _look_alike(one: Patch, other: Patch) -> bool:
    first, second = (_surroundings(p, CHECKED_REACH_PX).ravel() for p in (one, other))
    if first.size != second.size:
        return False  # the window of one ends there
    if min(np.ptp(first), np.ptp(second)) < 1e-6:
        return False
    return bool(np.corrcoef(first, second)[0, 1] > MIN_CORRELATION)
