"""Outlines put where brightness crosses the middle between inside and outside.

The click network sees an object some twenty pixels wide and errs by a part of such a pixel. Where
inside and outside of an outline differ clearly, its course follows brightness more closely.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.pixels import FloatImage

BAND_PX = 2.0
"""How far from the outline anything changes, in pixels of the window."""

OUTSIDE_PX = 3.0
"""Width of what is taken for outside, beyond the band."""

CLEAR = 1.7
"""How many times their added spreads inside and outside must lie apart."""

PUSH, MOST = 2.0, 1.5
"""Logits that brightness adds at the level of the inside, and the most it adds of that."""

FEWEST_PX = 4


def follow_brightness(
    logits: FloatImage, mask: NDArray[np.bool_], told_apart: FloatImage
) -> FloatImage:
    """Return logits (y, x) moved near the outline of `mask`, as brightness says.

    `told_apart` is the plane that tells objects from their surroundings best.
    """
    if np.count_nonzero(mask) < FEWEST_PX:
        return logits
    depth = ndimage.distance_transform_edt(mask) - ndimage.distance_transform_edt(~mask)
    inside = told_apart[depth > min(BAND_PX, 0.6 * float(depth.max()))]
    outside = told_apart[(depth < -BAND_PX) & (depth > -BAND_PX - OUTSIDE_PX)]
    if min(len(inside), len(outside)) < FEWEST_PX:
        return logits
    near, far = float(np.median(inside)), float(np.median(outside))
    if abs(near - far) < max(CLEAR * float(inside.std() + outside.std()), 1e-6):
        return logits
    push = np.clip((2 * told_apart - near - far) / (near - far), -MOST, MOST)
    moved: FloatImage = np.where(np.abs(depth) <= BAND_PX, logits + PUSH * push, logits)
    return moved.astype(np.float32)
