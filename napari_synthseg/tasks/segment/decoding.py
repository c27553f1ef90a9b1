"""From the output of a segmenting network to objects."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import center_of_mass, find_objects, gaussian_filter, label, maximum, mean

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.core.progress import Progress
from napari_synthseg.tasks.segment import SegmentRule

STRIP_PX = 2**18
"""Pixels of a strip in which cores are looked for, so that it takes a fraction of a second."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """Objects of one field: `ids` (1..n), and for each id its class, score and core.

    A score is the mean foreground probability times the largest inner distance, 0..1. A core is
    the pixel in the middle of it, shape (object, axis).
    """

    ids: NDArray[np.int32]
    classes: NDArray[np.int64]
    scores: FloatImage
    cores: NDArray[np.int64]


def decode(
    probabilities: FloatImage, distance: FloatImage, rule: SegmentRule
) -> Generator[Progress, None, Decoded]:
    """Turn network outputs into objects; yield at each of several short steps.

    The cores (maxima of the inner distance that stand out by `rule.prominence`) seed a watershed
    on the inner distance, inside the foreground. A piece of foreground without a core becomes one
    object.

    Parameters
    ----------
    probabilities
        Softmax, shape (1 + classes, [z,] y, x).
    distance
        Inner distance, shape ([z,] y, x).
    """
    from skimage.segmentation import watershed

    foreground = 1.0 - probabilities[0]
    mask = foreground > rule.foreground
    smooth = gaussian_filter(distance, [1.0 / s for s in rule.spacing] or 1.0)
    cores = yield from _cores(smooth, mask, rule.prominence)
    seeds, count = label(cores, np.ones((3,) * smooth.ndim))
    pieces, _ = label(mask)
    seeded = np.zeros(int(pieces.max(initial=0)) + 1, bool)
    seeded[pieces[seeds > 0]] = True
    seeded[0] = True
    lonely = ~seeded[pieces]
    extra, extra_count = label(lonely)
    seeds = np.where(extra > 0, extra + count, seeds)
    count += extra_count
    yield Progress(0.0)
    ids = watershed(-smooth, seeds, mask=mask).astype(np.int32)
    yield Progress(0.0)
    numbers = np.arange(1, count + 1)
    area = np.bincount(ids.ravel(), minlength=count + 1)[1:]
    # A true object is foreground all over and has a clear core; noise has neither.
    scores = np.asarray(mean(foreground, ids, numbers), np.float32).reshape(-1)
    scores = scores * np.asarray(maximum(smooth, ids, numbers), np.float32).reshape(-1)
    means = np.stack([np.asarray(mean(p, ids, numbers)).reshape(-1) for p in probabilities[1:]])
    best = means.argmax(axis=0) if count else np.zeros(0, np.int64)
    keep = area >= np.asarray(rule.smallest_areas)[best]
    keep &= np.nan_to_num(scores) >= rule.minimum_score
    renumber = np.zeros(count + 1, np.int32)
    renumber[1:][keep] = np.arange(1, int(keep.sum()) + 1)
    values = np.asarray(rule.class_values, np.int64)
    yield Progress(0.0)
    return Decoded(
        renumber[ids], values[best][keep], scores[keep], _core_places(seeds, numbers[keep])
    )


def _cores(
    height: FloatImage, mask: NDArray[np.bool_], prominence: float
) -> Generator[Progress, None, NDArray[np.bool_]]:
    """Return the maxima inside the mask from which every way up leads down by `prominence`.

    These are the regional maxima of the reconstruction by dilation of the lowered heights. A
    threshold on the height instead misses small objects, whose cores a young network sees low.

    Nothing is carried from one piece of the mask to another, so that those that begin in a strip
    are reconstructed together, and before those of the next strip.
    """
    from skimage.morphology import local_maxima, reconstruction

    inside = np.where(mask, height, np.float32(0))
    lowered = np.maximum(inside - np.float32(prominence), 0)
    pieces, count = label(mask, np.ones((3,) * mask.ndim))
    boxes = find_objects(pieces)
    ends = np.array([0, *(box[0].stop for box in boxes)])
    strip_of = np.zeros(count + 1, np.int64)  # the background belongs to none
    thickness = max(1, STRIP_PX * len(mask) // mask.size)
    strip_of[1:] = [1 + box[0].start // thickness for box in boxes]
    rebuilt = np.zeros_like(inside)
    for strip in np.unique(strip_of[1:]).tolist():
        rows = slice((strip - 1) * thickness, int(ends[strip_of == strip].max()))
        own = strip_of[pieces[rows]] == strip
        found = reconstruction(lowered[rows] * own, inside[rows] * own)
        np.copyto(rebuilt[rows], found, where=own)
        yield Progress(0.0)
    return np.asarray(local_maxima(rebuilt) & mask)


def _core_places(seeds: NDArray[np.int32], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the pixel of each of some seeds that is nearest to its middle, (seed, axis)."""
    middles = np.asarray(center_of_mass(seeds > 0, seeds, numbers), np.float64)
    middles = middles.reshape(len(numbers), seeds.ndim)
    places = np.floor(middles + 0.5).astype(np.int64)
    bent = np.flatnonzero(seeds[tuple(places.T)] != numbers)
    boxes = find_objects(seeds) if len(bent) else []
    for index in bent:
        box = boxes[numbers[index] - 1]
        own = np.argwhere(seeds[box] == numbers[index]) + [s.start for s in box]
        places[index] = own[((own - middles[index]) ** 2).sum(axis=1).argmin()]
    return places
