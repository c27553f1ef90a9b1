"""Boxes round pasted objects: as large as objects of the class are, not as the masks found.

The mask that is found under a click ends where the object's edge is steepest, and people draw boxes
round the whole of it: boxes round masks come out smaller, small objects' most of all. What the user
says of a class is its usual diameter. So all boxes of a class are made larger or smaller by one
factor, such that the usual one is as large as that. True boxes, and true masks, stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from napari_synthseg.core.labels import DualImage, InstanceLabels
from napari_synthseg.core.patch import GIVEN, Patch, PatchLibrary

BELIEVED = 1.25
"""A diameter farther from the masks than by this factor is a rough guess: the masks count."""

FEW = 4
"""Of fewer objects no usual size is taken."""


def measure_growth(library: PatchLibrary) -> dict[int, float]:
    """Return by what the boxes of each class are to be multiplied to fit its diameter.

    The size of a box is the root of its area, that of a class the median over the objects that are
    whole. Classes whose masks were made by the user, of volumes, with too few objects, or with a
    diameter that is a rough guess are left out.
    """
    sizes: dict[int, list[float]] = {}
    for patch in library.usable():
        if patch.mask.ndim == 2 and patch.method != GIVEN and not patch.touches_border:
            sizes.setdefault(patch.cls, []).append(_box_size(patch))
    growth = {
        value: library.diameters[value] / float(np.median(found))
        for value, found in sizes.items()
        if len(found) >= FEW
    }
    return {v: round(g, 4) for v, g in growth.items() if 1 / BELIEVED < g < BELIEVED}


def _box_size(patch: Patch) -> float:
    lengths = [np.ptp(np.flatnonzero(patch.mask.any(axis=axis))) + 1 for axis in (1, 0)]
    return float(np.sqrt(np.prod(lengths)))


def sized(pair: DualImage, growth: Mapping[int, float]) -> DualImage:
    """Return a dual image whose boxes are larger than its masks; true boxes stay as they are."""
    if not growth or not isinstance(pair.labels, InstanceLabels):
        return pair
    return replace(pair, labels=replace(pair.labels, box_scale=growth))
