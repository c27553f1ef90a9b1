"""Mending the outline of one object: larger, smaller, painted, or found anew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_synthseg.core.annotations import Click, MendedOutline
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import Mask
from napari_synthseg.core.patch import Outline

STEP_DIAMETERS = 0.04
"""How far an outline moves with each step, as a share of the object's diameter."""

LEAST_STEP_PX = 1.0


def resized(outline: Outline, steps: int, spacing: Sequence[float]) -> MendedOutline:
    """Return an outline that lies some steps farther out, or farther in where `steps` is negative.

    What then lies outside of the image is left out wherever outlines are used.

    Parameters
    ----------
    outline
        The outline as it is, (y, x).
    steps
        Each moves it by a share of the object's diameter, and by a pixel at least.
    spacing
        Distance of pixels along y and x, in units of the shorter.

    Raises
    ------
    InputError
        If nothing would be left, or there is nothing to resize.
    """
    from scipy.ndimage import distance_transform_edt

    from napari_synthseg.patches.quality.size import equal_diameter

    if not outline.area:
        raise InputError(
            "No object was found under this click, so its outline cannot be resized: move the "
            "click to the middle of the object, or paint the outline."
        )
    step = max(LEAST_STEP_PX, STEP_DIAMETERS * equal_diameter(outline.area, spacing))
    margin = [int(np.ceil(max(steps, 0) * step / apart)) + 1 for apart in spacing]
    mask = np.pad(outline.mask, [(m, m) for m in margin])
    if steps > 0:
        mask = distance_transform_edt(~mask, sampling=spacing) <= steps * step
    else:
        mask = distance_transform_edt(mask, sampling=spacing) > -steps * step
    return painted(mask, [o - m for o, m in zip(outline.origin, margin, strict=True)])


def painted(mask: Mask, origin: Sequence[int]) -> MendedOutline:
    """Return a mask whose first pixel lies at `origin` as an outline.

    Raises
    ------
    InputError
        If it is empty.
    """
    if not mask.any():
        raise InputError(
            "Nothing would be left of this outline. Delete the click if it is on no object."
        )
    return MendedOutline.of(mask, origin)


def check_flat(click: Click) -> None:
    """Raise an `InputError` where a click lies in a volume."""
    if len(click.position) == 3:
        raise InputError(
            "In volumes an outline reaches over many planes, and is found when patches are cut. "
            "Use masks of your own to mend it (step 2)."
        )
