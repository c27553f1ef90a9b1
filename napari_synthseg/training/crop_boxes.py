"""Boxes of what a crop shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.labels import BoxLabels, InstanceLabels, Labels, instances_of

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
    incomplete
        Class values of which not every object has a box.
    """

    boxes: Boxes
    share: Floats
    incomplete: frozenset[int] = frozenset()


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
    if isinstance(labels, BoxLabels):
        return _cut_boxes(labels)
    objects = instances_of(labels)
    visible = count_pixels(objects)
    full = visible if whole is None else full_sizes(instances_of(whole), zoom)
    numbers = [number for number in objects.slices() if number in objects.classes]
    shown = np.minimum(visible[numbers] / np.maximum(full[numbers], 1), 1.0)
    return ShownBoxes(_inside(objects.boxes(), objects.shape), shown, objects.incomplete)


def count_pixels(labels: InstanceLabels) -> NDArray[np.intp]:
    """Return how many pixels each id has, shape (largest id + 1,)."""
    return np.bincount(np.maximum(labels.ids, 0).ravel())


def full_sizes(whole: InstanceLabels, zoom: float) -> Floats:
    """Return how many pixels each id of an image would have, all of it, shown `zoom` times larger.

    Volumes are enlarged along z, too.
    """
    return np.asarray(count_pixels(whole) * zoom**whole.ids.ndim, np.float64)


def _cut_boxes(labels: BoxLabels) -> ShownBoxes:
    """Return the boxes of which something lies in a crop, cut at its border."""
    cut = _inside(labels.boxes, labels.shape)
    share = labels.boxes.share_in(labels.shape)
    seen = share > 0
    return ShownBoxes(cut.take(seen), share[seen], labels.incomplete)


def _inside(boxes: Boxes, shape: tuple[int, ...]) -> Boxes:
    """Return boxes cut at the border of a crop."""
    limits = np.tile(np.array(shape, float), 2)
    return Boxes(np.clip(boxes.corners, 0, limits), boxes.classes, boxes.scores)
