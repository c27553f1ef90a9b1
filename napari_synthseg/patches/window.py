"""Windows round clicks: full-size cut-outs, edge-padded where they leave the image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.geometry import Region
from napari_synthseg.core.pixels import FloatImage


def window_round(position: Sequence[float], reach: Iterable[float]) -> Region:
    """Return the box of odd edge lengths that reaches `reach` pixels from a position's pixel.

    It may leave the image on any side.
    """
    center = [round(float(p)) for p in position]
    edge = [max(1, int(np.ceil(r))) for r in reach]
    return tuple((c - e, c + e + 1) for c, e in zip(center, edge, strict=True))


def enclose(
    mask: NDArray[np.bool_], origin: Sequence[int], window: Region, rim: Iterable[float]
) -> Region:
    """Widen a window where a mask (first pixel at `origin`) and a rim round it need more room."""
    where = np.nonzero(mask)
    if not where[0].size:
        return window
    return tuple(
        (min(a, int(w.min() + o - np.ceil(r))), max(b, int(w.max() + o + np.ceil(r)) + 1))
        for w, o, (a, b), r in zip(where, origin, window, rim, strict=True)
    )


def cut_image(pixels: FloatImage, origin: Sequence[int], window: Region) -> FloatImage:
    """Cut `window` from `pixels` (channel, [z,] y, x), repeating edge pixels outside.

    `origin` is the full-image position of the first pixel of `pixels`.
    """
    index = [
        np.clip(np.arange(a, b) - o, 0, n - 1)
        for (a, b), o, n in zip(window, origin, pixels.shape[1:], strict=True)
    ]
    return pixels[np.ix_(np.arange(len(pixels)), *index)]


def cut_mask(mask: NDArray[np.bool_], origin: Sequence[int], window: Region) -> NDArray[np.bool_]:
    """Cut `window` from a mask ([z,] y, x); False outside."""
    result = np.zeros([b - a for a, b in window], bool)
    source, target = [], []
    for (a, b), o, n in zip(window, origin, mask.shape, strict=True):
        start, stop = max(a - o, 0), min(b - o, n)
        if start >= stop:
            return result
        source.append(slice(start, stop))
        target.append(slice(start + o - a, stop + o - a))
    result[tuple(target)] = mask[tuple(source)]
    return result
