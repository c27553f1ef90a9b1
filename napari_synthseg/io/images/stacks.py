"""Whether a stack of planes is one volume, or images that are looked at one by one.

A file does not say. What it does say, the number of planes and their distance, gives a guess,
which the user may overrule wherever a stack comes in.
"""

from __future__ import annotations

from typing import Literal

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
