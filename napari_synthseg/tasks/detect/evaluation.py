"""How well candidate boxes agree with the held-out part, for each class and smallest score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.boxes import Boxes, measure_box_iou
from napari_synthseg.core.labels import DualImage, incomplete_classes, lie_where_known
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.training.crop_boxes import Floats, find_boxes

CANDIDATE_SCORES = np.linspace(0.05, 0.95, 19)


def count_hits(found: Boxes, truth: DualImage | ClickedImage, values: tuple[int, ...]) -> Floats:
    """Return (matched, predicted, true) for each class and candidate score, (class, score, 3).

    A box is right that has an IoU of more than 0.5 with a free true box, or holds a free click.
    Others are not counted where nobody knows what is there, nor where not every object of the class
    is boxed or clicked.
    """
    counts = np.zeros((len(values), len(CANDIDATE_SCORES), 3))
    for row, value in enumerate(values):
        mine = found.of_class(value)
        if isinstance(truth, DualImage):
            merits = _merits_of_boxes(mine, find_boxes(truth.labels).boxes.of_class(value))
            may_be_false = lie_where_known(mine, truth.labels)
            may_be_false &= value not in incomplete_classes(truth.labels)
        else:
            merits = _merits_of_clicks(mine, truth, value)
            may_be_false = np.full(len(mine), truth.ref.exhaustive)
        above, hits = mine.scores[None] >= CANDIDATE_SCORES[:, None], match_in_order(merits)
        counts[row, :, 0] = (above & hits).sum(axis=1)
        counts[row, :, 1] = (above & (hits | may_be_false)).sum(axis=1)
        counts[row, :, 2] = merits.shape[1]
    return counts


def _merits_of_boxes(found: Boxes, true: Boxes) -> Floats:
    overlaps = measure_box_iou(found.corners, true.corners)
    return np.where(overlaps > 0.5, overlaps, -np.inf)


def _merits_of_clicks(found: Boxes, image: ClickedImage, value: int) -> Floats:
    """Let the click count that is nearest to the middle of a box."""
    clicks = np.array([c.position for c in image.clicks if c.cls == value]).reshape(-1, 2)
    clicks = clicks + 0.5  # pixel centers are whole numbers, corners of boxes are not
    low, high = found.corners[:, None, :2], found.corners[:, None, 2:]
    inside = ((clicks >= low) & (clicks <= high)).all(axis=2)
    distances = ((clicks - (low + high) / 2) ** 2).sum(axis=2)
    return np.where(inside, -distances, -np.inf)


def match_in_order(merits: Floats) -> NDArray[np.bool_]:
    """Return which boxes get one of the true ones: each takes the best that is left, in order.

    `merits` is of shape (box, true); minus infinity where the two do not go together.
    """
    free = merits.copy()
    hits = np.zeros(len(free), bool)
    for number in range(len(free) if free.size else 0):
        best = int(free[number].argmax())
        hits[number] = free[number, best] > -np.inf
        if hits[number]:
            free[:, best] = -np.inf
    return hits
