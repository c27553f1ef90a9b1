"""Filters of large images that yield between slabs, so that work on volumes can be cancelled.

Each gives bit by bit what the filter does of the whole image at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.core.progress import Progress

Mask = NDArray[np.bool_]

SLAB_PX = 2**19
"""Pixels of a slab: few enough for a tenth of a second, or two where filters are wide."""

GROWN_STEPS = 8
"""Pixels that regions grow by before the first yield; twice as many before each next one."""


def slabs(shape: Sequence[int], axis: int = 0) -> Iterator[slice]:
    """Divide an axis so that slabs of an image of this shape have about `SLAB_PX` pixels."""
    thickness = max(1, SLAB_PX * shape[axis] // max(math.prod(shape), 1))
    for start in range(0, shape[axis], thickness):
        yield slice(start, min(start + thickness, shape[axis]))


def in_slabs(
    function: Callable[..., NDArray[Any]], *images: NDArray[Any], reach: int = 0
) -> Generator[Progress, None, NDArray[Any]]:
    """Return what a function gives of images of one shape, in slabs across the first axis.

    Parameters
    ----------
    function
        Gives an image of the same shape.
    reach
        How far away what a pixel becomes may depend on others.
    """
    length, made = len(images[0]), []
    for slab in slabs(images[0].shape):
        first = max(slab.start - reach, 0)
        given = function(*(image[first : slab.stop + reach] for image in images))
        made.append(given[slab.start - first : slab.stop - first])
        yield Progress(slab.stop / length)
    return made[0] if len(made) == 1 else np.concatenate(made)


def blurred(
    image: NDArray[Any], sigma: Sequence[float] | float, out: FloatImage | None = None
) -> Generator[Progress, None, FloatImage]:
    """Return what `scipy.ndimage.gaussian_filter` does, in `out` where that is given."""
    from scipy import ndimage

    result = np.empty(image.shape, np.float32) if out is None else out
    sigmas = np.broadcast_to(sigma, image.ndim).tolist()
    source = image
    for axis, width in enumerate(sigmas):
        across = 1 if axis == 0 else 0
        for slab in slabs(image.shape, across):
            where = (slice(None),) * across + (slab,)
            ndimage.gaussian_filter1d(source[where], width, axis, output=result[where])
            yield Progress((axis + slab.stop / image.shape[across]) / image.ndim)
        source = result
    return result


def grown(seed: Mask, mask: Mask) -> Generator[Progress, None, Mask]:
    """Return the regions of a mask that hold a pixel of a seed, which lies in the mask."""
    from scipy import ndimage

    steps, before = GROWN_STEPS, -1
    while (count := int(np.count_nonzero(seed))) > before:
        seed = ndimage.binary_dilation(seed, iterations=steps, mask=mask)
        steps, before = 2 * steps, count
        yield Progress(0.0)
    return seed
