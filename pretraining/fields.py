"""Random fields: textures, uneven light, grain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float32]


def coarse_noise(
    shape: tuple[int, int], scale_px: float, rng: np.random.Generator, stretch: float = 1.0
) -> Array:
    """Return Gaussian noise of unit variance whose grains are about `scale_px` wide.

    With a `stretch` above 1 the grains are longer along x.
    """
    steps = np.maximum(np.array([scale_px, scale_px * stretch]) * 0.7, 1.0)
    small = np.ceil(np.array(shape) / steps).astype(int) + 3
    noise = rng.standard_normal(small, np.float32)
    rows = _spread(shape[0], small[0], steps[0], rng)
    columns = _spread(shape[1], small[1], steps[1], rng)
    field = rows @ noise @ columns.T
    return field / np.float32(max(float(field.std()), 1e-6))


def _spread(count: int, small: int, step: float, rng: np.random.Generator) -> Array:
    """Return the weights (count, small) that enlarge a row of values smoothly."""
    place = np.arange(count, dtype=np.float32) / np.float32(step) + np.float32(1 + rng.uniform())
    away = np.abs(place[:, None] - np.arange(small, dtype=np.float32))
    near = np.maximum(1 - away / 1.5, 0) ** 2  # close to a spline, and cheap
    return near / near.sum(axis=1, keepdims=True)


def rough_noise(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Return noise of several scales, as tissue, film and etched metal have it."""
    longest = max(shape)
    field = np.zeros(shape, np.float32)
    slope = rng.uniform(0.2, 1.3)
    stretch = float(np.exp(abs(rng.normal(0, 0.5)))) if rng.random() < 0.3 else 1.0
    scale = float(rng.uniform(1.0, 3.0))
    while scale < longest / 2:
        field += np.float32(scale**slope) * coarse_noise(shape, scale, rng, stretch)
        scale *= 2.2
    if rng.random() < 0.3:
        field = np.abs(field)  # creases
    if rng.random() < 0.5:
        field = field.T.copy() if field.shape[0] == field.shape[1] else field
    field -= field.mean()
    return field / np.float32(max(float(field.std()), 1e-6))


def uneven_light(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Return a smooth field between about -1 and 1: a slope, a bowl, or clouds."""
    y = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, shape[1], dtype=np.float32)
    kind = rng.integers(3)
    if kind == 0:
        angle = rng.uniform(0, 2 * np.pi)
        return np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y
    if kind == 1:
        off_y, off_x = rng.normal(0, 0.4, 2).astype(np.float32)
        return 1 - (y - off_y) ** 2 - (x - off_x) ** 2
    return coarse_noise(shape, max(shape) / rng.uniform(1.5, 5), rng) * np.float32(0.6)


def soften(field: Array, sigma: float) -> Array:
    """Blur a field; nothing happens below a sixth of a pixel."""
    if sigma < 0.15:
        return field
    return ndimage.gaussian_filter(field, sigma, mode="nearest", truncate=3.0)
