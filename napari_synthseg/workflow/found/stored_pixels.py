"""An image with the intensities that its file holds, for figures and programs of others."""

from __future__ import annotations

import numpy as np

from napari_synthseg.core.geometry import Region, region_slices
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.io.images.normalized import NormalizedImage


class StoredPixels:
    """A `PixelSource` whose intensities are not normalized, as float32."""

    def __init__(self, image: NormalizedImage) -> None:
        self._image = image
        self.shape, self.region = image.shape, image.region

    def read(self, region: Region | None = None) -> FloatImage:
        """Return the pixels of `region` (default: `self.region`) as (channel, [z,] y, x)."""
        wanted = region or self.region
        return self._image.read_stored(region_slices(wanted)).astype(np.float32)
