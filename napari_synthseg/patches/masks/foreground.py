"""The foreground discriminant: how much each pixel looks like the clicked objects.

The pixels right under the clicks are compared with the pixels of their surroundings. Fisher's
linear discriminant gives the direction, in the space of the smoothed channels, that separates them
best; so polarity (bright on dark or dark on bright) and the telling color are found, not asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.patches.masks.clicks import WINDOW_RADII, ImageClicks, Seeds
from napari_synthseg.patches.masks.nearest_seed import map_nearest_seeds, scale_along

CORE_DIAMETERS = 0.2
"""Radius of the disk under a click that is taken for object, in class diameters."""

NEAR_DIAMETERS, FAR_DIAMETERS = 0.8, 1.75
"""Surroundings lie between these distances from the clicks, in class diameters."""

SMOOTHING_DIAMETERS, MIN_SMOOTHING_PX = 0.03, 0.7
"""Sigma of the smoothing, and the least."""

MAX_CLICKS = 300
"""Clicks of a class that a discriminant is fitted to, at most."""


@dataclass(frozen=True, eq=False)
class ForegroundDiscriminant:
    """A linear map from smoothed channels to 0 (typical surroundings) .. 1 (typical object).

    `weights` has one entry per channel; `sigma` is the smoothing along each spatial axis, pixels.
    """

    weights: FloatImage
    offset: float
    sigma: tuple[float, ...]

    def apply(self, pixels: FloatImage) -> FloatImage:
        """Return the foreground, ([z,] y, x); `pixels` is (channel, [z,] y, x)."""
        combined = np.tensordot(self.weights, pixels, axes=(0, 0)).astype(np.float32)
        smooth: FloatImage = ndimage.gaussian_filter(combined, self.sigma)
        return smooth - np.float32(self.offset)


def discriminant_of_class(image: ImageClicks, value: int) -> ForegroundDiscriminant:
    """Fit a discriminant to windows around the clicks of one class."""
    radius = image.radii[value]
    mine = image.classes == value
    windows, core, around = [], [], []
    for window in image.windows(value, MAX_CLICKS):
        piece = image.pixels[(slice(None), *window)]
        start = np.array([s.start for s in window])
        near = image.near(window, WINDOW_RADII * radius)
        # distances in diameters of this class: to its own clicks, and to every click
        own, every = (
            map_nearest_seeds(
                piece.shape[1:], Seeds.alike(image.positions[n] - start, 2 * radius), FAR_DIAMETERS
            ).distance
            for n in (near[mine[near]], near)
        )
        windows.append(piece)
        core.append(own < CORE_DIAMETERS)
        around.append((every > NEAR_DIAMETERS) & (own < FAR_DIAMETERS))
    sigma = scale_along(radius, SMOOTHING_DIAMETERS * 2, MIN_SMOOTHING_PX)
    return fit_foreground_discriminant(windows, core, around, tuple(float(s) for s in sigma))


def fit_foreground_discriminant(
    windows: Sequence[FloatImage],
    core: Sequence[NDArray[np.bool_]],
    around: Sequence[NDArray[np.bool_]],
    sigma: tuple[float, ...],
) -> ForegroundDiscriminant:
    """Find the direction that separates object pixels from their surroundings.

    Parameters
    ----------
    windows
        Windows around clicks, each (channel, [z,] y, x).
    core, around
        For each window, which pixels lie under a click and which far from every click.
    sigma
        Smoothing along each spatial axis, pixels.

    Notes
    -----
    The surroundings may hold objects that nobody clicked: after a first fit, those of them that
    look more like the objects than like the rest are left out and the direction is fitted anew.
    """
    smooth = [ndimage.gaussian_filter(w, (0.0, *sigma)) for w in windows]
    inside = np.concatenate([s[:, m] for s, m in zip(smooth, core, strict=True)], axis=1)
    outside = np.concatenate([s[:, m] for s, m in zip(smooth, around, strict=True)], axis=1)
    if outside.shape[1] < 10:
        outside = np.concatenate([s.reshape(len(s), -1) for s in smooth], axis=1)
    weights, offset = _discriminant(inside, outside)
    plain = weights @ outside - offset < 0.5
    if 10 < np.count_nonzero(plain) < plain.size:
        weights, offset = _discriminant(inside, outside[:, plain])
    return ForegroundDiscriminant(weights.astype(np.float32), float(offset), sigma)


def _discriminant(inside: FloatImage, outside: FloatImage) -> tuple[NDArray[np.float64], float]:
    """Return weights and offset that map the two means to 1 and 0."""
    first, second = np.median(inside, axis=1), np.median(outside, axis=1)
    spread = np.atleast_2d(np.cov(inside)) + np.atleast_2d(np.cov(outside))
    ridge = 0.05 * np.trace(spread) / len(spread) + 1e-9
    direction = np.linalg.solve(spread + ridge * np.eye(len(spread)), first - second)
    length = float(direction @ (first - second))
    if length < 1e-12:
        direction, length = np.ones(len(first)), 1.0
    weights = direction / length
    return weights, float(weights @ second)
