"""What tasks have in common in measuring a network on the held-out part.

Two figures decide, neither of which needs a drawn mask: one on synthetic pairs made from held-out
clicks, and one on the held-out real pixels by the clicks there. Where training was on true masks,
the held-out masks take the place of the pairs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.geometry import region_at, region_shape
from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.pixels import ArraySource, MatchedSource, PixelSource
from napari_synthseg.tasks.data import TaskData

VALIDATION_PX, LEAST_FIELD_PX = 2**21, 2**16
"""Pixels of all held-out images with clicks that are looked at, at most, and of each of them."""

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
    pairs = [HeldOutField(MatchedSource(ArraySource(p.image)), p) for p in data.val_pairs]
    clicked = [image for image in data.val_images if image.clicks]
    count = min(len(clicked), VALIDATION_PX // LEAST_FIELD_PX)
    chosen = [clicked[len(clicked) * n // count] for n in range(count)]
    parts = [narrowed(image, VALIDATION_PX // count) for image in chosen]
    return pairs + [HeldOutField(MatchedSource(image.pixels), image) for image in parts]


def narrowed(image: ClickedImage, most_px: int) -> ClickedImage:
    """Return the window of a clicked image that shows most clicks, as high as wide.

    `most_px` is how many pixels it has at most, about; smaller images are returned as they are.
    """
    region = image.pixels.region
    extents = region_shape(region)
    if math.prod(extents) <= most_px:
        return image
    edge = max(int(math.sqrt(most_px / math.prod(extents[:-2]))), 1)
    shape = (*extents[:-2], *(min(edge, n) for n in extents[-2:]))
    places = np.array([click.position for click in image.clicks])
    lows = np.array([a for a, _ in region])
    highs = np.array([b for _, b in region]) - shape
    corners = np.clip(np.round(places - np.array(shape) / 2), lows, highs).astype(int)
    inside = [((places >= c - 0.5) & (places < c + shape - 0.5)).all(axis=1) for c in corners]
    best = int(np.argmax([np.count_nonzero(held) for held in inside]))
    corner = corners[best]
    clicks = tuple(
        click.model_copy(update={"position": tuple((place - corner).tolist())})
        for click, place, held in zip(image.clicks, places, inside[best], strict=True)
        if held
    )
    pixels = image.pixels.read(region_at(corner.tolist(), shape))
    return replace(image, pixels=ArraySource(pixels), clicks=clicks, negatives=(), rejected=())


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
