"""Boxes of what a crop shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.labels import Labels

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ShownBoxes:
    """The boxes of what a crop shows.

    Attributes
    ----------
    boxes
        In pixels of the crop.
    share
        Share of each object that the crop shows, 0 to 1, shape (box,).
    """

    boxes: Boxes
    share: Floats


def find_boxes(labels: Labels, whole: Labels | None = None, zoom: float = 1.0) -> ShownBoxes:
    """Return the boxes of the objects of a crop.

    Parameters
    ----------
    labels
        Labels of the crop, (y, x).
    whole
        Labels of the image that the crop is of; default: the crop itself.
    zoom
        How many times larger the crop shows it.
    """
    from scipy.ndimage import find_objects

    if labels.outlines is not None:
        return _cut_boxes(labels.outlines, labels.ids.shape)
    known = np.maximum(labels.ids, 0)
    visible = np.bincount(known.ravel())
    full = visible if whole is None else np.bincount(np.maximum(whole.ids, 0).ravel()) * zoom**2
    rows = [
        ((s[0].start, s[1].start, s[0].stop, s[1].stop), labels.classes[number], number)
        for number, s in enumerate(find_objects(known), start=1)
        if s is not None
    ]
    if not rows:
        return ShownBoxes(Boxes.of([]), np.zeros(0))
    boxes, classes, numbers = zip(*rows, strict=True)
    numbers_ = np.array(numbers)
    shown = np.minimum(visible[numbers_] / np.maximum(full[numbers_], 1), 1.0)
    grown = Boxes.of(boxes, classes).grown(labels.growth)
    return ShownBoxes(_inside(grown, known.shape), shown)


def _cut_boxes(boxes: Boxes, shape: tuple[int, ...]) -> ShownBoxes:
    """Return the boxes of which something lies in a crop of a shape (y, x), cut at its border."""
    cut = _inside(boxes, shape)
    share = boxes.share_in(shape)
    seen = share > 0
    return ShownBoxes(cut.take(seen), share[seen])


def _inside(boxes: Boxes, shape: tuple[int, ...]) -> Boxes:
    """Return boxes cut at the border of a crop."""
    limits = np.tile(np.array(shape, float), 2)
    return Boxes(np.clip(boxes.corners, 0, limits), boxes.classes, boxes.scores)
