"""What a mask method gets: the clicks of one image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.pixels import PixelSource, TiledSource


@dataclass(frozen=True, eq=False)
class ClickedObjects:
    """The clicks of one image, and what is known of the objects under them.

    Attributes
    ----------
    pixels
        The image; reading a small region is cheap.
    positions
        Clicks, (n, ([z,] y, x)), full-image pixels.
    classes
        Class value of every click, (n,).
    diameters
        Class value -> usual diameter as the user gave it, pixels along the finest axis.
    negatives
        Places that belong to none of the objects, (m, ([z,] y, x)).
    spacing
        Distance of pixels along each axis, in units of the shortest.
    """

    pixels: PixelSource
    positions: NDArray[np.float64]
    classes: NDArray[np.int64]
    diameters: Mapping[int, float]
    negatives: NDArray[np.float64]
    spacing: tuple[float, ...]

    @classmethod
    def on(cls, image: ClickedImage, diameters: Mapping[int, float]) -> Self:
        """Return the clicks of an image; tiles of its pixels are kept for those that lie close."""
        ndim = len(image.pixels.region)
        return cls(
            TiledSource(image.pixels),
            np.array([c.position for c in image.clicks], float).reshape(-1, ndim),
            np.array([c.cls for c in image.clicks], np.int64),
            diameters,
            np.array(image.negatives, float).reshape(-1, ndim),
            image.ref.spacing,
        )

    def __len__(self) -> int:
        return len(self.positions)
