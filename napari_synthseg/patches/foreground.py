"""What looks like the outlined objects: a linear discriminant of pixels, for one image part.

Where not every object is clicked, canvases must not show the others. Pixels inside the outlines are
compared with those around them, by brightness at two scales and by local roughness, so that bright,
dark, colored and textured objects are all told from their surroundings, if they can be.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.patches.stepwise import blurred, in_slabs

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
discriminant tells nothing."""


def mark_objectlike(
    pixels: FloatImage,
    inside: NDArray[np.bool_],
    around: NDArray[np.bool_],
    diameters: Sequence[float],
) -> Generator[Progress, None, NDArray[np.bool_] | None]:
    """Mark all that looks like the objects of one class; None where nothing tells them apart.

    Where too few pixels are outlined, or lie around, to learn from, nothing is marked.

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

    if min(np.count_nonzero(inside), np.count_nonzero(around)) < MIN_SAMPLES:
        return np.zeros(inside.shape, bool)
    described = yield from subprogress(describe_pixels(pixels, diameters), 0.0, 0.8)
    found = fit_foreground(*(sample_pixels(described, where) for where in (inside, around)))
    if found is None:
        return None
    work = in_slabs(lambda *features: found.apply(np.stack(features)) > OBJECT_LEVEL, *described)
    likely = yield from subprogress(work, 0.8, 0.9)
    return (yield from subprogress(in_slabs(ndimage.binary_opening, likely, reach=2), 0.9))


@dataclass(frozen=True, eq=False)
class Foreground:
    """What tells objects from their surroundings: a weight for each feature, and an offset."""

    weights: NDArray[np.float64]
    offset: float

    def apply(self, described: FloatImage) -> FloatImage:
        """Return a map ([z,] y, x) that is 0 on typical surroundings and 1 on a typical object."""
        weights = self.weights.astype(np.float32)
        level: FloatImage = np.tensordot(weights, described, axes=(0, 0)) - np.float32(self.offset)
        return level


def fit_foreground(object_pixels: FloatImage, ground_pixels: FloatImage) -> Foreground | None:
    """Learn what tells objects from their surroundings; None where nothing does.

    Parameters
    ----------
    object_pixels, ground_pixels
        Features as of `describe_pixels`, (feature, n). The surroundings may hold a few objects.
    """
    if min(object_pixels.shape[1], ground_pixels.shape[1]) < MIN_SAMPLES:
        return None
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
    return Foreground(weights, offset) if shares[0] - shares[1] >= MIN_ADVANTAGE else None


def describe_pixels(
    pixels: FloatImage, diameters: Sequence[float]
) -> Generator[Progress, None, FloatImage]:
    """Return what describes each pixel, (feature, [z,] y, x): of each channel three features."""
    fine, coarse, rough = (
        [max(MIN_SIGMA_PX, share * d) for d in diameters]
        for share in (FINE_DIAMETERS, COARSE_DIAMETERS, ROUGH_DIAMETERS)
    )
    described = np.empty((3 * len(pixels), *pixels.shape[1:]), np.float32)
    done = np.linspace(0, 1, len(described) + 1).tolist()
    for n, channel in enumerate(pixels):
        smooth, wide, roughness = described[3 * n : 3 * n + 3]
        yield from subprogress(blurred(channel, fine, smooth), *done[3 * n : 3 * n + 2])
        yield from subprogress(blurred(channel, coarse, wide), *done[3 * n + 1 : 3 * n + 3])
        squares = (channel - smooth) ** 2
        yield from subprogress(blurred(squares, rough, roughness), *done[3 * n + 2 : 3 * n + 4])
        np.sqrt(roughness, out=roughness)
    return described


def sample_pixels(described: FloatImage, where: NDArray[np.bool_]) -> FloatImage:
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
