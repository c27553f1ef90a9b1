"""What a block of pixels tells of the objects under its clicks: the ground of all mask methods.

Each click gets a basin: a marker-controlled watershed over brightness relative to the object's own
core, edges, depth inside the foreground, and distance to the click. It is shared by all methods,
so that masks never overlap and classes may be found by different methods.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.patches.background import COARSEST, smooth_base
from napari_synthseg.patches.masks.nearest_seed import NearestSeedMap, Seeds, divide, scale_along

FAINTEST = 0.05
"""Least height of a core over its surroundings, so that an empty click does not take in noise."""


@dataclass(eq=False)
class Evidence:
    """A block, its clicks, and what follows from both; each part is made when first asked for.

    Attributes
    ----------
    likeness
        Shape ([z,] y, x): about 0 in the surroundings, about 1 in the objects.
    seeds
        The clicks.
    level
        Where an object ends, as a share of the way from its own surroundings to its own core, as
        long as its edges do not tell otherwise.
    """

    likeness: FloatImage
    seeds: Seeds
    level: float

    @cached_property
    def territory(self) -> NearestSeedMap:
        """Which click is nearest to each pixel in reach."""
        return divide(self.likeness.shape, self.seeds)

    @cached_property
    def height(self) -> FloatImage:
        """Likeness above that of the surroundings, same shape."""
        return self.likeness - _surroundings(self.likeness, self.territory)

    @cached_property
    def core(self) -> FloatImage:
        """Height of each object's core, shape (1 + clicks,); the first stands for no object."""
        heights = _core_heights(self.height, self.territory)
        return np.concatenate([[1.0], heights]).astype(np.float32)

    @cached_property
    def basins(self) -> NDArray[np.int32]:
        """The click (1..n) that each pixel belongs to if it belongs to an object, else 0."""
        return _basins(self.height, self.core, self.territory, self.level)

    @cached_property
    def relative(self) -> FloatImage:
        """Height as a share of that of the core of its basin; -1 outside all basins."""
        share = self.height / self.core[self.basins]
        return np.where(self.basins > 0, share, -1).astype(np.float32)


MaskMethod = Callable[[Evidence], NDArray[np.int32]]
"""Returns the object of each click: ids 1..n in the clicks' order, 0 where there is none. An
object lies in its click's basin."""


def _surroundings(likeness: FloatImage, territory: NearestSeedMap) -> FloatImage:
    """Return the likeness of the empty surroundings, carried on smoothly under the objects."""
    empty = (territory.distance > 1.2) & (likeness < 0.5)
    if empty.mean() < 0.01:
        empty = likeness < np.percentile(likeness, 10)
    if not empty.any():
        return np.zeros_like(likeness)
    sigma = np.clip(territory.seeds.radii.mean(axis=0), 2.0, COARSEST)
    return smooth_base(likeness, empty, tuple(float(s) for s in sigma))


def _core_heights(height: FloatImage, territory: NearestSeedMap) -> NDArray[np.float64]:
    """Return each object's height over its surroundings, close to the click.

    The median of a middling disk is steady; where it is much lower than that of a small one, the
    object is smaller than the disk, and the small one tells.
    """
    numbers = np.arange(1, len(territory.seeds) + 1)
    steady = np.asarray(ndimage.median(height, territory.disks(0.5), numbers))
    close = np.asarray(ndimage.median(height, territory.disks(0.2), numbers))
    return np.maximum(np.where(steady < 0.75 * close, close, steady), FAINTEST)


def _basins(
    height: FloatImage, core: FloatImage, territory: NearestSeedMap, level: float
) -> NDArray[np.int32]:
    """Divide the pixels in reach among the clicks along dark, steep, shallow, remote lines."""
    from skimage.segmentation import watershed

    relative = height / core[territory.owner]
    seeds = territory.disks(0.3)
    seeds[relative < 0.6] = 0
    seeds[territory.seeds.pixels(seeds.shape)] = np.arange(1, len(territory.seeds) + 1)
    radius = territory.seeds.radii.mean(axis=0)
    spacing = radius.max() / radius
    depth = ndimage.distance_transform_edt(relative > level, sampling=1 / spacing) / radius.max()
    blur = scale_along(radius, 0.1, 1.0)
    edges = ndimage.gaussian_gradient_magnitude(height, blur) * radius.max() / 2
    near = np.isfinite(territory.distance)
    elevation = np.where(near, 0.5 * territory.distance, 0) - np.clip(relative, -0.5, 1.5)
    elevation += np.minimum(edges / core[territory.owner], 1) - np.minimum(depth, 1)
    basins: NDArray[np.int32] = watershed(elevation, seeds, mask=near)
    return basins
