"""What an image would show without its objects: the canvas that synthetic objects are put on."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.geometry import divide_region, full_region, region_slices, widen_region
from napari_synthseg.core.patch import Background
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.core.progress import Progress

BLOCK_PX = 1024
"""Edge of the blocks in which distances are measured."""

MAX_SIGMA_PX = 16.0
"""Largest sigma of smoothing: enough to average noise; wider would only cost time."""


def estimate_background(
    image: str,
    pixels: FloatImage,
    valid: NDArray[np.bool_],
    sigma: tuple[float, ...],
    origin: tuple[int, ...],
) -> Generator[Progress, None, Background]:
    """Fill what is not background from its surroundings, smooth base and noise residual apart.

    Parameters
    ----------
    image
        Id of the image.
    pixels
        Shape (channel, [z,] y, x).
    valid
        True where the pixel is background, shape ([z,] y, x); at least one pixel.
    sigma
        Scale along each spatial axis (pixels) below which variation counts as noise.
    origin
        Full-image position of the first pixel.
    """
    base = np.empty_like(pixels)
    for number, channel in enumerate(pixels):
        base[number] = smooth_base(channel, valid, sigma)
        yield Progress(0.8 * (number + 1) / len(pixels))
    residual = pixels - base
    noise = np.array([_spread(channel[valid]) for channel in residual], np.float32)
    level = np.array([np.median(channel[valid]) for channel in pixels], np.float32)
    yield Progress(0.9)
    filled = base + _continue_residual(residual, valid, noise)
    filled[:, valid] = pixels[:, valid]
    return Background(image, filled, valid, level, noise, origin)


def clear_of(
    taken: NDArray[np.bool_], reach: float, apart: Sequence[float]
) -> Generator[Progress, None, NDArray[np.bool_]]:
    """Return the pixels that lie farther than `reach` from all that are taken.

    Parameters
    ----------
    taken
        Shape ([z,] y, x).
    reach
        In units of `apart`.
    apart
        Distance of pixels along each axis.
    """
    from scipy import ndimage

    whole = full_region(taken.shape)
    margin = [math.ceil(reach / step) + 1 for step in apart]
    blocks = list(divide_region(whole, [BLOCK_PX] * taken.ndim))
    clear = np.ones_like(taken)
    for number, block in enumerate(blocks, start=1):
        wide = widen_region(block, margin, whole)
        window = taken[region_slices(wide)]
        if window.any():
            inside = region_slices(block, [start for start, _ in wide])
            away = ndimage.distance_transform_edt(~window, sampling=apart)
            clear[region_slices(block)] = away[inside] > reach
        yield Progress(number / len(blocks))
    return clear


def smooth_base(
    channel: FloatImage, valid: NDArray[np.bool_], sigma: tuple[float, ...]
) -> FloatImage:
    """Return the low-pass of the valid pixels, carried on smoothly under the others."""
    from scipy import ndimage

    weight = ndimage.gaussian_filter(valid.astype(np.float32), sigma)
    value = ndimage.gaussian_filter(np.where(valid, channel, 0).astype(np.float32), sigma)
    trust = np.minimum(weight, 0.5) * 2
    known = np.divide(value, weight, out=np.zeros_like(value), where=weight > 1e-3)
    result = push_pull(known, np.where(weight > 1e-3, trust, 0).astype(np.float32))
    smooth: FloatImage = ndimage.gaussian_filter(result, [s / 2 for s in sigma])
    return smooth


def push_pull(value: FloatImage, weight: FloatImage) -> FloatImage:
    """Fill pixels of low weight (0..1) from coarser and coarser averages of the known ones.

    The pyramid makes the cost linear in the number of pixels, whatever the size of the holes
    (Gortler et al., "The Lumigraph", 1996).
    """
    from scipy import ndimage

    if max(value.shape) == 1 or float(weight.min()) >= 1:
        return value
    total = _halve(weight)
    coarse_value = np.divide(
        _halve(value * weight), total, out=np.zeros_like(total), where=total > 0
    )
    coarse = push_pull(coarse_value, np.minimum(total, 1).astype(np.float32))
    factors = [n / c for n, c in zip(value.shape, coarse.shape, strict=True)]
    even = [2.0 if f > 1 else 1.0 for f in factors]
    fine = ndimage.zoom(coarse, even, order=1, mode="nearest", grid_mode=True)
    fine = fine[tuple(slice(0, n) for n in value.shape)]
    filled: FloatImage = (weight * value + (1 - weight) * fine).astype(np.float32)
    return filled


def _halve(array: FloatImage) -> FloatImage:
    """Sum neighboring pixels two by two along each axis (an odd rest stands alone)."""
    for axis, length in enumerate(array.shape):
        if length > 1:
            array = np.add.reduceat(array, np.arange(0, length, 2), axis=axis)
    return array


def _continue_residual(
    residual: FloatImage, valid: NDArray[np.bool_], noise: FloatImage
) -> FloatImage:
    """Continue the noise residual of the background into the holes by copying it from elsewhere.

    Copying whole stretches at a few random offsets keeps the correlation of pixels, which drawn
    noise would not have. What no offset reaches gets drawn noise.
    """
    rng = np.random.default_rng(0)
    result = np.where(valid, residual, 0).astype(np.float32)
    missing = ~valid
    for _ in range(24):
        if not missing.any():
            return result
        where = np.nonzero(missing)
        shift = [int(rng.integers(1, n)) if n > 1 else 0 for n in valid.shape]
        source = tuple((w + s) % n for w, s, n in zip(where, shift, valid.shape, strict=True))
        usable = valid[source]
        target = tuple(w[usable] for w in where)
        result[(slice(None), *target)] = residual[(slice(None), *(s[usable] for s in source))]
        missing[target] = False
    rest = rng.standard_normal((len(residual), int(np.count_nonzero(missing))), np.float32)
    result[:, missing] = rest * noise[:, None]
    return result


def _spread(values: FloatImage) -> float:
    """Return a standard deviation that a few outliers do not move."""
    if not values.size:
        return 0.0
    return float(1.4826 * np.median(np.abs(values - np.median(values))))
