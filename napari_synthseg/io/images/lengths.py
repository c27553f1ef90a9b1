"""Units of length as image files spell them, brought to micrometers."""

from __future__ import annotations

import math
from collections.abc import Mapping

_MICROMETERS = {
    1e-6: ("pm", "picometer", "picometre"),
    1e-4: ("å", "angstrom"),
    1e-3: ("nm", "nanometer", "nanometre"),
    1.0: ("um", "µm", "μm", "\\u00b5m", "micron", "microns", "micrometer", "micrometre"),
    1e3: ("mm", "millimeter", "millimetre"),
    1e4: ("cm", "centimeter", "centimetre"),
    1e6: ("m", "meter", "metre"),
}
_FACTORS = {name: factor for factor, names in _MICROMETERS.items() for name in names}


def in_micrometers(value: float, unit: str) -> float | None:
    """Return a length in micrometers; None where it is no positive length of a known unit."""
    factor = _FACTORS.get(unit.strip().lower())
    if factor is None or not math.isfinite(value) or value <= 0:
        return None
    return value * factor


def known(sizes: Mapping[str, float | None]) -> dict[str, float]:
    """Return the sizes that are known, by axis letter."""
    return {axis: size for axis, size in sizes.items() if size is not None}
