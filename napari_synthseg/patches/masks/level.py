"""Masks that end at a level between an object's own surroundings and its own core.

So dim objects next to bright ones keep their size. Which level, is chosen object by object: where
the outline runs along the steepest edges. Made for blobs, bright or dark, touching or not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.patches.masks.clicks import Seeds
from napari_synthseg.patches.masks.nearest_seed import NearestSeedMap, scale_along
from napari_synthseg.patches.masks.seeded_foreground import SeededForeground

LEVELS = np.arange(0.25, 0.75, 0.05)
"""Levels that are tried for each object, as shares of the way from surroundings to core."""


def find_by_level(block: SeededForeground) -> NDArray[np.int32]:
    """Return the objects that end at levels, ids 1..n in the clicks' order; see `MaskMethod`."""
    relative, basins = block.relative_contrast, block.basins
    ends = _best_levels(relative, basins, block.seeds, block.level)
    return _objects((relative > ends[basins]) & (basins > 0), basins, block.nearest)


def _best_levels(
    relative: FloatImage, basins: NDArray[np.int32], seeds: Seeds, level: float
) -> FloatImage:
    """Choose each object's level: steep along its outline, and not far from the usual one."""
    count = len(seeds) + 1
    sigma = scale_along(seeds.radii.mean(axis=0), 0.06, 0.7)
    steepness = ndimage.gaussian_gradient_magnitude(np.maximum(relative, 0), sigma)
    inner = ndimage.minimum_filter(basins, 3) == ndimage.maximum_filter(basins, 3)
    scores = []
    for tried in LEVELS:
        inside = relative > tried
        outline = inside & inner & ~ndimage.binary_erosion(inside, border_value=1)
        owner = basins[outline]
        total = np.bincount(owner, steepness[outline], count)
        scores.append(total / (np.bincount(owner, minlength=count) + 3))
    score = np.array(scores) / (np.max(scores, axis=0) + 1e-9)
    score -= 0.1 * ((LEVELS - level) / 0.15)[:, None] ** 2
    best: FloatImage = LEVELS[score.argmax(axis=0)].astype(np.float32)
    return best


def _objects(
    inside: NDArray[np.bool_], basins: NDArray[np.int32], nearest: NearestSeedMap
) -> NDArray[np.int32]:
    """Keep, in each basin, the one piece that is under the click, without holes."""
    found = np.zeros(basins.shape, np.int32)
    boxes = ndimage.find_objects(np.where(inside, basins, 0), len(nearest.seeds))
    for number, box in enumerate(boxes, start=1):
        if box is None:
            continue
        mine = basins[box] == number
        pieces, count = ndimage.label(inside[box] & mine)
        if count > 1:
            closeness = np.where(nearest.distance[box] < 0.5, 5.0, 1.0)
            votes = np.bincount(pieces.ravel(), closeness.ravel())
            votes[0] = 0
            pieces = pieces == votes.argmax()
        found[box][ndimage.binary_fill_holes(pieces > 0) & mine] = number
    return found
