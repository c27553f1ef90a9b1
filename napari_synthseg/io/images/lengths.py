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


def in_micrometers(lengths: Mapping[str, tuple[float, str]]) -> dict[str, float]:
    """Return lengths, each given with its unit, in micrometers, by axis letter.

    What is no positive length of a known unit is left out.
    """
    return {
        axis: value * _FACTORS[unit.strip().lower()]
        for axis, (value, unit) in lengths.items()
        if unit.strip().lower() in _FACTORS and math.isfinite(value) and value > 0
    }
