"""Which values of a heat map are shown dark and which bright, and what that means in words."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

TOP_PERCENTILE = 99.8
"""Values from here on are in full color: single higher ones would leave all others dark."""

DARK_SHARE = 0.25
"""What is shown begins this far above the usual value of the image, on the way to the top."""


class ShownRange(NamedTuple):
    """Values of one class's map: black up to `low`, in full color from `top` on."""

    low: float
    top: float

    def share(self, value: float) -> float:
        """Return how bright a value is shown, 0 to 1."""
        return min(max((value - self.low) / (self.top - self.low), 0.0), 1.0)

    def lowered(self, share: float) -> ShownRange:
        """Return the range of which the top is moved towards the low end; at 1 it stays."""
        return ShownRange(self.low, self.low + max(share, 1e-3) * (self.top - self.low))


def shown_range(heat_map: NDArray[np.float32]) -> ShownRange:
    """Return the values of a map that are worth seeing.

    Maps are raw. A model may find something that speaks for a class all over an image, a little
    more at some places; what counts then is how far these stand out from the usual value. What
    speaks against the class is never shown.
    """
    usual, top = (float(v) for v in np.percentile(heat_map, (50, TOP_PERCENTILE)))
    usual = max(usual, 0.0)
    highest = float(heat_map.max(initial=0.0))
    if top - usual < 1e-3 * (highest - usual):  # only tiny places stand out
        top = highest
    if top <= usual:
        return ShownRange(usual, usual + 1e-6)
    return ShownRange(usual + DARK_SHARE * (top - usual), top)


def describe_map(name: str) -> str:
    """Return what the map of a class says."""
    return (
        f"Bright: here the image speaks for '{name}'; a change there would change the answer most. "
        "Dark: as much as anywhere, or nothing. It does not show where an object ends."
    )
