"""What the classifier sees of a crop: figures on brightness, fine grain, and structure.

The maps they are taken from are filtered once per window; windows are never divided between
training and test, so that no pixel is on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve, gaussian_filter

from napari_synthseg.core.pixels import FloatImage

Plane = NDArray[np.float32]
CLUES = ("brightness", "fine grain", "structure")
PERCENTILES = (1, 10, 25, 50, 75, 90, 99)
SCALES_PX = (1.0, 2.0, 4.0, 8.0)


def filter_plane(plane: FloatImage) -> dict[str, list[Plane]]:
    """Return a plane (channel, y, x) and its filtered versions, by the clue that each gives."""
    grain: list[Plane] = []
    structure: list[Plane] = []
    laplace = np.array([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]], np.float32) / 4
    for channel in plane:
        smooth = [gaussian_filter(channel, s) for s in SCALES_PX]
        grain += [
            convolve(channel, laplace, mode="reflect"),  # blind to edges that are straight
            channel - smooth[0],
            np.diff(channel, axis=0, append=channel[-1:]),
            np.diff(channel, axis=1, append=channel[:, -1:]),
        ]
        structure += [a - b for a, b in pairwise(smooth)]
        structure.append(np.hypot(*np.gradient(smooth[0])))
    return dict(zip(CLUES, (list(plane), grain, structure), strict=True))


def describe_crop(
    maps: dict[str, list[Plane]], top: int, left: int, edge: int
) -> list[list[float]]:
    """Return the figures of a square crop of what `filter_plane` gives, one list for each clue."""
    where = slice(top, top + edge), slice(left, left + edge)
    channels, grains, structures = ([plane[where] for plane in maps[clue]] for clue in CLUES)
    brightness: list[float] = []
    for crop in channels:
        brightness += [*_percentiles(crop, PERCENTILES), float(crop.mean()), float(crop.std())]
    brightness += [_correlation(a, b) for a, b in combinations(channels, 2)]
    dark = [crop <= np.median(crop) for crop in channels]
    fine: list[float] = []
    for number, grain in enumerate(grains):
        fine += [*_moments(grain), *_by_brightness(grain, dark[number // 4])]
        fine += [_correlation(grain[:-1], grain[1:]), _correlation(grain[:, :-1], grain[:, 1:])]
    return [brightness, fine, [figure for plane in structures for figure in _moments(plane)]]


def _percentiles(values: Plane, percents: Sequence[int]) -> list[float]:
    """Return percentiles as `np.percentile` does, in a fraction of its time for a small crop."""
    ordered = np.sort(values, axis=None)
    places = np.asarray(percents) / 100 * (ordered.size - 1)
    below = places.astype(np.int64)
    low, high = ordered[below], ordered[np.minimum(below + 1, ordered.size - 1)]
    found: list[float] = (low + (places - below) * (high - low)).tolist()
    return found


def _moments(values: Plane) -> list[float]:
    """Return the logarithmic spread, and the shape of the distribution in units of it."""
    low, quarter, middle, upper, high = _percentiles(values, (1, 25, 50, 75, 99))
    centered = values - values.mean()
    squares = centered * centered  # powers above 2 would take thirty times as long
    spread = float(np.sqrt(squares.mean())) + 1e-6
    return [
        float(np.log(spread)),
        float(np.log(upper - quarter + 1e-6)),
        float((high - middle) / spread),
        float((low - middle) / spread),
        float((squares * centered).mean()) / spread**3,
        float(np.log(float((squares * squares).mean()) / spread**4 + 1e-6)),
    ]


def _by_brightness(grain: Plane, dark: NDArray[np.bool_]) -> list[float]:
    """Return the grain where the crop is dark and where it is bright: light makes noise."""
    size = np.abs(grain)
    return [float(np.log(size[m].mean() + 1e-6)) if m.any() else -14.0
            for m in (dark, ~dark)]  # fmt: skip


def _correlation(one: Plane, other: Plane) -> float:
    a, b = one - one.mean(), other - other.mean()
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + 1e-12))
