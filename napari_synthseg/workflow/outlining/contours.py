"""From a mask to the closed lines that are drawn around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Line = NDArray[np.float32]
"""Vertices (y, x) of a closed line, pixel centers at whole numbers; the first is not repeated."""

MOST_VERTICES, PX_PER_VERTEX = 72, 2.5
"""Of one line: so many at most, and about one for so many pixels of its length."""

FEWEST_TO_SMOOTH = 16
"""A line of fewer vertices goes around a few pixels: smoothing would let it vanish."""


def outline_lines(mask: NDArray[np.bool_], origin: tuple[int, ...]) -> tuple[Line, ...]:
    """Return the lines around a mask and its holes, smooth to less than a pixel.

    Parameters
    ----------
    mask
        Shape (y, x).
    origin
        Position (y, x) of its first pixel in the image.
    """
    from skimage.measure import find_contours

    corner = np.array(origin, np.float32) - 1
    found = find_contours(np.pad(mask, 1).astype(np.float32), 0.5)
    return tuple(_thinned(line[:-1]) + corner for line in found)  # closed: the first is the last


def _thinned(line: NDArray[np.float64]) -> Line:
    if len(line) >= FEWEST_TO_SMOOTH:
        for _ in range(2):
            line = (np.roll(line, 1, axis=0) + 2 * line + np.roll(line, -1, axis=0)) / 4
        count = int(min(MOST_VERTICES, max(FEWEST_TO_SMOOTH, len(line) / PX_PER_VERTEX)))
        line = line[np.linspace(0, len(line), count, endpoint=False).astype(int)]
    return np.asarray(line, np.float32)
