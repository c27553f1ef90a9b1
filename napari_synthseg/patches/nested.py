"""Objects that lie in objects of another class, as nuclei in their cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_synthseg.core.patch import Patch
from napari_synthseg.patches.neighbors import Neighbors
from napari_synthseg.patches.window import cut_mask

MIN_INSIDE, MAX_SIZE = 0.8, 0.8
"""An object lies in another if that much of it does, and it is smaller than this share of it."""


def find_nested(patches: Sequence[Patch]) -> dict[int, int]:
    """Return inner patch -> the patch of another class that it lies in, by their numbers.

    Of several that an object lies in, the smallest counts.
    """
    if len({p.cls for p in patches}) < 2:
        return {}
    numbers: dict[str, list[int]] = {}
    for number, patch in enumerate(patches):
        numbers.setdefault(patch.image, []).append(number)
    nested: dict[int, int] = {}
    for mine in numbers.values():
        near = Neighbors([patches[number].window for number in mine])
        for number in mine:
            meeting = [mine[n] for n in near.meeting(patches[number].window)]
            around = [n for n in meeting if _lies_in(patches[number], patches[n])]
            if around:
                nested[number] = min(around, key=lambda n: (patches[n].area, n))
    return nested


def _lies_in(inner: Patch, outer: Patch) -> bool:
    """Tell whether an object lies in one of another class."""
    if outer.cls == inner.cls or inner.area > MAX_SIZE * outer.area:
        return False
    common = inner.mask & cut_mask(outer.mask, outer.origin, inner.window)
    return bool(np.count_nonzero(common) >= MIN_INSIDE * inner.area)
