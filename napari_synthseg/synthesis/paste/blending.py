"""How a cutout joins the canvas: its opacity, and the light it is given there.

`poisson` keeps the object's own gradients and meets the clean canvas at the edge of its window
without a step: what is added to the object solves the Laplace equation inside the window, with the
difference between canvas and object on its edge. On a box that is two sine transforms.
"""

from __future__ import annotations

from functools import reduce
from typing import Literal

import numpy as np
from scipy import fft, ndimage

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.synthesis.paste.cutting import Cut

Blending = Literal["feather", "gaussian", "poisson", "hard"]
BLENDINGS: tuple[Blending, ...] = ("feather", "gaussian", "poisson", "hard")


def blendings_of(blending: str) -> tuple[Blending, ...]:
    """Return the kinds of blending that a recipe's setting stands for."""
    return tuple(k for k in BLENDINGS if blending in (k, "mixed"))


def opacity(cut: Cut, kind: Blending, *, square: bool, feather: float) -> FloatImage:
    """Return the opacity of a cutout, ([z,] y, x) between 0 and 1.

    Parameters
    ----------
    cut
        The object.
    kind
        `hard`: 1 on the whole cutout; `gaussian`: a Gaussian step, which reaches a little into
        the object, too; else 1 on the mask with a smooth rim.
    square
        Whether the whole window is the cutout, or the mask.
    feather
        Width of the rim in pixels; a mask's lies outside, a square's inside.
    """
    if feather <= 0 or kind == "hard":
        alpha = np.ones_like(cut.room) if square else cut.mask.astype(np.float32)
        return np.asarray(np.where(cut.mask, 1, alpha * (cut.room > 0)), np.float32)
    inward = _to_edge(cut.mask.shape)
    if kind == "gaussian":
        sigma = feather / 2
        near = (cut.away <= sigma) | (square & (inward > 2 * sigma))
        soft = ndimage.gaussian_filter(near.astype(np.float32), sigma, mode="nearest")
        soft *= np.clip(inward / 2, 0, 1)
    else:
        soft = _smooth(1 - (cut.away - 1) / feather)
        if square:
            soft = np.maximum(soft, _smooth(inward / feather))
        soft[cut.mask] = 1
    return np.asarray(soft * np.where(cut.mask, 1, cut.room), np.float32)


def _smooth(ramp: FloatImage) -> FloatImage:
    """Turn a ramp into a smooth step between 0 and 1."""
    ramp = np.clip(ramp, 0, 1)
    smooth: FloatImage = ramp * ramp * (3 - 2 * ramp)
    return smooth


def _to_edge(shape: tuple[int, ...]) -> FloatImage:
    """Return the distance of each pixel to the window's edge in y and x, from 0.5."""
    y, x = (np.minimum(np.arange(n), np.arange(n)[::-1]) + 0.5 for n in shape[-2:])
    return np.broadcast_to(np.minimum(y[:, None], x), shape).astype(np.float32)


def membrane(values: FloatImage) -> FloatImage:
    """Return the smoothest continuation of a box's edge pixels into it.

    `values` is (channel, [z,] y, x), of which only the edges matter; the result has its shape. A
    box thinner than three pixels along an axis is given its mean value.
    """
    axes = tuple(range(1, values.ndim))
    result = values.copy()
    if min(values.shape[1:]) < 3:
        result[:] = values.mean(axis=axes, keepdims=True)
        return result
    inside = (slice(None), *(slice(1, -1) for _ in axes))
    load = np.zeros_like(values[inside])
    for axis in axes:
        for end, far in ((0, 0), (-1, -1)):
            face = list(inside)
            face[axis] = slice(end, end + 1 or None)
            rim: list[slice] = [slice(None)] * values.ndim
            rim[axis] = slice(far, far + 1 or None)
            load[tuple(rim)] += values[tuple(face)]
    spectrum = fft.dstn(load, type=1, axes=axes)
    spectrum /= _eigenvalues(load.shape[1:])
    result[inside] = fft.idstn(spectrum, type=1, axes=axes)
    return result


def _eigenvalues(shape: tuple[int, ...]) -> FloatImage:
    """Return the negative eigenvalues of the Laplacian on a box with fixed edges."""
    waves = [2 - 2 * np.cos(np.pi * np.arange(1, n + 1) / (n + 1)) for n in shape]
    return np.asarray(reduce(np.add.outer, waves), np.float32)
