"""A block's foreground and the clicks in it: what all mask methods start from.

Each click gets a basin: a marker-controlled watershed over brightness relative to the object's own
core, edges, depth inside the foreground, and distance to the click. It is shared by all methods,
so that masks never overlap and classes may be found by different methods.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.patches.background import MAX_SIGMA_PX, smooth_base
from napari_synthseg.patches.masks.clicks import Seeds
from napari_synthseg.patches.masks.nearest_seed import (
    NearestSeedMap,
    map_nearest_seeds,
    scale_along,
)

MIN_CORE_CONTRAST = 0.05
"""Least contrast of a core, so that an empty click does not take in noise."""


@dataclass(eq=False)
class SeededForeground:
    """A block's foreground, its clicks, and what follows from both, made when first asked for.

    Attributes
    ----------
    foreground
        Shape ([z,] y, x): about 0 in the surroundings, about 1 in the objects.
    seeds
        The clicks.
    level
        Where an object ends, as a share of its core's contrast, as long as its edges do not tell
        otherwise.
    """

    foreground: FloatImage
    seeds: Seeds
    level: float

    @cached_property
    def nearest(self) -> NearestSeedMap:
        """The click nearest to each pixel in reach."""
        return map_nearest_seeds(self.foreground.shape, self.seeds)

    @cached_property
    def contrast(self) -> FloatImage:
        """Foreground above that of the surroundings, same shape."""
        return self.foreground - _surroundings(self.foreground, self.nearest)

    @cached_property
    def core_contrast(self) -> FloatImage:
        """Contrast of each object's core, shape (1 + clicks,); the first stands for no object."""
        cores = _core_contrast(self.contrast, self.nearest)
        return np.concatenate([[1.0], cores]).astype(np.float32)

    @cached_property
    def basins(self) -> NDArray[np.int32]:
        """The click (1..n) that each pixel belongs to if it belongs to an object, else 0."""
        return _basins(self.contrast, self.core_contrast, self.nearest, self.level)

    @cached_property
    def relative_contrast(self) -> FloatImage:
        """Contrast as a share of that of the core of its basin; -1 outside all basins."""
        share = self.contrast / self.core_contrast[self.basins]
        return np.where(self.basins > 0, share, -1).astype(np.float32)


def _surroundings(foreground: FloatImage, nearest: NearestSeedMap) -> FloatImage:
    """Return the foreground of the empty surroundings, carried on smoothly under the objects."""
    empty = (nearest.distance > 1.2) & (foreground < 0.5)
    if empty.mean() < 0.01:
        empty = foreground < np.percentile(foreground, 10)
    if not empty.any():
        return np.zeros_like(foreground)
    sigma = np.clip(nearest.seeds.radii.mean(axis=0), 2.0, MAX_SIGMA_PX)
    return smooth_base(foreground, empty, tuple(float(s) for s in sigma))


def _core_contrast(contrast: FloatImage, nearest: NearestSeedMap) -> NDArray[np.float64]:
    """Return each object's contrast close to the click.

    The median of a middling disk is steady; where it is much lower than that of a small one, the
    object is smaller than the disk, and the small one tells.
    """
    numbers = np.arange(1, len(nearest.seeds) + 1)
    steady = np.asarray(ndimage.median(contrast, nearest.disks(0.5), numbers))
    close = np.asarray(ndimage.median(contrast, nearest.disks(0.2), numbers))
    return np.maximum(np.where(steady < 0.75 * close, close, steady), MIN_CORE_CONTRAST)


def _basins(
    contrast: FloatImage, core_contrast: FloatImage, nearest: NearestSeedMap, level: float
) -> NDArray[np.int32]:
    """Divide the pixels in reach among the clicks along dark, steep, shallow, remote lines."""
    from skimage.segmentation import watershed

    relative = contrast / core_contrast[nearest.owner]
    seeds = nearest.disks(0.3)
    seeds[relative < 0.6] = 0
    seeds[nearest.seeds.pixels(seeds.shape)] = np.arange(1, len(nearest.seeds) + 1)
    radius = nearest.seeds.radii.mean(axis=0)
    spacing = radius.max() / radius
    depth = ndimage.distance_transform_edt(relative > level, sampling=1 / spacing) / radius.max()
    blur = scale_along(radius, 0.1, 1.0)
    edges = ndimage.gaussian_gradient_magnitude(contrast, blur) * radius.max() / 2
    near = np.isfinite(nearest.distance)
    elevation = np.where(near, 0.5 * nearest.distance, 0) - np.clip(relative, -0.5, 1.5)
    elevation += np.minimum(edges / core_contrast[nearest.owner], 1) - np.minimum(depth, 1)
    basins: NDArray[np.int32] = watershed(elevation, seeds, mask=near)
    return basins
