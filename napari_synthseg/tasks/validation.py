"""What tasks have in common in measuring a network on the held-out part.

Two figures decide, neither of which needs a drawn mask: one on synthetic pairs made from held-out
clicks, and one on the held-out real pixels by the clicks there. Where training was on true masks,
the held-out masks take the place of the pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.pixels import ArraySource, MatchedSource, PixelSource
from napari_synthseg.tasks.data import TaskData

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
    """Return the held-out pairs, and the held-out images with clicks."""
    pairs = [HeldOutField(MatchedSource(ArraySource(p.image)), p) for p in data.val_pairs]
    clicked = [image for image in data.val_images if image.clicks]
    return pairs + [HeldOutField(MatchedSource(image.pixels), image) for image in clicked]


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
