"""How large objects are: measured on sure outlines, and said only where enough of them agree."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from napari_synthseg.core.geometry import ball
from napari_synthseg.core.patch import MeasuredDiameter, Patch

SURE_CONFIDENCE = 0.7
"""Outlines that are expected to overlap that much with their objects tell their size."""

MIN_OBJECTS, MIN_SHARE = 4, 0.4
"""With fewer sure outlines of a class, or a smaller share of its clicks, nothing is measured."""

MAX_SPREAD = 0.35
"""Relative spread of the diameters above which there is no usual one."""

MAX_DIAMETER_RATIO = 1.25
"""Where given and measured diameter differ by more than this factor, the measured one is used."""


def measure_diameter(
    patches: Iterable[Patch], value: int, length: Callable[[Patch], float]
) -> MeasuredDiameter | None:
    """Measure the usual diameter of a class; None where its outlines do not tell.

    Objects that the border of an image cuts off do not count. `length` gives the diameter of a
    patch's object, so that images of different pixel size can be taken together.
    """
    mine = [p for p in patches if p.cls == value and not p.touches_border]
    sure = [p for p in mine if p.confidence >= SURE_CONFIDENCE and p.area]
    return usual_diameter([length(p) for p in sure], len(mine))


def usual_diameter(sure: Sequence[float], clicked: int) -> MeasuredDiameter | None:
    """Return the usual one of the diameters of sure outlines; None where they do not tell.

    Parameters
    ----------
    sure
        Diameters, pixels along the finest axis.
    clicked
        How many objects were outlined, those whose outlines are not sure, too.
    """
    if len(sure) < max(MIN_OBJECTS, MIN_SHARE * clicked):
        return None
    lengths = np.array(sure)
    usual = float(np.median(lengths))
    spread = 1.4826 * float(np.median(np.abs(lengths - usual)))
    if spread > MAX_SPREAD * usual:
        return None
    # of the median of so many values, and no better than outlines are exact
    error = max(1.25 * spread / math.sqrt(len(sure)), 0.5, 0.05 * usual)
    return MeasuredDiameter(round(usual, 1), round(error, 1), len(sure))


def equal_diameter(size: float, spacing: Sequence[float]) -> float:
    """Return the diameter of the disk (ball) of as many pixels, pixels along the finest axis."""
    ndim = len(spacing)
    return float(2 * (size * math.prod(spacing) / ball([1.0] * ndim)) ** (1 / ndim))


def diameter_in_use(given: float, measured: MeasuredDiameter | None) -> float:
    """Return the diameter to work with: the given one, unless the measured one is far from it."""
    if measured is None:
        return given
    ratio = measured.diameter / given
    return given if 1 / MAX_DIAMETER_RATIO < ratio < MAX_DIAMETER_RATIO else measured.diameter
