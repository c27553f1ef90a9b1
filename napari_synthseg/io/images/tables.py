"""What stored numbers mean where a file says it: color tables, alpha, inks, and white as zero."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

MIN_SCALE_COLORS = 64
"""A table that shows brightness as color has at least so many colors, ..."""

MAX_SCALE_SWINGS = 6.0
"""... and runs through the range of red, green or blue at most so often."""

MIN_GRAY_SHARE = 0.8
"""A table of gray values may hold some colors, for lines and letters drawn into the image."""

TableKind = Literal["gray", "scale", "colors"]
"""What a color table is for: gray values; gray values shown in color; or colors."""


def table_kind(table: NDArray[np.uint8]) -> TableKind:
    """Tell what a color table (entry, red green blue) is for.

    Programs write the table by which they show gray values ("fire", "viridis") as they write the
    palette of a picture. The first is a smooth path through many colors, the second jumps.
    """
    used = table[: np.flatnonzero(table.any(axis=1)).max(initial=0) + 1]
    gray = (used == used[:, :1]).all(axis=1)
    if gray.all():
        return "gray"
    if len(used) >= MIN_SCALE_COLORS and gray.mean() >= MIN_GRAY_SHARE and is_ascending(used[gray]):
        return "scale"
    swings = np.abs(np.diff(used.astype(int), axis=0)).sum(axis=0).max(initial=0) / 255
    smooth = len(np.unique(used, axis=0)) >= MIN_SCALE_COLORS and swings <= MAX_SCALE_SWINGS
    return "scale" if smooth else "colors"


def inverted(array: NDArray[Any], bits: int) -> NDArray[Any]:
    """Return unsigned numbers of so many bits, or bools, with white and black exchanged."""
    if array.dtype.kind == "b":
        return ~array.astype(np.bool_)
    return np.asarray(array.dtype.type(2**bits - 1) - array)


def from_inks(inks: NDArray[Any]) -> NDArray[Any]:
    """Return red, green and blue of cyan, magenta, yellow and black; all along the last axis.

    Without a color profile, as plain converters do.
    """
    most = np.iinfo(inks.dtype).max
    left = most - inks.astype(np.uint64)
    return (left[..., :3] * left[..., 3:4] // most).astype(inks.dtype)


def is_ascending(table: NDArray[np.uint8]) -> bool:
    """Tell whether a gray table only grows, so that its indices are gray values themselves."""
    return bool((np.diff(table[:, 0].astype(int)) >= 0).all())


def look_up(table: NDArray[np.uint8], indices: NDArray[Any]) -> NDArray[np.uint8]:
    """Return what a table holds at some indices; those beyond it mean its last entry."""
    found: NDArray[np.uint8] = table[np.minimum(indices, len(table) - 1)]
    return found
