"""How sharp a patch's object is, from its outline alone."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from napari_synthseg.core.patch import Patch

FINE, COARSE = 1.0, 3.0
"""Scales that slopes are compared at, pixels. Blur takes the fine ones away first."""

RIM = 3
"""Width of the band on either side of the outline that is looked at, pixels."""


def sharpness(patch: Patch) -> float:
    """Return how much steeper the outline is at a fine scale than at a coarse one.

    Contrast and brightness cancel out, so that dim and bright objects compare, and so do channels.
    In volumes only slopes within the planes count. On real images with blur made on purpose this
    told blurred objects better than the slope of the outline or fine detail as a share of contrast.
    """
    pixels, mask = _trimmed(patch)
    inner = ndimage.binary_erosion(mask, iterations=RIM)
    band = ndimage.binary_dilation(mask, iterations=RIM) & ~inner
    fine, coarse = (_steepest(pixels, band, sigma) for sigma in (FINE, COARSE))
    return float(np.sqrt(fine / max(coarse, 1e-12)))


def _trimmed(patch: Patch) -> tuple[np.ndarray, np.ndarray]:
    """Cut the window down to the object and what its slopes depend on."""
    reach = RIM + round(3 * COARSE)
    where = tuple(
        slice(max(0, int(hits.min()) - reach), int(hits.max()) + reach + 1)
        for hits in np.nonzero(patch.mask)
    )
    return patch.pixels[(slice(None), *where)], patch.mask[where]


def _steepest(pixels: np.ndarray, band: np.ndarray, sigma: float) -> float:
    """Return the mean square of the steepest third of the slopes in a band, over all channels."""
    flat = (0.0,) * (pixels.ndim - 3)
    total = 0.0
    for channel in pixels:
        squares = np.zeros(np.count_nonzero(band), np.float32)
        for order in ((1, 0), (0, 1)):
            slope = ndimage.gaussian_filter(
                channel, (*flat, sigma, sigma), (*(0,) * len(flat), *order), truncate=3
            )
            squares += slope[band] ** 2
        top = max(1, len(squares) // 3)
        total += float(np.partition(squares, -top)[-top:].mean())
    return total
