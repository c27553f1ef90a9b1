"""Windows of a clicked image that dual images are made like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MOSTLY = 0.5
"""Of a window at least this share of the pixels should count."""

WINDOWS_TRIED = 16
"""Windows that are drawn until one is such; else the one with most pixels that count is taken."""

MAX_EMPTY_WINDOWS = 4096
"""Empty windows that are remembered of an image."""


def draw_window(
    rng: np.random.Generator,
    there: Sequence[int],
    wanted: Sequence[int],
    counted: NDArray[np.bool_] | None = None,
) -> tuple[slice, ...]:
    """Draw a window of an image most pixels of which count.

    Parameters
    ----------
    rng
        What to draw from.
    there
        The image's shape ([z,] y, x).
    wanted
        The window's shape; along an axis on which the image is shorter, all of it is taken.
    counted
        Which pixels of the image count; None: all.
    """
    sizes = [min(n, m) for n, m in zip(there, wanted, strict=True)]
    best: tuple[slice, ...] = ()
    most = -1.0
    for _ in range(WINDOWS_TRIED):
        starts = [int(rng.integers(n - m + 1)) for n, m in zip(there, sizes, strict=True)]
        window = tuple(slice(s, s + m) for s, m in zip(starts, sizes, strict=True))
        share = 1.0 if counted is None else float(counted[window].mean())
        if share >= MOSTLY:
            return window
        if share > most:
            best, most = window, share
    return best


def empty_windows(valid: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the first pixels, (n, ndim), of windows that lie on valid pixels throughout.

    Running sums along one axis after the other count the other pixels of every window.
    """
    count = (~valid).astype(np.int32)
    for axis, edge in enumerate(shape):
        total = np.cumsum(count, axis=axis, dtype=np.int32)
        first = np.take(total, [edge - 1], axis=axis)
        later = np.take(total, range(edge, total.shape[axis]), axis=axis)
        earlier = np.take(total, range(total.shape[axis] - edge), axis=axis)
        count = np.concatenate([first, later - earlier], axis=axis)
    found = np.argwhere(count == 0)
    return found[:: len(found) // MAX_EMPTY_WINDOWS + 1]
