"""The edge of an object where another one lay against it.

There the object was cut along a line in full light. Pasted alone, or beside another object, such an
edge would be far steeper than any that the microscope shows: it is given the blur of the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.pixels import FloatImage

USUAL_BLUR, LEAST_BLUR = 1.5, 0.8
"""Sigma of the edges where it was not measured, and at least, pixels."""

REACH = 1.5
"""Sigma with which an object is continued under its neighbor, in units of the edges' sigma."""


def continue_under(
    difference: FloatImage,
    mask: NDArray[np.bool_],
    other: NDArray[np.bool_],
    blur: float,
    spacing: Sequence[float] = (),
) -> FloatImage:
    """Return an object's difference to its background, with soft edges towards other objects.

    Parameters
    ----------
    difference
        Shape (channel, [z,] y, x); where others are, what lies under them: the background's grain.
    mask, other
        The object's pixels, and those of all others, ([z,] y, x).
    blur
        Width of the image's edges: the sigma of a Gaussian, pixels of the finest axis; 0 where it
        is not known.
    spacing
        Distance of pixels along each axis, in units of the shortest; empty: all alike.
    """
    if not other.any():
        return difference
    apart = np.array(spacing or (1.0,) * mask.ndim)
    sigma = max(blur or USUAL_BLUR, LEAST_BLUR) / apart
    own = ndimage.gaussian_filter(mask.astype(np.float32), sigma)
    theirs = ndimage.gaussian_filter(other.astype(np.float32), sigma)
    share = np.divide(own, own + theirs, out=np.ones_like(own), where=theirs > 1e-4)
    near = ndimage.gaussian_filter(mask.astype(np.float32), REACH * sigma)
    result: FloatImage = difference * share
    for channel, continued in zip(difference, result, strict=True):
        smooth = ndimage.gaussian_filter(np.where(mask, channel, 0), REACH * sigma)
        beyond = np.divide(smooth, near, out=np.zeros_like(smooth), where=near > 1e-3)
        continued[other] = (beyond * share + channel)[other]
    return result
