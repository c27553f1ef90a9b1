"""The finest detail of an image, which is mostly noise."""

from __future__ import annotations

from typing import Literal

import numpy as np

from napari_synthseg.core.pixels import FloatImage

NOISE_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
"""Keeps the spread of white noise and cancels what is straight or evenly curved (Immerkaer, "Fast
noise variance estimation", 1996), so that slopes are no noise."""


def finest_detail(channel: FloatImage, mode: Literal["mirror", "nearest"]) -> FloatImage:
    """Return the finest detail of one channel ([z,] y, x), plane by plane.

    `mode` says what lies beyond the edge (as in scipy.ndimage).
    """
    from scipy.ndimage import convolve

    kernel = NOISE_KERNEL.reshape((1,) * (channel.ndim - 2) + NOISE_KERNEL.shape)
    fine: FloatImage = convolve(channel, kernel, mode=mode)
    return fine
