"""Finding the value with which a program filled what it had no pixels for, as round a mosaic.

Such a value says nothing of the image, and would set its percentiles. It shows by all of this
together: it is the lowest or the highest value; it lies in one piece with the border of the image;
no other value comes near it, where noise or blur would lead up to it; and what is left is one wide
piece that varies, not objects on a background that is truly black.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MIN_SHARE = 0.005
"""Less of an image than this share moves no percentile."""

MIN_PX = 1024
"""In fewer pixels nothing can be told."""

MIN_AT_BORDER = 0.9
"""Share of the fill in pieces that reach the border."""

MIN_IN_ONE_PIECE = 0.8
"""Share of all other pixels that are in one piece, ..."""

MIN_DEPTH_SHARE = 0.04
"""... half of it so deep inside, as a share of the image's shortest edge."""


def find_fill(sample: NDArray[np.generic]) -> float | None:
    """Return the fill value of an image or a volume, from a grid of its pixels; None if none.

    Parameters
    ----------
    sample
        Stored values (channel, [z,] y, x). A pixel is filled where all channels have the value.
    """
    for darkest, channel in ((True, sample.max(axis=0)), (False, sample.min(axis=0))):
        finite = channel[np.isfinite(channel)] if channel.dtype.kind == "f" else channel
        if finite.size < MIN_PX:
            return None
        value = float(finite.min() if darkest else finite.max())
        filled = channel == value
        if filled.mean() >= MIN_SHARE and _stands_apart(value, finite) and _frames(filled):
            return value
    return None


def _stands_apart(value: float, values: NDArray[np.generic]) -> bool:
    """Tell whether no other value comes near: half the width of the others' bulk is left free."""
    others = values[values != value].astype(float)
    if not others.size:
        return False
    low, dark, middle, light, high = map(float, np.percentile(others, (0.05, 5, 50, 95, 99.95)))
    if value < low:
        return low - value > middle - dark > 0
    return value - high > high - middle and light > middle


def _frames(filled: NDArray[np.bool_]) -> bool:
    """Tell whether a mask is a frame, or pieces of one, round one wide piece."""
    from scipy import ndimage

    pieces, count = ndimage.label(filled)
    at_border = np.unique(
        np.concatenate([np.take(pieces, end, axis=a).ravel() for a in range(filled.ndim)
                        for end in (0, -1)])
    )  # fmt: skip
    areas = np.bincount(pieces.ravel(), minlength=count + 1)
    if areas[at_border[at_border > 0]].sum() < MIN_AT_BORDER * areas[1:].sum():
        return False
    inner, count = ndimage.label(~filled)
    sizes = np.bincount(inner.ravel(), minlength=count + 1)[1:]
    largest = int(np.argmax(sizes)) + 1
    if sizes[largest - 1] < MIN_IN_ONE_PIECE * sizes.sum():
        return False
    depth = ndimage.distance_transform_edt(~filled)[inner == largest]
    edge = min(n for n in filled.shape if n > 1)
    return bool(np.median(depth) >= MIN_DEPTH_SHARE * edge)
