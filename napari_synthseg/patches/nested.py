"""Objects that lie in objects of another class, as nuclei in their cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_synthseg.core.patch import Patch
from napari_synthseg.patches.canvas_parts import PatchPlaces
from napari_synthseg.patches.window import cut_mask

MIN_INSIDE, MAX_SIZE = 0.8, 0.8
"""An object lies in another if that much of it does, and it is smaller than this share of it."""


def find_nested(patches: Sequence[Patch]) -> dict[int, int]:
    """Return inner patch -> the patch of another class that it lies in, by their numbers.

    Of several that an object lies in, the smallest counts.
    """
    if len({p.cls for p in patches}) < 2:
        return {}
    places, nested = PatchPlaces(patches), dict[int, int]()
    for number, inner in enumerate(patches):
        around = []
        for other in places.meeting(inner.image, inner.window):
            outer = patches[other]
            if outer.cls == inner.cls or inner.area > MAX_SIZE * outer.area:
                continue
            common = inner.mask & cut_mask(outer.mask, outer.origin, inner.window)
            if np.count_nonzero(common) >= MIN_INSIDE * inner.area:
                around.append((outer.area, other))
        if around:
            nested[number] = min(around)[1]
    return nested
