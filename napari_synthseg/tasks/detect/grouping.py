"""Non-maximum suppression, and grouping of boxes by size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.boxes import Boxes, find_overlaps, measure_box_iou
from napari_synthseg.training.crop_boxes import Floats

MAX_BOXES = 20_000
"""Most boxes of a class and image that are thinned out."""

AT_ONCE = 512
"""Of these boxes, the best that are left, all pairs are compared; with others those near them."""

MAX_ROUNDS, STARTS = 100, 8
"""Most rounds of grouping sizes, and how often it is begun anew; the best grouping is taken."""


def suppress_overlaps(boxes: Floats, scores: Floats, most: float) -> NDArray[np.int64]:
    """Return the indices of the boxes that non-maximum suppression keeps, best first.

    `most` is the largest IoU of two boxes that are kept, above 0.
    """
    left = np.argsort(-scores, kind="stable")
    kept = [np.empty(0, np.int64)]
    while len(left):
        first, left = left[:AT_ONCE], left[AT_ONCE:]
        over = measure_box_iou(boxes[first], boxes[first]) > most
        is_kept = np.ones(len(first), bool)
        for number, own in enumerate(over):
            if is_kept[number]:
                is_kept[number + 1 :] &= ~own[number + 1 :]
        kept.append(first[is_kept])
        if len(left):
            _, near, iou = find_overlaps(boxes[kept[-1]], boxes[left], most)
            left = np.delete(left, near[iou > most])
    return np.concatenate(kept)


def keep_best(
    corners: Floats, scores: Floats, class_values: tuple[int, ...], overlap: float, least: float
) -> Boxes:
    """Return the boxes that are sure enough, of those of a class that overlap the best.

    Parameters
    ----------
    corners
        Shape (box, 4).
    scores
        Of each box for each class, shape (box, class).
    class_values
        Class value of each column of the scores.
    overlap
        Largest IoU of two boxes of a class.
    least
        Smallest score.

    Returns
    -------
    Boxes
        The best first; at most `MAX_BOXES` of a class are compared.
    """
    kept: list[tuple[Floats, NDArray[np.int64], Floats]] = []
    for index, value in enumerate(class_values):
        chosen = np.flatnonzero(scores[:, index] >= least)
        chosen = chosen[np.argsort(-scores[chosen, index], kind="stable")[:MAX_BOXES]]
        left = chosen[suppress_overlaps(corners[chosen], scores[chosen, index], overlap)]
        kept.append((corners[left], np.full(len(left), value), scores[left, index]))
    return Boxes.of(*(np.concatenate(part) for part in zip(*kept, strict=True))).ranked()


def group_sizes(sizes: Floats, count: int, seed: int = 0) -> Floats:
    """Group the heights and widths of boxes, as YOLOv2 does for its anchors.

    k-means in which a size is the nearer to a group the more two boxes of these sizes, one upon the
    other, overlap (Redmon and Farhadi, "YOLO9000: better, faster, stronger", 2017).

    Parameters
    ----------
    sizes
        Heights and widths, shape (n, 2), pixels; at least one.
    count
        Number of groups; fewer are returned where there are fewer different sizes.

    Returns
    -------
    Mean heights and widths of the groups, shape (up to `count`, 2), the smallest first.
    """
    different = np.unique(sizes, axis=0)
    if len(different) <= count:
        return _sorted(different)
    rng = np.random.default_rng(seed)
    tried = [_group_once(sizes, different, count, rng) for _ in range(STARTS)]
    return _sorted(max(tried, key=lambda means: overlap_sizes(sizes, means).max(axis=1).mean()))


def _group_once(sizes: Floats, different: Floats, count: int, rng: np.random.Generator) -> Floats:
    means = different[[int(rng.integers(len(different)))]]
    while len(means) < count:  # the next one far from those that are there
        far = (1 - overlap_sizes(different, means).max(axis=1)) ** 2
        means = np.vstack([means, different[rng.choice(len(different), p=far / far.sum())]])
    mine = np.full(len(sizes), -1)
    for _ in range(MAX_ROUNDS):
        nearest = overlap_sizes(sizes, means).argmax(axis=1)
        if (nearest == mine).all():
            break
        mine = nearest
        means = np.stack(
            [sizes[mine == n].mean(axis=0) if (mine == n).any() else m for n, m in enumerate(means)]
        )
    return means


def overlap_sizes(one: Floats, other: Floats) -> Floats:
    """Return the IoU of boxes of these heights and widths that share their center, shape (n, m)."""
    common = np.prod(np.minimum(one[:, None], other[None]), axis=2)
    union = np.prod(one, axis=1)[:, None] + np.prod(other, axis=1)[None] - common
    result: Floats = common / np.maximum(union, 1e-12)
    return result


def _sorted(sizes: Floats) -> Floats:
    ordered: Floats = sizes[np.argsort(np.prod(sizes, axis=1), kind="stable")]
    return ordered
