"""How much of an image each class covers: the figures that regions are made for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef

BACKGROUND = "background"
"""What the value 0 is called."""


@dataclass(frozen=True)
class Area:
    """What one class covers on one image.

    Attributes
    ----------
    value, name
        Of the class; 0 is the background.
    pixels
        Number of pixels.
    share
        Share of all pixels of which it is known what they show.
    size
        Area (of volumes, volume) in `unit`, such as "um^2"; None where the pixel size is not known.
    """

    value: int
    name: str
    pixels: int
    share: float
    size: float | None
    unit: str


def measure_areas(
    counts: NDArray[np.int64], names: Mapping[int, str], image: ImageRef
) -> tuple[Area, ...]:
    """Measure what each class covers, the background first.

    Parameters
    ----------
    counts
        Pixels of each class value, as `core.labels.count_values` gives them.
    names
        Class value -> name, of all classes.
    image
        Says how large a pixel is.
    """
    total = max(int(counts.sum()), 1)
    size, unit = _pixel(image)
    called = {0: BACKGROUND, **names}
    return tuple(
        Area(
            value,
            called[value],
            int(counts[value]),
            int(counts[value]) / total,
            None if size is None else float(counts[value] * size),
            unit,
        )
        for value in sorted(called)
    )


def _pixel(image: ImageRef) -> tuple[float | None, str]:
    """Return the area (volume) of a pixel and its unit, where they are known."""
    if image.pixel_size is None or image.unit == "px":
        return None, ""
    return math.prod(image.pixel_size[-image.ndim :]), f"{image.unit}^{image.ndim}"


def mean_shares(areas: Sequence[Sequence[Area]]) -> dict[str, float]:
    """Return the share of each class by name, the mean over images."""
    columns = zip(*areas, strict=True)
    return {column[0].name: float(np.mean([a.share for a in column])) for column in columns}


def describe_shares(shares: Mapping[str, float]) -> str:
    """Return shares in words."""
    return ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
