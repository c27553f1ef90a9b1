"""How often objects are cut off by the border of an image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_synthseg.core.patch import PatchLibrary
from napari_synthseg.synthesis.paste.placement import NATURAL

LEAST = 10
"""Fewer clicks than this tell nothing of the border."""

OUTERMOST = 0.95
"""Farther outside, in halves of an object, there is hardly anything left to see of it."""


def share_cut(half: float, border: float, shape: Sequence[int]) -> float:
    """Return the share of objects that a window's border cuts off.

    Parameters
    ----------
    half
        Half the extent of an object, pixels.
    border
        Centers lie anywhere up to this many halves outside the border (inside, if negative).
    shape
        The window's extent along the axes that count, pixels.
    """
    whole = [max(n - 2 * half, 0) / max(n + 2 * border * half, 1e-9) for n in shape]
    return 1 - float(np.prod(np.minimum(whole, 1)))


def border_for(share: float, half: float, shape: Sequence[int]) -> float:
    """Return the `border` at which a share of the objects is cut off, as near as can be."""
    low, high = -1.0, OUTERMOST
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if share_cut(half, middle, shape) < share else (low, middle)
    return (low + high) / 2


def measure_border(library: PatchLibrary) -> float:
    """Return the `border` of the clicked images: how far outside them centers lie.

    Images that are not clicked exhaustively do not tell, nor do volumes.
    """
    found, weights = [], []
    for background, statistics in zip(library.backgrounds, library.statistics, strict=True):
        patches = [p for p in library.patches if p.image == background.image and p.mask.any()]
        if not statistics.exhaustive or len(patches) < LEAST or background.valid.ndim != 2:
            continue
        share = float(np.mean([p.touches_border for p in patches]))
        found.append(border_for(share, mean_half(library), background.valid.shape))
        weights.append(len(patches))
    return float(np.average(found, weights=weights)) if found else NATURAL


def mean_half(library: PatchLibrary) -> float:
    """Return half the mean extent of the objects in the image plane, pixels."""
    usable = library.usable()[:1000]
    extents = [np.mean([np.ptp(np.nonzero(p.mask)[a]) + 1 for a in (-2, -1)]) for p in usable]
    return float(np.mean(extents)) / 2
