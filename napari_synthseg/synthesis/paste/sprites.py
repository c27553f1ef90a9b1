"""Sprites: cut-out objects, turned, scaled and given an opacity, ready to be put anywhere.

Each is made when it is first wanted, from random numbers of its own, and kept as long as memory
allows: what comes back after it was dropped is bit for bit the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.pixels import FloatImage, quarter_turned
from napari_synthseg.patches.window import bounds

CACHE_BYTES = 192 * 2**20
"""What the sprites, and the textures, of one synthesizer may take."""


Inner = tuple[tuple[int, NDArray[np.bool_]], ...]


@dataclass(frozen=True, eq=False, slots=True)
class Sprite:
    """An object to be put on a canvas.

    Attributes
    ----------
    paint
        Object minus the light level it lay on, times its opacity, (channel, [z,] y, x) float32.
    keep
        One minus its opacity: what stays of the canvas, between 0 and 1, ([z,] y, x) float32.
    level
        The light level it lay on, (channel, 1, ...) float32.
    mask
        The pixels that carry the label, ([z,] y, x).
    area
        Number of pixels in the mask.
    half
        Half the extent of the mask along each axis, pixels.
    inner
        Class value and mask of each object that lies in it.
    """

    paint: FloatImage
    keep: FloatImage
    level: FloatImage
    mask: NDArray[np.bool_]
    area: int
    half: tuple[float, ...]
    inner: Inner = ()

    @property
    def nbytes(self) -> int:
        """Memory that the arrays take."""
        inner = sum(mask.nbytes for _, mask in self.inner)
        return self.paint.nbytes + self.keep.nbytes + self.mask.nbytes + inner

    def view(self, orientation: int) -> Sprite:
        """Return one of eight quarter turns and mirror images (0: as it is), sharing memory."""
        if orientation == 0:
            return self
        *depth, height, width = self.half
        return replace(
            self,
            paint=quarter_turned(self.paint, orientation),
            keep=quarter_turned(self.keep, orientation),
            mask=quarter_turned(self.mask, orientation),
            half=(*depth, width, height) if orientation % 2 else self.half,
            inner=tuple((cls, quarter_turned(mask, orientation)) for cls, mask in self.inner),
        )


def trimmed(
    difference: FloatImage,
    level: FloatImage,
    alpha: FloatImage,
    mask: NDArray[np.bool_],
    inner: Inner = (),
) -> Sprite | None:
    """Make a sprite without empty borders; None where no pixel of the mask is left."""
    area = int(np.count_nonzero(mask))
    if not area:
        return None
    box = used_box(alpha, mask)
    half = tuple((b - a) / 2 for a, b in bounds(mask))
    alpha = alpha[box].astype(np.float32)
    return Sprite(
        difference[(slice(None), *box)] * alpha,
        1 - alpha,
        level.reshape((-1,) + (1,) * mask.ndim).astype(np.float32),
        np.ascontiguousarray(mask[box]),
        area,
        half,
        tuple((cls, np.ascontiguousarray(own[box])) for cls, own in inner),
    )


def used_box(alpha: FloatImage, mask: NDArray[np.bool_], margin: int = 0) -> tuple[slice, ...]:
    """Return the box of all that shows of a cutout, a margin wider where there is room."""
    return tuple(
        slice(max(a - margin, 0), min(b + margin, n))
        for (a, b), n in zip(bounds((alpha > 0) | mask), mask.shape, strict=True)
    )


@dataclass(frozen=True)
class RotationZoom:
    """A turn in the (y, x) plane by `angle` degrees and a scaling by `zoom`, of one shape."""

    angle: float
    zoom: float
    shape: tuple[int, ...]

    def apply(self, array: FloatImage, order: int, mode: str) -> FloatImage:
        """Return the array turned and scaled, with room for all of it.

        `order` is that of the spline, `mode` says what lies outside (as in scipy.ndimage).
        """
        inverse, offset, extent = self._inverse
        result: FloatImage = ndimage.affine_transform(
            array, inverse, offset, extent, np.float32, order, mode
        )
        return result

    @cached_property
    def _inverse(self) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[int, ...]]:
        """Matrix and offset from a turned position back to where it was, and the new shape."""
        cosine, sine = np.cos(np.deg2rad(self.angle)), np.sin(np.deg2rad(self.angle))
        matrix = np.eye(len(self.shape))
        matrix[-2:, -2:] = [[cosine, sine], [-sine, cosine]]
        shape = np.array(self.shape)
        extent = np.ceil(np.abs(matrix) @ shape * self.zoom).astype(int) + 2
        inverse = matrix.T / self.zoom
        offset = (shape - 1) / 2 - inverse @ ((extent - 1) / 2)
        return inverse, offset, tuple(extent.tolist())
