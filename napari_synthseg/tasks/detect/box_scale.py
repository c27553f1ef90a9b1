"""Boxes around pasted objects, scaled to the diameter of their class.

The mask found under a click may end a little inside of where people see the object's edge, who draw
boxes around all of it; that counts most for small objects. The usual diameter of each class is
known. One factor for all boxes of a class makes the usual box that large. True boxes and true masks
are not changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from napari_synthseg.core.labels import DualImage, InstanceLabels
from napari_synthseg.core.patch import GIVEN, Patch, PatchLibrary

MAX_DIAMETER_RATIO = 1.25
"""If diameter and masks differ by more than this factor, the diameter is a guess and is ignored."""

MIN_OBJECTS = 4
"""Objects of a class that are needed to measure their usual size."""


def measure_box_scale(library: PatchLibrary) -> dict[int, float]:
    """Return the factor by which boxes of each class are scaled to fit its diameter.

    The size of a box is the root of its area; that of a class is the median over its whole objects.
    Masks that the user made and volumes are left out, and so are classes with too few objects or
    with a diameter that is a guess or was measured on outlines.
    """
    sizes: dict[int, list[float]] = {}
    for patch in library.usable():
        if patch.mask.ndim == 2 and patch.method != GIVEN and not patch.touches_border:
            sizes.setdefault(patch.cls, []).append(_box_size(patch))
    scales = {
        value: library.diameters[value] / float(np.median(found))
        for value, found in sizes.items()
        if len(found) >= MIN_OBJECTS and not _is_measured(library, value)
    }
    most = MAX_DIAMETER_RATIO
    return {v: round(scale, 4) for v, scale in scales.items() if 1 / most < scale < most}


def _is_measured(library: PatchLibrary, value: int) -> bool:
    measured = library.measured.get(value)
    return measured is not None and measured.diameter == library.diameters[value]


def _box_size(patch: Patch) -> float:
    lengths = [np.ptp(np.flatnonzero(patch.mask.any(axis=axis))) + 1 for axis in (1, 0)]
    return float(np.sqrt(np.prod(lengths)))


def with_box_scale(pair: DualImage, scale: Mapping[int, float]) -> DualImage:
    """Return a dual image whose boxes are larger than its masks; true boxes stay as they are."""
    if not scale or not isinstance(pair.labels, InstanceLabels):
        return pair
    return replace(pair, labels=replace(pair.labels, box_scale=scale))
