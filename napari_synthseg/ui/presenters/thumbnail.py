"""One cell of a gallery as a value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """What one cell of a gallery shows.

    Attributes
    ----------
    pixels, mask
        Shapes (channel, [z,] y, x) and ([z,] y, x); of the mask the outline is drawn.
    color
        Of the outline, "#rrggbb".
    quality
        Length of the bar below the picture, 0 to 1.
    words
        What is said under the mouse.
    badge
        Sign in the corner, and its color; '' for none.
    is_faded, is_crossed_out
        Whether the picture is pale, and whether it is crossed out.
    """

    pixels: NDArray[np.float32]
    mask: NDArray[np.bool_]
    color: str
    quality: float
    words: str
    badge: tuple[str, str] = ("", "")
    is_faded: bool = False
    is_crossed_out: bool = False
