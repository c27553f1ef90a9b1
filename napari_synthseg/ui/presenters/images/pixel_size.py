"""The size of a pixel, as it is typed and drawn."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError

UNITS = {"px": "none", "nm": "nm", "um": "µm", "mm": "mm"}
"""Unit of a pixel size -> what the panel says."""


def size_text(ref: ImageRef) -> str:
    """Return the pixel size of an image as it is typed: one number where pixels are square."""
    if ref.pixel_size is None:
        return ""
    sizes = ref.pixel_size[-ref.ndim :]
    if ref.ndim == 2 and math.isclose(sizes[0], sizes[1], rel_tol=1e-6):
        sizes = sizes[:1]
    return " x ".join(f"{size:.6g}" for size in sizes)


def parse_size(text: str, ndim: int) -> tuple[float, ...] | None:
    """Return what was typed as a size along each axis ([z,] y, x); None where nothing was.

    Of a flat image one number will do, of a volume the one along z comes first.

    Raises
    ------
    InputError
        If it is no such text.
    """
    decimal = re.sub(r"(?<=\d),(?=\d)", ".", text)  # as it is written in much of the world
    parts = [part for part in re.split(r"[x\u00d7;,\s]+", decimal) if part]
    if not parts:
        return None
    try:
        sizes = [float(part) for part in parts]
    except ValueError:
        sizes = []
    if len(sizes) == 1 and ndim == 2:
        sizes *= 2
    elif len(sizes) == 2 and ndim == 3:
        sizes.append(sizes[1])
    if len(sizes) != ndim or not all(0 < size < math.inf for size in sizes):
        form = "0.325, or 0.5 x 0.25 for y and x" if ndim == 2 else "2 x 0.5 x 0.5 for z, y and x"
        raise InputError(f"'{text}' is no pixel size: type it as {form}.")
    return tuple(sizes)


def line_length(ends: Sequence[Sequence[float]], proportion: Sequence[float] = (1, 1)) -> float:
    """Return the length of a line (y, x in pixels), in pixels along the finest axis.

    `proportion` is the size of a pixel along y and x, in any unit.
    """
    (y0, x0), (y1, x1) = ends
    finest = min(proportion)
    return math.hypot((y1 - y0) * proportion[0] / finest, (x1 - x0) * proportion[1] / finest)


def size_by_line(ref: ImageRef, line_px: float, length: float) -> tuple[float, ...]:
    """Return the pixel size of an image on which a line of so many pixels has a length.

    The proportion of its axes stays as it is known.

    Raises
    ------
    InputError
        If the line or the length is none.
    """
    if line_px < 1 or not 0 < length < math.inf:
        raise InputError("Draw the line over the whole scale bar, and type the length beside it.")
    return tuple(length / line_px * part for part in ref.spacing)
