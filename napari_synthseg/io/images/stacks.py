"""Whether a stack of planes is one volume, or images that are looked at one by one.

A file does not say. What it does say, the number of planes and their distance, gives a guess,
which the user may overrule wherever a stack comes in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from napari_synthseg.io.images.axes import axis_words
from napari_synthseg.io.images.stored_array import StoredArray

StackUse = Literal["auto", "volume", "planes"]
"""How stacks along z are taken; "auto": as `is_volume` guesses."""

MIN_VOLUME_PLANES = 8
"""A stack of fewer planes than this is taken plane by plane."""

MAX_PLANE_DISTANCE_PX = 10.0
"""Planes further apart than this, in pixels, hardly share an object: they are taken one by one."""


def is_volume(planes: int, apart: float = 1.0, use: StackUse = "auto") -> bool:
    """Tell whether a stack is used as one volume.

    Parameters
    ----------
    planes
        Number of planes along z; a single one is never a volume.
    apart
        Distance of the planes, in pixels along y or x, where it is known.
    use
        What the user wants.
    """
    if use == "auto":
        return planes >= MIN_VOLUME_PLANES and apart <= MAX_PLANE_DISTANCE_PX
    return use == "volume" and planes > 1


def describe_axes(
    stored: StoredArray, spatial: Collection[str], plane: Mapping[str, int] | None = None
) -> str:
    """Say how each axis is taken that could be taken otherwise; '' where there is none.

    Parameters
    ----------
    stored
        The image in its file.
    spatial
        Axes along which objects extend.
    plane
        Axis -> the only plane of it that is taken.
    """
    words = []
    for axis in stored.axes:
        count = stored.size(axis)
        if axis in "tz" and count > 1:
            if plane and axis in plane:
                one = "frame" if axis == "t" else "plane"
                use = f"only {one} {plane[axis]} is taken"
            elif axis in spatial:
                use = "one volume"
            else:
                use = "each an image of its own"
            words.append(f"{axis_words(axis, count)}{_guess(stored, axis)}: {use}")
        elif axis == "c" and count > 1 and axis in stored.unnamed:
            words.append(f"{axis_words(axis, count)}{_guess(stored, axis)}")
    return "; ".join(words)


def _guess(stored: StoredArray, axis: str) -> str:
    return " (a guess: the file does not name this axis)" if axis in stored.unnamed else ""
