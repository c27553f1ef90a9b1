"""Boxes around the hot parts of a heat map, at every threshold: MaxBoxAccV2.

Choe et al., "Evaluating weakly supervised object localization methods right", CVPR 2020, and its
journal version (TPAMI 2022). A map is cut at a threshold; each connected part of what is left
gets its tightest box. The map is a hit if one of these boxes has at least some IoU with one of the
true boxes. The share of maps that are hits, at the best threshold over all of them, is taken at
the IoUs 0.3, 0.5 and 0.7 and averaged. The paper's first version looked only at the box of the
largest part, which is stricter where a map has many; both are kept.

Where an image holds many objects, some box hits one of them by luck. How often, depends on how
many parts of which size a map has: the chance level is therefore that of the map's own boxes
against the truth of the mirrored image (up and down, left and right, both), which has as many
objects of the same size and as close to the middle, but in other places.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.boxes import box_areas, measure_in_blocks

IOUS = (0.3, 0.5, 0.7)
THRESHOLDS = 100
"""Thresholds between the lowest and the highest value of a map."""

HITS_SHAPE = (2, 2, len(IOUS), THRESHOLDS)


def sweep_boxes(stretched: NDArray[np.float64], true: NDArray[np.float64]) -> NDArray[np.float64]:
    """Say at which thresholds a map is a hit.

    Parameters
    ----------
    stretched
        The map, from 0 to 1, shape (y, x).
    true
        Corners (ymin, xmin, ymax, xmax) of the true boxes, half-open, pixels, shape (box, 4).

    Returns
    -------
    1 for a hit and 0 for none, shape (truth, parts, IoU, threshold): against the truth and
    against the mirrored truth, there the mean of three; with the boxes of all parts and with that
    of the largest. At the first threshold, 0, one box holds the whole map.
    """
    truths = np.concatenate(_mirror(true, stretched.shape))
    areas = box_areas(true)
    smallest, largest = areas.min() * IOUS[0] - 1e-6, areas.max() / IOUS[0] + 1e-6
    hits = np.zeros(HITS_SHAPE)
    kept = -1
    for i, threshold in enumerate(np.arange(THRESHOLDS) / THRESHOLDS):
        hot = stretched >= threshold
        count = int(hot.sum())
        if count == kept:  # the same pixels as before
            hits[..., i] = hits[..., i - 1]
            continue
        kept = count
        boxes = _box_parts(hot)
        area = box_areas(boxes)
        of_size = boxes[(area >= smallest) & (area <= largest)]
        for parts, chosen in enumerate((of_size, boxes[:1])):
            best = np.zeros(len(truths))
            for _, iou in measure_in_blocks(chosen, truths):
                np.maximum(best, iou.max(axis=0), out=best)
            reached = best.reshape(4, len(true)).max(axis=1) >= np.array(IOUS)[:, None] - 1e-10
            hits[0, parts, :, i] = reached[:, 0]
            hits[1, parts, :, i] = reached[:, 1:].mean(axis=1)
    return hits


def best_accuracy(hits: NDArray[np.float64], maps: int) -> float:
    """Return the mean over IoUs of the share of maps that are hits at the best threshold.

    Parameters
    ----------
    hits
        Number of maps that are hits, shape (IoU, threshold).
    maps
        Number of maps, > 0.
    """
    return float(hits.max(axis=1).mean() / maps)


def _mirror(boxes: NDArray[np.float64], shape: tuple[int, ...]) -> tuple[NDArray[np.float64], ...]:
    """Return the boxes as they are, mirrored along y, along x, and along both."""
    height, width = shape
    top, left, bottom, right = boxes.T
    rows = ((top, bottom), (height - bottom, height - top))
    columns = ((left, right), (width - right, width - left))
    return tuple(
        np.stack([row[0], column[0], row[1], column[1]], axis=1)
        for column in columns
        for row in rows
    )


def _box_parts(hot: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the box of each connected part (by side or corner), that of the largest first."""
    from scipy.ndimage import find_objects, label

    parts, count = label(hot, np.ones((3, 3)))
    if not count:  # a constant map, above its lowest value
        return np.zeros((1, 4))
    boxes = np.array(
        [(y.start, x.start, y.stop, x.stop) for y, x in find_objects(parts)], np.float64
    )
    largest = int(np.bincount(parts.ravel())[1:].argmax())
    boxes[[0, largest]] = boxes[[largest, 0]]
    return boxes
