"""Objects cut out of their images, with all that is not theirs replaced by background.

A cut holds the object's difference to the light level it lay on, so that it can be put on another
level without a seam.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.geometry import Region
from napari_synthseg.core.patch import Background, Patch
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.patches.window import RIM_DIAMETERS, cut_image, cut_mask, window_around

USUAL_BLUR_PX, MIN_BLUR_PX = 1.5, 0.8
"""Sigma of edges where it was not measured, and at least."""

CONTINUED_SIGMAS = 1.5
"""Sigma with which an object is continued under its neighbor, in units of the edges' sigma."""


@dataclass(frozen=True, eq=False)
class SourceImage:
    """One clicked image: its background, the smooth light level of it, and where objects lie.

    `taken` ([z,] y, x) marks the objects of all patches; `blur` is the width of its edges (the
    sigma of a Gaussian, pixels; 0 where it was not measured).
    """

    background: Background
    base: FloatImage
    taken: NDArray[np.bool_]
    blur: float = 0.0


@dataclass(frozen=True, eq=False)
class Cut:
    """One object, before it is turned, scaled and given an opacity.

    Attributes
    ----------
    difference
        Object minus the light level it lay on, (channel, [z,] y, x).
    level
        Median light level it lay on, (channel,).
    mask
        The object's pixels, ([z,] y, x).
    away
        Distance to the mask in pixels (of the finest axis), 0 inside.
    room
        Between 0 (outside the image) and 1 (free to be blended).
    """

    difference: FloatImage
    level: FloatImage
    mask: NDArray[np.bool_]
    away: FloatImage
    room: FloatImage

    def inside(self, box: tuple[slice, ...]) -> Cut:
        """Return the part of it that lies in a box of its window."""
        difference = self.difference[(slice(None), *box)]
        return Cut(difference, self.level, self.mask[box], self.away[box], self.room[box])


def square_window(patch: Patch, edge: float) -> Region:
    """Return a square of about `edge` pixels around the click; a volume keeps its depth."""
    position = np.add(patch.origin, patch.center)
    flat = window_around(position[-2:].tolist(), [(edge - 1) / 2] * 2)
    return (*patch.window[:-2], *flat)


def cut_object(
    patch: Patch, window: Region, source: SourceImage, diameter: float, *, flat: bool = False
) -> Cut:
    """Cut a patch's object out with `window`.

    Its difference is that to the light level below each pixel or, if `flat`, to their median.

    Pixels of its own are the real ones as far as its blur reaches; all others come from the
    background with the objects filled in, so that no other object ever shows. Where one lay against
    it, its edge is made as soft as the others.
    """
    background = source.background
    first = background.origin
    mask = cut_mask(patch.mask, patch.origin, window)
    other = cut_mask(source.taken, first, window) & ~mask
    inside = _inside(window, first, source.taken.shape)
    away = _distance(mask, background.spacing)
    room = np.clip((_distance(~inside, background.spacing) - 1) / 2, 0, 1)
    room[mask] = 1
    pixels = cut_image(background.pixels, first, window)
    own = (away <= max(2, round(RIM_DIAMETERS * diameter)) + 1) & ~other
    own &= _inside(window, patch.origin, patch.mask.shape)
    shift = [int(a - o) for (a, _), o in zip(window, patch.origin, strict=True)]
    where = tuple(np.nonzero(own))
    there = tuple(w + s for w, s in zip(where, shift, strict=True))
    for channel, real in zip(pixels, patch.pixels, strict=True):
        channel[where] = real[there]
    base = cut_image(source.base, first, window)
    level = np.median(base.reshape(len(base), -1), axis=1).astype(np.float32)
    light = level.reshape((-1,) + (1,) * mask.ndim) if flat else base
    soft = continue_under(pixels - light, mask, other, source.blur, background.spacing)
    return Cut(soft, level, mask, away, room.astype(np.float32))


def _inside(window: Region, origin: Sequence[int], shape: Sequence[int]) -> NDArray[np.bool_]:
    """Return which pixels of a window lie in an array of `shape`, its first pixel at `origin`."""
    result = np.ones([b - a for a, b in window], bool)
    for axis, ((a, b), o, n) in enumerate(zip(window, origin, shape, strict=True)):
        along = (np.arange(a, b) >= o) & (np.arange(a, b) < o + n)
        result &= along.reshape([-1 if i == axis else 1 for i in range(len(window))])
    return result


def _distance(mask: NDArray[np.bool_], spacing: tuple[float, ...]) -> FloatImage:
    """Return the distance to the nearest pixel of a mask; very far where there is none."""
    if not mask.any():
        return np.full(mask.shape, 1e6, np.float32)
    distance: FloatImage = ndimage.distance_transform_edt(~mask, spacing or None).astype(np.float32)
    return distance


def continue_under(
    difference: FloatImage,
    mask: NDArray[np.bool_],
    other: NDArray[np.bool_],
    blur: float,
    spacing: Sequence[float] = (),
) -> FloatImage:
    """Return an object's difference to its background, with soft edges towards other objects.

    There the object was cut along a line in full light. Pasted alone, or beside another object,
    such an edge would be far steeper than any that the microscope shows: it gets the blur of the
    others.

    Parameters
    ----------
    difference
        Shape (channel, [z,] y, x); where others are, what lies under them: the background's detail.
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
    sigma = max(blur or USUAL_BLUR_PX, MIN_BLUR_PX) / apart
    own = ndimage.gaussian_filter(mask.astype(np.float32), sigma)
    theirs = ndimage.gaussian_filter(other.astype(np.float32), sigma)
    share = np.divide(own, own + theirs, out=np.ones_like(own), where=theirs > 1e-4)
    near = ndimage.gaussian_filter(mask.astype(np.float32), CONTINUED_SIGMAS * sigma)
    result: FloatImage = difference * share
    for channel, continued in zip(difference, result, strict=True):
        smooth = ndimage.gaussian_filter(np.where(mask, channel, 0), CONTINUED_SIGMAS * sigma)
        beyond = np.divide(smooth, near, out=np.zeros_like(smooth), where=near > 1e-3)
        continued[other] = (beyond * share + channel)[other]
    return result
