"""Windows around clicks: full-size cut-outs, edge-padded where they leave the image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.geometry import Region
from napari_synthseg.core.patch import Outline
from napari_synthseg.core.pixels import FloatImage, PixelSource

RIM_DIAMETERS = 0.2
"""How far beyond its mask a pixel may belong to an object, because of its blur."""


def window_around(position: Sequence[float], reach: Iterable[float]) -> Region:
    """Return the box of odd edge lengths that reaches `reach` pixels from a position's pixel.

    It may leave the image on any side.
    """
    center = [round(float(p)) for p in position]
    edge = [max(1, int(np.ceil(r))) for r in reach]
    return tuple((c - e, c + e + 1) for c, e in zip(center, edge, strict=True))


def read_window(source: PixelSource, window: Region) -> FloatImage:
    """Read `window` of an image as (channel, [z,] y, x), repeating edge pixels outside."""
    inside = tuple(
        (min(max(a, low), high - 1), max(min(b, high), low + 1))
        for (a, b), (low, high) in zip(window, source.region, strict=True)
    )
    return cut_image(source.read(inside), [a for a, _ in inside], window)


def bounds(mask: NDArray[np.bool_]) -> Region:
    """Return the box of all that is True in a mask; there is at least one pixel."""
    spans = []
    for axis in range(mask.ndim):
        hits = np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        spans.append((int(hits[0]), int(hits[-1]) + 1))
    return tuple(spans)


def placed_bounds(mask: NDArray[np.bool_], origin: Sequence[int]) -> Region:
    """Return the box of all that is True in a mask whose first pixel lies at `origin`."""
    return tuple((a + o, b + o) for (a, b), o in zip(bounds(mask), origin, strict=True))


def inner_point(outline: Outline) -> tuple[float, ...]:
    """Return the innermost pixel of an outline, ([z,] y, x) of the image."""
    from scipy import ndimage  # here: the panel shall open without

    depth = ndimage.distance_transform_edt(np.pad(outline.mask, 1))
    at = np.unravel_index(int(depth.argmax()), depth.shape)
    return tuple(float(a - 1 + o) for a, o in zip(at, outline.origin, strict=True))


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
