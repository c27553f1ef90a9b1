"""Boxes around the hot parts of a heat map, at every threshold: MaxBoxAccV2.

Choe et al., "Evaluating weakly supervised object localization methods right", CVPR 2020, and its
journal version (TPAMI 2022). A map is cut at a threshold; each connected part of what is left
gets its tightest box. The map is a hit if one of these boxes has at least some IoU with one of the
true boxes. The share of maps that are hits, at the best threshold over all of them, is taken at
the IoUs 0.3, 0.5 and 0.7 and averaged. The paper's first version looked only at the box of the
largest part, which is stricter where a map has many; both are kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.score.boxes import measure_box_iou

IOUS = (0.3, 0.5, 0.7)
THRESHOLDS = 100
"""Thresholds between the lowest and the highest value of a map."""


def sweep_boxes(stretched: NDArray[np.float64], true: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say at which thresholds a map is a hit.

    Parameters
    ----------
    stretched
        The map, from 0 to 1, shape (y, x).
    true
        Corners (ymin, xmin, ymax, xmax) of the true boxes, half-open, pixels, shape (box, 4).

    Returns
    -------
    Shape (2, IoU, threshold): with the boxes of all parts, and of the largest part alone. The
    first threshold is 0, which leaves one box around the whole map: what a constant map gets.
    """
    hits = np.zeros((2, len(IOUS), THRESHOLDS), np.bool_)
    kept = -1
    for i, threshold in enumerate(np.arange(THRESHOLDS) / THRESHOLDS):
        hot = stretched >= threshold
        count = int(hot.sum())
        if count == kept:  # the same pixels as before
            hits[:, :, i] = hits[:, :, i - 1]
            continue
        kept = count
        boxes, largest = _box_parts(hot)
        best = measure_box_iou(boxes, true).max(axis=1, initial=0.0)
        reached = np.array([[best.max(initial=0.0)], [best[largest]]])
        hits[:, :, i] = reached >= np.array(IOUS) - 1e-10
    return hits


def best_accuracy(hits: NDArray[np.int64], maps: int) -> float:
    """Return the mean over IoUs of the share of maps that are hits at the best threshold.

    Parameters
    ----------
    hits
        Number of maps that are hits, shape (IoU, threshold).
    maps
        Number of maps, > 0.
    """
    return float(hits.max(axis=1).mean() / maps)


def _box_parts(hot: NDArray[np.bool_]) -> tuple[NDArray[np.float64], int]:
    """Return the box of each connected part (by side or corner), and which part is largest."""
    from scipy.ndimage import find_objects, label

    parts, count = label(hot, np.ones((3, 3)))
    if count == 0:
        return np.zeros((1, 4)), 0
    boxes = [(y.start, x.start, y.stop, x.stop) for y, x in find_objects(parts)]
    return np.array(boxes, np.float64), int(np.bincount(parts.ravel())[1:].argmax())
