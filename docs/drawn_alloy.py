"""Draws micrographs of an alloy with two kinds of precipitates, and their exact masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion, gaussian_filter

CLASSES = ("coarse", "fine")
"""Of the values 1 and 2; the matrix is 0."""

PITCH = 52
"""How far coarse precipitates lie from each other, in pixels."""

FINE_SHARE = 0.3
"""Of what is left of the matrix."""

GRAYS = (80.0, 190.0, 135.0)
"""Of the matrix and of both classes."""


def draw_alloy(
    seed: int, shape: tuple[int, int] = (320, 416)
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw one micrograph.

    Parameters
    ----------
    seed : int
        Of everything that is random.
    shape : tuple of int
        Height and width in pixels.

    Returns
    -------
    image, mask : ndarray of uint8, shape (Y, X)
        The mask has the values of `CLASSES`, counted from 1.
    """
    rng = np.random.default_rng(seed)
    coarse = _coarse(rng, shape)
    matrix = ~binary_dilation(coarse, iterations=4)
    speckle = gaussian_filter(rng.standard_normal(shape), 4.0)
    fine = matrix & (speckle > np.quantile(speckle[matrix], 1 - FINE_SHARE))
    mask = (coarse + 2 * fine).astype(np.uint8)
    light = gaussian_filter(np.array(GRAYS)[mask], 0.8)
    light += 360 * gaussian_filter(rng.standard_normal(shape), 60)
    light += rng.normal(0, 7, shape)
    return np.clip(light, 0, 255).astype(np.uint8), mask


def _coarse(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return rounded blocks on a disturbed lattice, each in its own size."""
    y, x = np.indices(shape)
    bend_y, bend_x = (gaussian_filter(rng.standard_normal(shape), 30) * 400 for _ in range(2))
    coarse = np.zeros(shape, bool)
    for row in range(-PITCH, shape[0] + PITCH, PITCH):
        for column in range(-PITCH, shape[1] + PITCH, PITCH):
            center = np.array([row, column]) + rng.normal(0, 3, 2)
            half = rng.uniform(0.28, 0.46, 2) * PITCH
            off_y = np.abs(y + bend_y - center[0]) / half[0]
            off_x = np.abs(x + bend_x - center[1]) / half[1]
            coarse |= off_y**4 + off_x**4 < 1  # a square with rounded corners
    eroded: NDArray[np.bool_] = binary_erosion(coarse, border_value=1)
    return eroded
