"""What the two forms of a detector's targets have in common."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.labels import MIN_SHARE_SHOWN
from napari_synthseg.training.crop_boxes import ShownBoxes


def open_places(
    found: ShownBoxes, shape: tuple[int, ...], stride: int, unknown: NDArray[np.bool_] | None
) -> NDArray[np.bool_]:
    """Return at which places of the output nothing is learned, shape (y, x).

    Where nobody knows what is there (`unknown`, of the crop's `shape`), and where too little of an
    object is shown.
    """
    rows, columns = (n // stride for n in shape)
    places = np.zeros((rows, columns), bool)
    if unknown is not None:
        places |= unknown.reshape(rows, stride, columns, stride).any(axis=(1, 3))
    hardly_shown = found.boxes.corners[found.share < MIN_SHARE_SHOWN] / stride
    for top, left, bottom, right in hardly_shown:
        places[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))] = True
    return places


def unmarked_places(found: ShownBoxes, shape: tuple[int, ...], stride: int) -> NDArray[np.bool_]:
    """Return at which places of the output an object without a box may be, shape (y, x)."""
    places = np.ones([n // stride for n in shape], bool)
    for top, left, bottom, right in found.boxes.corners / stride:
        places[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))] = False
    return places


def learned_order(found: ShownBoxes) -> list[int]:
    """Return the numbers of the boxes that are learned: small ones come last, and stay."""
    order = np.argsort(-np.prod(found.boxes.sizes(), axis=1), kind="stable")
    numbers: list[int] = order[found.share[order] >= MIN_SHARE_SHOWN].tolist()
    return numbers
