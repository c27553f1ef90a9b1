"""What the classifier sees of a crop: figures on brightness, fine grain, and structure.

The maps they are taken from are filtered once per window; windows are never divided between
training and test, so that no pixel is on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.pixels import FloatImage

Plane = NDArray[np.float32]
KINDS = ("brightness", "fine grain", "structure")
PERCENTILES = (1, 10, 25, 50, 75, 90, 99)
SCALES_PX = (1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True, eq=False)
class Maps:
    """A plane (channel, y, x) with its filtered versions, each by the kind of clue it gives."""

    plane: FloatImage
    filtered: Mapping[str, tuple[Plane, ...]]


def filter_plane(plane: FloatImage) -> Maps:
    """Filter a plane of shape (channel, y, x)."""
    from scipy.ndimage import convolve, gaussian_filter

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
    return Maps(plane, {"fine grain": tuple(grain), "structure": tuple(structure)})


def describe_crop(maps: Maps, top: int, left: int, edge: int) -> tuple[list[float], list[str]]:
    """Return the figures of a square crop, and the kind of clue that each of them is."""
    where = slice(top, top + edge), slice(left, left + edge)
    figures: list[float] = []
    for channel in maps.plane:
        crop = channel[where]
        figures += [*np.percentile(crop, PERCENTILES), float(crop.mean()), float(crop.std())]
    crops = maps.plane[(slice(None), *where)]
    figures += [_correlation(a, b) for n, a in enumerate(crops) for b in crops[n + 1 :]]
    kinds = ["brightness"] * len(figures)
    for number, grain in enumerate(maps.filtered["fine grain"]):
        crop = crops[number // 4]
        found = [*_moments(grain[where]), *_by_brightness(grain[where], crop)]
        found += [_lag(grain[where], axis) for axis in (0, 1)]
        figures += found
        kinds += ["fine grain"] * len(found)
    for structure in maps.filtered["structure"]:
        found = _moments(structure[where])
        figures += found
        kinds += ["structure"] * len(found)
    return figures, kinds


def _moments(values: Plane) -> list[float]:
    """Return the logarithmic spread, and the shape of the distribution in units of it."""
    low, quarter, middle, upper, high = np.percentile(values, (1, 25, 50, 75, 99))
    spread = float(values.std()) + 1e-6
    centered = (values - values.mean()) / spread
    return [
        float(np.log(spread)),
        float(np.log(upper - quarter + 1e-6)),
        float((high - middle) / spread),
        float((low - middle) / spread),
        float((centered**3).mean()),
        float(np.log((centered**4).mean() + 1e-6)),
    ]


def _by_brightness(grain: Plane, crop: Plane) -> list[float]:
    """Return the grain where the crop is dark and where it is bright: light makes noise."""
    dark = crop <= np.median(crop)
    return [float(np.log(np.abs(grain[m]).mean() + 1e-6)) if m.any() else -14.0
            for m in (dark, ~dark)]  # fmt: skip


def _lag(grain: Plane, axis: int) -> float:
    """Return the correlation of neighbors along an axis: interpolation leaves its mark there."""
    turned = np.moveaxis(grain, axis, 0)
    return _correlation(turned[:-1], turned[1:])


def _correlation(one: Plane, other: Plane) -> float:
    a, b = one - one.mean(), other - other.mean()
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + 1e-12))
