"""What looks like the outlined objects: a linear discriminant of pixels, for one image part.

Where not every object is clicked, canvases must not show the others. Pixels inside the outlines are
compared with those around them, by brightness at two scales and by local roughness, so that bright,
dark, colored and textured objects are all told from their surroundings, if they can be.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.pixels import FloatImage

FINE_DIAMETERS, COARSE_DIAMETERS, ROUGH_DIAMETERS = 0.03, 0.2, 0.15
"""Sigmas of what describes a pixel, in class diameters."""

MIN_SIGMA_PX = 0.7

MAX_SAMPLES = 20_000
"""Pixels of either kind that the discriminant is fitted to, at most."""

MIN_SAMPLES = 20

OBJECT_LEVEL = 0.4
"""Where objects end: share of the way from typical surroundings (0) to typical object (1)."""

MIN_ADVANTAGE = 0.4
"""With a smaller difference between the shares of objects and of surroundings above the level, the
discriminant tells nothing, and nothing is marked."""


def mark_objectlike(
    pixels: FloatImage,
    inside: NDArray[np.bool_],
    around: NDArray[np.bool_],
    diameters: Sequence[float],
) -> NDArray[np.bool_]:
    """Mark all that looks like the objects of one class.

    Parameters
    ----------
    pixels
        Shape (channel, [z,] y, x).
    inside, around
        Pixels of the outlined objects, and of their surroundings, where there may be a few more
        objects, ([z,] y, x).
    diameters
        The class diameter along each spatial axis, pixels.
    """
    from scipy import ndimage

    nothing = np.zeros(inside.shape, bool)
    described = describe_pixels(pixels, diameters)
    object_pixels, ground_pixels = (_sample(described, where) for where in (inside, around))
    if min(object_pixels.shape[1], ground_pixels.shape[1]) < MIN_SAMPLES:
        return nothing
    weights, offset = _discriminant(object_pixels, ground_pixels)
    plain = weights @ ground_pixels - offset < 0.5
    if MIN_SAMPLES < np.count_nonzero(plain) < plain.size:
        # the surroundings may hold objects that nobody clicked: they are left out
        ground_pixels = ground_pixels[:, plain]
        weights, offset = _discriminant(object_pixels, ground_pixels)
    shares = [
        float((weights @ sample - offset > OBJECT_LEVEL).mean())
        for sample in (object_pixels, ground_pixels)
    ]
    if shares[0] - shares[1] < MIN_ADVANTAGE:
        return nothing
    foreground = np.tensordot(weights.astype(np.float32), described, axes=(0, 0)) - offset
    marked: NDArray[np.bool_] = ndimage.binary_opening(foreground > OBJECT_LEVEL)
    return marked


def describe_pixels(pixels: FloatImage, diameters: Sequence[float]) -> FloatImage:
    """Return what describes each pixel, (feature, [z,] y, x): of each channel three features."""
    from scipy import ndimage

    fine, coarse, rough = (
        [max(MIN_SIGMA_PX, share * d) for d in diameters]
        for share in (FINE_DIAMETERS, COARSE_DIAMETERS, ROUGH_DIAMETERS)
    )
    described = []
    for channel in pixels:
        smooth = ndimage.gaussian_filter(channel, fine)
        roughness = ndimage.gaussian_filter((channel - smooth) ** 2, rough)
        described += [smooth, ndimage.gaussian_filter(channel, coarse), np.sqrt(roughness)]
    return np.stack(described)


def _sample(described: FloatImage, where: NDArray[np.bool_]) -> FloatImage:
    """Return some of the marked pixels, (feature, n)."""
    places = np.flatnonzero(where)
    places = places[:: max(1, len(places) // MAX_SAMPLES)]
    return described.reshape(len(described), -1)[:, places]


def _discriminant(inside: FloatImage, outside: FloatImage) -> tuple[NDArray[np.float64], float]:
    """Return weights and offset that map the two medians to 1 and 0 (Fisher's discriminant)."""
    first, second = np.median(inside, axis=1), np.median(outside, axis=1)
    spread = np.atleast_2d(np.cov(inside)) + np.atleast_2d(np.cov(outside))
    # features differ in scale: the ridge is a share of each one's own spread
    spread += np.diag(0.05 * np.diag(spread) + 1e-9)
    direction = np.linalg.solve(spread, first - second)
    length = float(direction @ (first - second))
    weights = direction / max(length, 1e-12)
    return weights, float(weights @ second)
