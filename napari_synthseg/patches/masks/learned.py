"""Masks for what no single brightness tells: rings, textures, hollow or mottled objects.

A pixel classifier is trained on the spot. Pixels close to a click are objects, pixels far from
every click are surroundings, what lies between teaches nothing. Each pixel is described by its
channels at several scales: brightness, steepness, curvature, roughness. The classifier's
probability then is the foreground.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.patches.masks.level import find_by_level
from napari_synthseg.patches.masks.outline import OutlineRule, find_by_outline
from napari_synthseg.patches.masks.seeded_foreground import SeededForeground

OBJECT_RADII, SURROUNDINGS_RADII = 0.7, 1.3
"""Closer to a click than the first (class radii): object; farther than the second: surroundings."""

SCALES_DIAMETERS = (0.05, 0.1, 0.2, 0.4)
"""Sigmas of the pixel descriptions."""

REDUCED_SIGMA_PX = 5.0
"""For larger sigmas an image is reduced first; then the sigma is so many pixels at least."""

MAX_SAMPLES = 20_000
"""Pixels of either kind that are learned from, at most."""

TREES, LEAF_SAMPLES = 30, 20

MAX_CHANNELS = 6
"""Of more channels only so many, evenly chosen, are described, to bound memory and time."""


@dataclass(frozen=True, eq=False)
class PixelClassifier:
    """A trained forest; `radius` is half a class diameter along each spatial axis, pixels."""

    forest: Any
    radius: tuple[float, ...]

    def apply(self, pixels: FloatImage) -> FloatImage:
        """Return each pixel's probability to be object; `pixels` is (channel, [z,] y, x)."""
        described = describe_pixels(pixels, self.radius)
        rows = described.reshape(described.shape[0], -1).T
        probability = self.forest.predict_proba(rows)[:, 1].astype(np.float32)
        result: FloatImage = probability.reshape(pixels.shape[1:])
        return result


def train_classifier(
    windows: Sequence[FloatImage], distances: Sequence[NDArray[np.float32]], radius: Sequence[float]
) -> PixelClassifier | None:
    """Train a classifier; None where there is no object or no surroundings to learn from.

    Parameters
    ----------
    windows
        Windows around clicks, each (channel, [z,] y, x).
    distances
        Distance of each pixel to the nearest click, in class radii, each ([z,] y, x).
    radius
        Half a class diameter along each spatial axis, pixels.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    rng = np.random.default_rng(0)
    kinds: tuple[list[FloatImage], list[FloatImage]] = ([], [])
    for window, distance in zip(windows, distances, strict=True):
        described = describe_pixels(window, tuple(radius))
        for kind, chosen in enumerate((distance > SURROUNDINGS_RADII, distance < OBJECT_RADII)):
            where = np.flatnonzero(chosen)
            most = max(1, MAX_SAMPLES // len(windows))
            if len(where) > most:
                where = rng.choice(where, most, replace=False)
            kinds[kind].append(described.reshape(len(described), -1)[:, where].T)
    outside, inside = (np.concatenate(k) for k in kinds)
    if min(len(outside), len(inside)) < LEAF_SAMPLES:
        return None
    forest = ExtraTreesClassifier(
        TREES, min_samples_leaf=LEAF_SAMPLES, class_weight="balanced", random_state=0
    )
    truth = np.repeat([0, 1], [len(outside), len(inside)])
    forest.fit(np.concatenate([outside, inside]), truth)
    return PixelClassifier(forest, tuple(float(r) for r in radius))


def find_by_probability(block: SeededForeground) -> NDArray[np.int32]:
    """Return objects of a block whose foreground is a classifier's probability."""
    if block.foreground.ndim == 2:
        # the size of the class counts for more here, and edges for less
        return find_by_outline(block, OutlineRule(level=block.level, edge=1.0, size=1.2))
    return find_by_level(block)


def describe_pixels(pixels: FloatImage, radius: Sequence[float]) -> FloatImage:
    """Return what describes each pixel, shape (feature, [z,] y, x)."""
    step = -(-len(pixels) // MAX_CHANNELS)
    described = []
    for channel in pixels[::step]:
        described.append(ndimage.gaussian_filter(channel, 0.7))
        for scale in SCALES_DIAMETERS:
            sigma = [max(0.7, 2 * scale * r) for r in radius]
            described += _at_scale(channel, sigma, _describe)
        sigma = [max(1.0, 0.2 * r) for r in radius]
        mean, square = (
            _at_scale(c, sigma, lambda part, s: [ndimage.gaussian_filter(part, s)])[0]
            for c in (channel, channel * channel)
        )
        described.append(np.sqrt(np.maximum(square - mean * mean, 0)))
    result: FloatImage = np.stack(described).astype(np.float32)
    return result


def _at_scale(
    channel: FloatImage,
    sigma: Sequence[float],
    describe: Callable[[FloatImage, Sequence[float]], list[FloatImage]],
) -> list[FloatImage]:
    """Describe an image at a scale; at a coarse one, where it is much faster, on fewer pixels."""
    factors = [max(1, int(s / REDUCED_SIGMA_PX)) for s in sigma]
    if max(factors) == 1:
        return describe(channel, sigma)
    extra = [(0, -n % f) for n, f in zip(channel.shape, factors, strict=True)]
    padded = np.pad(channel, extra, mode="edge")
    split = [m for n, f in zip(padded.shape, factors, strict=True) for m in (n // f, f)]
    small = padded.reshape(split).mean(axis=tuple(range(1, 2 * channel.ndim, 2)))
    inside = tuple(slice(0, n) for n in channel.shape)
    found = describe(small, [s / f for s, f in zip(sigma, factors, strict=True)])
    return [
        ndimage.zoom(each, factors, order=1, mode="nearest", grid_mode=True)[inside]
        for each in found
    ]


def _describe(channel: FloatImage, sigma: Sequence[float]) -> list[FloatImage]:
    """Return brightness, steepness and curvature at a scale."""
    return [ndimage.gaussian_filter(channel, sigma), *_shape_of(channel, sigma)]


def _shape_of(channel: FloatImage, sigma: Sequence[float]) -> tuple[FloatImage, FloatImage]:
    """Return steepness and curvature at a scale, both in units of that scale."""
    steep = ndimage.gaussian_gradient_magnitude(channel, sigma) * np.float32(max(sigma))
    curved = ndimage.gaussian_laplace(channel, sigma) * np.float32(max(sigma) ** 2)
    return steep, curved
