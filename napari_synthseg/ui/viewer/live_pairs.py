"""What learning gives so far, laid out so that it can be compared at a glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from napari_synthseg.core.labels import DualImage, InstanceLabels, Labels, PixelLabels, regions_of

GAP = 4
"""Pixels between pictures that lie side by side."""


def beside(pictures: Mapping[str, Sequence[DualImage]]) -> tuple[list[DualImage], str]:
    """Return pairs in which the pictures of each kind lie side by side, and what is where.

    Pair ``i`` shows picture ``i`` of every kind. A kind with fewer pictures leaves room empty.
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
    """Return pairs in one, with a black gap between them; smaller ones are filled up below."""
    height = max(pair.image.shape[-2] for pair in pairs)
    images = [_padded(pair.image, height) for pair in pairs]
    shown = [_per_pixel(pair.labels) for pair in pairs]
    ids = [_padded(labels.array, height) for labels in shown]
    for number in range(len(pairs) - 1):
        images[number] = _widened(images[number])
        ids[number] = _widened(ids[number])
    labels = shown[0].with_array(np.concatenate(ids, axis=-1))
    return DualImage(np.concatenate(images, axis=-1), labels, index)


def _padded(array: np.ndarray, height: int) -> np.ndarray:
    room = [(0, 0)] * array.ndim
    room[-2] = (0, height - array.shape[-2])
    return np.pad(array, room)


def _widened(array: np.ndarray) -> np.ndarray:
    room = [(0, 0)] * array.ndim
    room[-1] = (0, GAP)
    return np.pad(array, room)


def _blank(pair: DualImage) -> DualImage:
    labels = _per_pixel(pair.labels)
    empty = labels.with_array(np.zeros_like(labels.array))
    return DualImage(np.zeros_like(pair.image), empty, pair.index)


def _per_pixel(labels: Labels) -> PixelLabels:
    return labels if isinstance(labels, InstanceLabels) else regions_of(labels)
