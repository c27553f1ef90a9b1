"""What tasks have in common in measuring a network on the held-out part.

Two figures decide, neither of which needs a drawn mask: one on synthetic pairs made from held-out
clicks, and one on the held-out real pixels by the clicks there. Where training was on true masks,
the held-out masks take the place of the pairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.geometry import (
    Region,
    contains,
    full_region,
    region_at,
    region_shape,
    region_slices,
)
from napari_synthseg.core.labels import BoxLabels, DualImage, InstanceLabels
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.pixels import ArraySource, MatchedSource, PixelSource
from napari_synthseg.io.labels import label_boxes
from napari_synthseg.tasks.data import TaskData

VALIDATION_PX, LEAST_FIELD_PX = 2**21, 2**16
"""Pixels that are looked at, at most, of all held-out pairs and of all held-out images with clicks,
and of each of them."""

Item = TypeVar("Item", DualImage, ClickedImage)

Part = Literal["pairs", "clicks"]
PARTS: tuple[Part, ...] = ("pairs", "clicks")


@dataclass(frozen=True, eq=False)
class HeldOutField:
    """An image of the held-out part, and its truth: all labels, or clicks."""

    pixels: PixelSource
    truth: DualImage | ClickedImage

    @property
    def part(self) -> Part:
        """What the truth is."""
        return "pairs" if isinstance(self.truth, DualImage) else "clicks"


def fields_of(data: TaskData) -> list[HeldOutField]:
    """Return the held-out pairs, and the held-out images with clicks, or parts of them.

    However large the images are, no more is looked at than what keeps validation short.
    """
    pairs = _bounded(data.val_pairs, lambda pair: pair.labels.shape, narrowed_pair)
    clicked = [image for image in data.val_images if image.clicks]
    parts = _bounded(clicked, lambda image: image.pixels.shape[1:], narrowed)
    return [
        *(HeldOutField(MatchedSource(ArraySource(pair.image)), pair) for pair in pairs),
        *(HeldOutField(MatchedSource(image.pixels), image) for image in parts),
    ]


def _bounded(
    items: Sequence[Item],
    shape: Callable[[Item], Sequence[int]],
    narrow: Callable[[Item, int], Item],
) -> list[Item]:
    """Return items, or parts of some of them, that have `VALIDATION_PX` pixels at most, about."""
    if sum(math.prod(shape(item)) for item in items) <= VALIDATION_PX:
        return list(items)
    count = min(len(items), VALIDATION_PX // LEAST_FIELD_PX)
    chosen = [items[len(items) * n // count] for n in range(count)]
    return [narrow(item, VALIDATION_PX // count) for item in chosen]


def narrowed(image: ClickedImage, most_px: int) -> ClickedImage:
    """Return the window of a clicked image that shows most clicks, as high as wide.

    `most_px` is how many pixels it has at most, about; smaller images are returned as they are.
    """
    places = np.array([click.position for click in image.clicks])
    window = _fullest_window(image.pixels.region, places, most_px)
    if window == image.pixels.region:
        return image
    corner = np.array([start for start, _ in window])
    clicks = tuple(
        click.model_copy(update={"position": tuple((place - corner).tolist())})
        for click, place in zip(image.clicks, places, strict=True)
        if contains(window, place)
    )
    pixels = ArraySource(image.pixels.read(window))
    return replace(image, pixels=pixels, clicks=clicks, negatives=(), rejected=())


def narrowed_pair(pair: DualImage, most_px: int) -> DualImage:
    """Return the window of a pair that shows most objects; see `narrowed`.

    Pairs of other labels than masks or boxes of objects are returned as they are.
    """
    labels = pair.labels
    if isinstance(labels, InstanceLabels):
        boxes = list(labels.slices().values())
        middles = np.array([[(s.start + s.stop - 1) / 2 for s in box] for box in boxes])
    elif isinstance(labels, BoxLabels):
        middles = labels.boxes.centers()
    else:
        return pair
    whole = full_region(labels.shape)
    middle = np.array([[(n - 1) / 2 for n in labels.shape]])
    window = _fullest_window(whole, middles if len(middles) else middle, most_px)
    shown = np.ascontiguousarray(pair.image[(slice(None), *region_slices(window))])
    return replace(pair, image=shown, labels=_in_window(labels, window))


def _in_window(labels: InstanceLabels | BoxLabels, window: Region) -> InstanceLabels | BoxLabels:
    """Return the objects of which something lies in a window, in pixels of it."""
    where = region_slices(window)
    if isinstance(labels, BoxLabels):
        unknown = None if labels.unknown is None else labels.unknown[where]
        boxes = label_boxes(labels.boxes, window)
        return replace(boxes, unknown=unknown, incomplete=labels.incomplete)
    ids = labels.ids[where]
    present = set(np.unique(ids).tolist())
    classes = {number: value for number, value in labels.classes.items() if number in present}
    return replace(labels, ids=ids, classes=classes)


def _fullest_window(region: Region, places: NDArray[np.float64], most_px: int) -> Region:
    """Return the window of a region with most of some places, (place, axis), as high as wide."""
    extents = region_shape(region)
    if math.prod(extents) <= most_px:
        return region
    edge = max(int(math.sqrt(most_px / math.prod(extents[:-2]))), 1)
    shape = (*extents[:-2], *(min(edge, n) for n in extents[-2:]))
    lows = np.array([a for a, _ in region])
    highs = np.array([b for _, b in region]) - shape
    corners = np.clip(np.round(places - np.array(shape) / 2), lows, highs).astype(int)
    counts = [
        np.count_nonzero(((places >= c - 0.5) & (places < c + shape - 0.5)).all(axis=1))
        for c in corners
    ]
    return region_at(corners[int(np.argmax(counts))].tolist(), shape)


def sum_by_part(
    fields: Iterable[HeldOutField], counts: Iterable[NDArray[np.float64]]
) -> dict[Part, NDArray[np.float64]]:
    """Return the sum of the counts of the fields of each part that there is."""
    found: dict[Part, NDArray[np.float64]] = {}
    for field, count in zip(fields, counts, strict=True):
        found[field.part] = found.get(field.part, 0.0) + count
    return found


def f1(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return F1 of (..., (matched, predicted, true))."""
    matched, predicted, true = np.moveaxis(counts, -1, 0)
    return np.asarray(2 * matched / np.maximum(predicted + true, 1))


def middle_of_best(values: Sequence[float] | NDArray[np.float64], tolerance: float) -> int:
    """Return the place of the middle one of the best values: the safest on other images.

    Values within `tolerance` of the best do about equally well.
    """
    best = np.flatnonzero(np.asarray(values) >= np.max(values) - tolerance)
    return int(best[len(best) // 2])
