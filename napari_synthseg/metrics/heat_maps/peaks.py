"""Peaks of a heat map as found objects: how many objects a map tells apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.metrics.assignment import assign
from napari_synthseg.metrics.counts import Counts
from napari_synthseg.metrics.heat_maps.one_map import stretch
from napari_synthseg.metrics.heat_maps.targets import Targets


def find_peaks(
    heat: NDArray[np.float64], distance: float, threshold: float = 0.5
) -> NDArray[np.float64]:
    """Return the peaks of a heat map, the highest first.

    A peak is a pixel above all its neighbors. Where several pixels of equal value touch, as in
    maps made by a coarse net, the one nearest to their middle stands for all of them. Of peaks
    that lie too close together, the highest stays.

    Parameters
    ----------
    heat
        Any finite numbers, shape (y, x).
    distance
        Peaks lie farther apart than this, pixels.
    threshold
        Share of the map's own range that a peak must reach, from 0 to 1.

    Returns
    -------
    Pixels, shape (peak, 2), whole numbers as float64; also what `Centers.of` takes. A constant
    map has no peak.
    """
    from scipy.spatial import KDTree

    points = _middles_of_maxima(heat)
    height = stretch(heat)[tuple(points.T)]
    order = np.argsort(-height, kind="stable")
    points = points[order][height[order] >= threshold]
    if not len(points):
        return np.empty((0, 2))
    positions = points.astype(np.float64)
    tree = KDTree(positions)
    free = np.ones(len(points), np.bool_)
    kept = []
    for i in range(len(points)):
        if free[i]:
            kept.append(i)
            free[tree.query_ball_point(positions[i], distance)] = False
    peaks: NDArray[np.float64] = positions[kept]
    return peaks


def count_peaks(peaks: NDArray[np.float64], targets: Targets) -> Counts:
    """Count the objects that hold a peak, one-to-one: a second peak in an object is false."""
    rows, columns = targets.hold(peaks)
    matched = assign(rows, columns, np.ones(rows.size)).size if rows.size else 0
    return Counts(len(targets.objects), len(peaks), matched)


def expect_matches(peaks: int, targets: Targets) -> float:
    """Return how many objects would hold a peak if each peak lay at a random pixel, on average.

    Where boxes overlap, this is a little more than one-to-one matching would give.
    """
    return float((1.0 - (1.0 - targets.shares) ** peaks).sum())


def _middles_of_maxima(heat: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return one pixel for each connected maximum: that nearest to the mean of its pixels."""
    from scipy.ndimage import label, mean
    from skimage.morphology import local_maxima

    parts, count = label(local_maxima(heat), np.ones((3, 3)))
    pixels = np.argwhere(parts)
    if not count or (count == 1 and len(pixels) == heat.size):
        return np.empty((0, 2), np.intp)
    part = parts[tuple(pixels.T)]
    middle = np.stack([mean(axis, part, np.arange(1, count + 1)) for axis in pixels.T], axis=1)
    off = ((pixels - middle[part - 1]) ** 2).sum(axis=1)
    order = np.lexsort((off, part))
    first = np.searchsorted(part[order], np.arange(1, count + 1))
    chosen: NDArray[np.intp] = pixels[order[first]]
    return chosen
