"""The bar with magnification and scale that electron microscopes burn into the bottom of an image.

It is told by all of this together: rows down to the bottom that are mostly of one value, or of one
value altogether (lines); letters in them, of another value far away; an image above that is not
of that value; and a sharp edge between, where objects on a flat background end little by little.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MIN_ROWS, MIN_SHARE, MAX_SHARE = 8, 0.02, 0.25
"""A bar is at least so many rows high, and between these shares of the image's height."""

GROUND_SHARE = 0.4
"""Share of each row that is ground."""

LINE_SHARE = 0.95
"""Share of a row of one value, of whichever, that is a line."""

LETTER_SHARE = 0.003, 0.5
"""Share of the bar that is letters: from, to."""

TOLERANCE = 0.04
"""What counts as one value, as a share of the image's range: JPEG blurs."""

LETTER_CONTRAST = 0.3
"""How far letters are from the ground at least, on the median, as a share of the image's range."""

IMAGE_SHARE = 0.3
"""Share of the ground's value in the rows above the bar, at most, on the median."""


EDGE_ROWS, MIN_STEP = 4, 0.5
"""So much larger is the share of ground in so many rows of the bar's top than in those above."""


def find_bar(image: NDArray[Any]) -> int | None:
    """Return the first row of the information bar of an image (channel, y, x); None if it has none.

    Nothing is to be left out on this word alone: it is a guess.
    """
    gray = np.asarray(image, np.float64).mean(axis=0)
    height = len(gray)
    most = int(MAX_SHARE * height) + 1
    span = float(gray.max() - gray.min())
    if height < 4 * MIN_ROWS or span == 0 or not np.isfinite(span):
        return None
    bottom = gray[-most - most :]
    ground = _mode(bottom[-max(MIN_ROWS, int(MIN_SHARE * height)) :], span)
    is_ground = np.abs(bottom - ground) <= TOLERANCE * span
    shares = is_ground.mean(axis=1)
    lines = np.abs(bottom - np.median(bottom, axis=1)[:, None]) <= TOLERANCE * span
    is_line = lines.mean(axis=1) >= LINE_SHARE
    in_bar = (shares >= GROUND_SHARE) | is_line
    others = np.flatnonzero(~in_bar)
    first = int(others[-1]) + 1 if len(others) else 0
    rows = len(bottom) - first
    if not max(MIN_ROWS, MIN_SHARE * height) <= rows <= MAX_SHARE * height:
        return None
    top = np.maximum(shares, is_line)[first : first + EDGE_ROWS].mean()
    if first == 0 or top - shares[max(first - EDGE_ROWS, 0) : first].mean() < MIN_STEP:
        return None
    letters = ~is_ground[first:]
    if not LETTER_SHARE[0] <= letters.mean() <= LETTER_SHARE[1]:
        return None
    far = np.abs(bottom[first:][letters] - ground)
    above = shares[max(first - rows, 0) : first]
    if np.median(far) < LETTER_CONTRAST * span or np.median(above) > IMAGE_SHARE:
        return None
    return height - rows


def _mode(values: NDArray[np.float64], span: float) -> float:
    """Return the most common value, as finely as values are told apart."""
    step = TOLERANCE * span / 2
    bins = np.round(values / step).astype(np.int64)
    found, counts = np.unique(bins, return_counts=True)
    return float(np.median(values[bins == found[np.argmax(counts)]]))
