"""Step 3 in words and pictures: what dual images show, and what was rejected of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from napari_synthseg.core.labels import DualImage, InstanceLabels, Labels, PixelLabels, regions_of
from napari_synthseg.core.project import Project

GAP_PX = 4
"""Black pixels between pictures that stand side by side."""

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
    made = f"{len(pairs)} pair{'s' * (len(pairs) > 1)} of {shape} pixels"
    objects = [len(p.labels.slices()) for p in pairs if isinstance(p.labels, InstanceLabels)]
    if objects:
        return f"{made}, {sum(objects)} objects in all."
    maps = [regions_of(p.labels).values for p in pairs]
    shares = [
        f"{np.mean([np.mean(values == c.value) for values in maps]):.0%} {c.name}"
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


def side_by_side(pictures: Mapping[str, Sequence[DualImage]]) -> tuple[list[DualImage], str]:
    """Return pairs in which the pictures of each kind stand side by side, and which is where.

    Pair ``i`` shows picture ``i`` of every kind. A kind with fewer pictures leaves its place empty.
    """
    kinds = {name: tuple(pairs) for name, pairs in pictures.items() if pairs}
    count = max((len(pairs) for pairs in kinds.values()), default=0)
    rows = [
        _joined([pairs[i] if i < len(pairs) else _blank(pairs[0]) for pairs in kinds.values()], i)
        for i in range(count)
    ]
    words = ", ".join(kinds)
    return rows, words if len(kinds) < 2 else f"left to right: {words}"


def _joined(pairs: Sequence[DualImage], index: int) -> DualImage:
    labels = [_per_pixel(pair.labels) for pair in pairs]
    joined = labels[0].with_array(_row([item.array for item in labels]))
    return DualImage(_row([pair.image for pair in pairs]), joined, index)


def _row(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return arrays side by side with gaps between them; smaller ones are filled up below."""
    height = max(array.shape[-2] for array in arrays)
    padded = []
    for number, array in enumerate(arrays, start=1):
        gap = GAP_PX if number < len(arrays) else 0
        room = [(0, 0)] * (array.ndim - 2) + [(0, height - array.shape[-2]), (0, gap)]
        padded.append(np.pad(array, room))
    return np.concatenate(padded, axis=-1)


def _blank(pair: DualImage) -> DualImage:
    labels = _per_pixel(pair.labels)
    empty = labels.with_array(np.zeros_like(labels.array))
    return DualImage(np.zeros_like(pair.image), empty, pair.index)


def _per_pixel(labels: Labels) -> PixelLabels:
    return labels if isinstance(labels, InstanceLabels) else regions_of(labels)
