"""The mask of the object under each click, for all clicks of a block at once.

Each click first gets a basin: a marker-controlled watershed over brightness relative to the
object's own core, edges, depth inside the foreground, and distance to the click. Inside its basin
the object ends at a level between its own surroundings and its own core, so that dim objects next
to bright ones keep their size. Which level, is chosen object by object: where the outline runs
along the steepest edges.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.patches.background import COARSEST, smooth_base
from napari_synthseg.patches.territory import Seeds, Territory, divide

LEVELS = np.arange(0.25, 0.75, 0.05)
"""Levels that are tried for each object, as shares of the way from surroundings to core."""

FAINTEST = 0.05
"""Least height of a core over its surroundings, so that an empty click does not take in noise."""


def find_masks(likeness: FloatImage, seeds: Seeds, level: float) -> NDArray[np.int32]:
    """Return the object of each click: ids 1..n in the clicks' order, 0 where there is none.

    Parameters
    ----------
    likeness
        Shape ([z,] y, x): about 0 in the surroundings, about 1 in the objects.
    seeds
        The clicks.
    level
        Where an object ends, as a share of the way from its own surroundings to its own core,
        as long as its edges do not tell otherwise.
    """
    territory = divide(likeness.shape, seeds)
    height = likeness - _surroundings(likeness, territory)
    core = np.concatenate([[1.0], _core_heights(height, territory)]).astype(np.float32)
    basins = _basins(height, core, territory, level)
    relative = np.where(basins > 0, height / core[basins], -1).astype(np.float32)
    ends = _best_levels(relative, basins, seeds, level)
    return _objects((relative > ends[basins]) & (basins > 0), basins, territory)


def _surroundings(likeness: FloatImage, territory: Territory) -> FloatImage:
    """Return the likeness of the empty surroundings, carried on smoothly under the objects."""
    empty = (territory.distance > 1.2) & (likeness < 0.5)
    if empty.mean() < 0.01:
        empty = likeness < np.percentile(likeness, 10)
    if not empty.any():
        return np.zeros_like(likeness)
    sigma = np.clip(territory.seeds.radii.mean(axis=0), 2.0, COARSEST)
    return smooth_base(likeness, empty, tuple(float(s) for s in sigma))


def _core_heights(height: FloatImage, territory: Territory) -> NDArray[np.float64]:
    """Return each object's height over its surroundings, close to the click.

    The median of a middling disk is steady; where it is much lower than that of a small one, the
    object is smaller than the disk, and the small one tells.
    """
    numbers = np.arange(1, len(territory.seeds) + 1)
    steady = np.asarray(ndimage.median(height, territory.disks(0.5), numbers))
    close = np.asarray(ndimage.median(height, territory.disks(0.2), numbers))
    return np.maximum(np.where(steady < 0.75 * close, close, steady), FAINTEST)


def _basins(
    height: FloatImage, core: FloatImage, territory: Territory, level: float
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
    blur = np.maximum(1.0, 0.1 * radius)
    edges = ndimage.gaussian_gradient_magnitude(height, blur) * radius.max() / 2
    near = np.isfinite(territory.distance)
    elevation = np.where(near, 0.5 * territory.distance, 0) - np.clip(relative, -0.5, 1.5)
    elevation += np.minimum(edges / core[territory.owner], 1) - np.minimum(depth, 1)
    basins: NDArray[np.int32] = watershed(elevation, seeds, mask=near)
    return basins


def _best_levels(
    relative: FloatImage, basins: NDArray[np.int32], seeds: Seeds, level: float
) -> FloatImage:
    """Choose each object's level: steep along its outline, and not far from the usual one."""
    count = len(seeds) + 1
    sigma = np.maximum(0.7, 0.06 * seeds.radii.mean(axis=0))
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
    inside: NDArray[np.bool_], basins: NDArray[np.int32], territory: Territory
) -> NDArray[np.int32]:
    """Keep, in each basin, the one piece that is under the click, without holes."""
    found = np.zeros(basins.shape, np.int32)
    boxes = ndimage.find_objects(np.where(inside, basins, 0), len(territory.seeds))
    for number, box in enumerate(boxes, start=1):
        if box is None:
            continue
        mine = basins[box] == number
        pieces, count = ndimage.label(inside[box] & mine)
        if count > 1:
            closeness = np.where(territory.distance[box] < 0.5, 5.0, 1.0)
            votes = np.bincount(pieces.ravel(), closeness.ravel())
            votes[0] = 0
            pieces = pieces == votes.argmax()
        found[box][ndimage.binary_fill_holes(pieces > 0) & mine] = number
    return found
