"""Units of length as image files spell them, brought to micrometers."""

from __future__ import annotations

import math
from collections.abc import Mapping

UNIT_WORDS = {
    "pm": "picometer", "nm": "nanometer", "um": "micrometer", "mm": "millimeter",
    "cm": "centimeter", "m": "meter",
}  # fmt: skip
"""Unit as a project keeps it -> its word, as OME-Zarr, bioimage.io and napari spell it."""

_MICROMETERS = {
    1e-6: ("pm", "picometer", "picometre"),
    1e-4: ("å", "angstrom"),
    1e-3: ("nm", "nanometer", "nanometre"),
    1.0: ("um", "µm", "μm", "\\u00b5m", "micron", "microns", "micrometer", "micrometre"),
    1e3: ("mm", "millimeter", "millimetre"),
    1e4: ("cm", "centimeter", "centimetre"),
    25_400.0: ("inch", "inches", "in"),
    1e6: ("m", "meter", "metre"),
}
_FACTORS = {name: factor for factor, names in _MICROMETERS.items() for name in names}


_NO_LENGTHS = frozenset({"", "pixel", "pixels", "px", "-", "s", "sec"})
"""What stands for the unit of a pixel size that is not known."""


def lost_lengths(lengths: Mapping[str, tuple[float, str]]) -> tuple[str, ...]:
    """Return what is told of lengths, each given with its unit, that `in_micrometers` leaves out.

    Nothing is told where no unit is given.
    """
    lost: dict[str, list[str]] = {}
    for axis, (length, unit) in lengths.items():
        bare = unit.strip().lower()
        if math.isfinite(length) and bare not in _FACTORS and bare not in _NO_LENGTHS:
            lost.setdefault(unit.strip(), []).append(axis)
    return tuple(
        f"its pixel size along {', '.join(axes)} is in '{unit}', which is no known length, and is "
        "left out"
        for unit, axes in lost.items()
    )


def in_micrometers(lengths: Mapping[str, tuple[float, str]]) -> dict[str, float]:
    """Return lengths, each given with its unit, in micrometers, by axis letter.

    What is no positive length of a known unit is left out.
    """
    return {
        axis: value * _FACTORS[unit.strip().lower()]
        for axis, (value, unit) in lengths.items()
        if unit.strip().lower() in _FACTORS and math.isfinite(value) and value > 0
    }
