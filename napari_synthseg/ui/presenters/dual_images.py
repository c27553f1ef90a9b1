"""Step 3 in words and pictures: what dual images show, and what was rejected of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np

from napari_synthseg.core.labels import (
    BoxLabels,
    DualImage,
    InstanceLabels,
    Labels,
    PixelLabels,
    PointLabels,
)
from napari_synthseg.core.project import Project
from napari_synthseg.ui.presenters.counting import counted

CAPTION_WIDTH = 52
"""Characters in a line over the image."""

GAP_PX = 4
"""Black pixels between pictures that stand side by side."""

POINT_RADIUS_PX = 2
"""Of the squares that are shown for points."""

GATE_WORDS = {
    "mask": "mask unlike real ones",
    "agreement": "image and mask do not agree",
    "copy": "nearly a copy of a real image",
    "alike": "nearly the same as another",
}
"""Reason of the gate -> its words; others are shown as they are."""

NO_REASONS = ("drawn", "accepted", "given up")


def describe_pairs(pairs: Sequence[DualImage], project: Project) -> str:
    """Return how many pairs there are, and how many objects or how much of each class."""
    shape = " x ".join(str(n) for n in pairs[0].labels.shape)
    made = f"{counted(len(pairs), 'pair')} of {shape} pixels"
    labels = [pixel_labels(pair.labels) for pair in pairs]
    objects = [item.count for item in labels if isinstance(item, InstanceLabels)]
    if objects:
        return f"{made}, {counted(sum(objects), 'object')} in all."
    shares = [
        f"{np.mean([np.mean(item.array == c.value) for item in labels]):.0%} {c.name}"
        for c in project.classes
    ]
    return f"{made}: {', '.join(shares)}."


def describe_gate(statistics: Mapping[str, int]) -> str:
    """Return how many pairs were rejected and why, or '' where nothing was checked."""
    drawn = statistics.get("drawn", 0)
    if not drawn:
        return ""
    rejected = drawn - statistics.get("accepted", drawn)
    if not rejected:
        return f"Checked: all {drawn} that were drawn are good."
    reasons = [
        f"{count} {GATE_WORDS.get(name, name)}"
        for name, count in statistics.items()
        if name not in NO_REASONS and count
    ]
    text = f"Checked: {rejected} of {drawn} drawn were rejected ({'; '.join(reasons)})."
    lost = statistics.get("given up", 0)
    if lost:
        text += f" Of {lost} no draw was good: they are not used for training."
    return text


def describe_unused(pairs: Sequence[DualImage]) -> list[str]:
    """Return a caption for each pair that says where it is not used; [] where all are."""
    if not any(pair.rejection_reason for pair in pairs):
        return []
    reasons = [pair.rejection_reason for pair in pairs]
    return [_caption(f"Not used for training: {reason}") if reason else "" for reason in reasons]


def describe_rejected(pairs: Sequence[DualImage]) -> list[str]:
    """Return a caption for each rejected pair: why it was."""
    return [
        _caption(f"Rejected {number} of {len(pairs)}: {pair.rejection_reason}")
        for number, pair in enumerate(pairs, start=1)
    ]


def _caption(text: str) -> str:
    return fill(text, CAPTION_WIDTH)


def side_by_side(pictures: Mapping[str, Sequence[DualImage]]) -> tuple[list[DualImage], str]:
    """Return pairs in which the pictures of each kind stand side by side, and which is where.

    Pair ``i`` shows picture ``i`` of every kind. A kind with fewer pictures leaves its place empty.
    """
    kinds = {name: [*pairs] for name, pairs in pictures.items() if pairs}
    count = max((len(pairs) for pairs in kinds.values()), default=0)
    rows = []
    for index in range(count):
        images, ids = [], []
        for pairs in kinds.values():
            pair = pairs[min(index, len(pairs) - 1)]
            is_there = index < len(pairs)
            images.append(pair.image * is_there)
            ids.append(pixel_labels(pair.labels).array * is_there)
        labels = pixel_labels(next(iter(kinds.values()))[0].labels)
        rows.append(DualImage(place_in_row(images), labels.with_array(place_in_row(ids)), index))
    words = ", ".join(kinds)
    return rows, words if len(kinds) < 2 else f"left to right: {words}"


def place_in_row(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return arrays side by side with gaps between them; smaller ones are filled up below."""
    height = max(array.shape[-2] for array in arrays)
    padded = []
    for number, array in enumerate(arrays, start=1):
        gap = GAP_PX if number < len(arrays) else 0
        room = [(0, 0)] * (array.ndim - 2) + [(0, height - array.shape[-2]), (0, gap)]
        padded.append(np.pad(array, room))
    return np.concatenate(padded, axis=-1)


def pixel_labels(labels: Labels) -> PixelLabels:
    """Return labels of each pixel, to be seen: boxes are filled, points are squares."""
    if isinstance(labels, PixelLabels):
        return labels
    ids = np.zeros(labels.shape, np.int32)
    classes: dict[int, int] = {}
    if isinstance(labels, BoxLabels):
        classes = dict(enumerate(labels.boxes.classes.tolist(), start=1))
        corners = np.clip(np.round(labels.boxes.corners), 0, None).astype(int)
        for number, (top, left, bottom, right) in enumerate(corners, start=1):
            ids[top:bottom, left:right] = number
    elif isinstance(labels, PointLabels):
        classes = dict(enumerate(labels.classes.tolist(), start=1))
        for number, center in enumerate(labels.positions, start=1):
            low = np.clip(np.round(center).astype(int) - POINT_RADIUS_PX, 0, None)
            high = np.clip(np.round(center).astype(int) + POINT_RADIUS_PX + 1, 0, None)
            ids[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = number
    return InstanceLabels(ids, classes)
