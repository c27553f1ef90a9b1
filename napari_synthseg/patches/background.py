"""What an image would show without its objects: the canvas that synthetic objects are put on."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.geometry import divide_region, full_region, region_slices, widen_region
from napari_synthseg.core.patch import Background
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.patches.stepwise import blurred, slabs

BLOCK_PX = 1024
"""Edge of the blocks in which distances are measured."""

ROUNDED = 1 + 1e-6
"""Squares of distances that differ by less are the same."""

SHIFTS = 24
"""Offsets at which noise is copied from elsewhere."""

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
    noise, level = np.zeros((2, len(pixels)), np.float32)
    shares = np.linspace(0, 0.7, len(pixels) + 1).tolist()
    for number, channel in enumerate(pixels):
        share = shares[number : number + 2]
        base[number] = yield from subprogress(smooth_base(channel, valid, sigma), *share)
        yield Progress(share[1])
        level[number] = np.median(channel[valid])
        yield Progress(share[1])
        noise[number] = yield from subprogress(
            _spread((channel - base[number])[valid]), share[1], share[1]
        )
    work = _continue_residual(pixels - base, valid, noise)
    filled = yield from subprogress(work, 0.7, 1.0)
    filled += base
    np.copyto(filled, pixels, where=valid)
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
    if taken.ndim == 2:
        away = yield from _away_in_plane(taken, reach, apart)
        return away > reach
    # the squares of distances in planes and across planes add up
    squares = np.empty(taken.shape, np.float32)
    for number, plane in enumerate(taken):
        share = 0.5 * number / len(taken), 0.5 * (number + 1) / len(taken)
        away = yield from subprogress(_away_in_plane(plane, reach, apart[1:]), *share)
        squares[number] = away**2
    clear = np.empty_like(taken)
    planes = int(reach / apart[0])
    for number in range(len(taken)):
        nearest = squares[number].copy()
        for other in range(max(number - planes, 0), min(number + planes + 1, len(taken))):
            across = np.float32(((number - other) * apart[0]) ** 2)
            np.minimum(nearest, squares[other] + across, out=nearest)
        clear[number] = nearest > reach**2 * ROUNDED
        yield Progress(0.5 + 0.5 * (number + 1) / len(taken))
    return clear


def _away_in_plane(
    taken: NDArray[np.bool_], reach: float, apart: Sequence[float]
) -> Generator[Progress, None, NDArray[np.float64]]:
    """Return how far pixels of a plane lie from all that are taken; beyond the reach, any more."""
    from scipy import ndimage

    whole = full_region(taken.shape)
    margin = [math.ceil(reach / step) + 1 for step in apart]
    blocks = list(divide_region(whole, [BLOCK_PX] * taken.ndim))
    away = np.full(taken.shape, np.inf)
    for number, block in enumerate(blocks, start=1):
        wide = widen_region(block, margin, whole)
        window = taken[region_slices(wide)]
        if window.any():
            inside = region_slices(block, [start for start, _ in wide])
            found = ndimage.distance_transform_edt(~window, sampling=apart)
            away[region_slices(block)] = found[inside]
        yield Progress(number / len(blocks))
    return away


def smooth_base(
    channel: FloatImage, valid: NDArray[np.bool_], sigma: tuple[float, ...]
) -> Generator[Progress, None, FloatImage]:
    """Return the low-pass of the valid pixels, carried on smoothly under the others."""
    weight = yield from subprogress(blurred(valid.astype(np.float32), sigma), 0.0, 0.3)
    shown = np.where(valid, channel, 0).astype(np.float32)
    value = yield from subprogress(blurred(shown, sigma), 0.3, 0.6)
    trust = np.where(weight > 1e-3, np.minimum(weight, 0.5) * 2, 0).astype(np.float32)
    yield Progress(0.6)
    known = np.divide(value, weight, out=np.zeros_like(value), where=weight > 1e-3)
    result = yield from subprogress(push_pull(known, trust), 0.6, 0.9)
    return (yield from subprogress(blurred(result, [s / 2 for s in sigma]), 0.9))


def push_pull(value: FloatImage, weight: FloatImage) -> Generator[Progress, None, FloatImage]:
    """Fill pixels of low weight (0..1) from coarser and coarser averages of the known ones.

    The pyramid makes the cost linear in the number of pixels, whatever the size of the holes
    (Gortler et al., "The Lumigraph", 1996).
    """
    if max(value.shape) == 1 or float(weight.min()) >= 1:
        return value
    total = _halve(weight)
    yield Progress(0.0)
    coarse_value = np.divide(
        _halve(value * weight), total, out=np.zeros_like(total), where=total > 0
    )
    yield Progress(0.0)
    work = push_pull(coarse_value, np.minimum(total, 1).astype(np.float32))
    coarse = yield from subprogress(work, 0.0, 0.5)
    doubled = [n > c for n, c in zip(value.shape, coarse.shape, strict=True)]
    filled = np.empty_like(value)
    for rows in slabs(value.shape):
        fine = _doubled(coarse, doubled, rows)[tuple(slice(0, n) for n in filled[rows].shape)]
        filled[rows] = weight[rows] * value[rows] + (1 - weight[rows]) * fine
        yield Progress(0.5 + 0.5 * rows.stop / len(value))
    return filled


def _doubled(coarse: FloatImage, doubled: Sequence[bool], rows: slice) -> FloatImage:
    """Return some rows of an image that is enlarged twofold along some of its axes."""
    from scipy import ndimage

    factor = 1 + doubled[0]
    first = max(rows.start // factor - 1, 0)
    part = coarse[first : rows.stop // factor + 2]
    even = [2.0 if twice else 1.0 for twice in doubled]
    fine: FloatImage = ndimage.zoom(part, even, order=1, mode="nearest", grid_mode=True)
    return fine[rows.start - first * factor :]


def _halve(array: FloatImage) -> FloatImage:
    """Sum neighboring pixels two by two along each axis (an odd rest stands alone)."""
    for axis, length in enumerate(array.shape):
        if length > 1:
            array = np.add.reduceat(array, np.arange(0, length, 2), axis=axis)
    return array


def _continue_residual(
    residual: FloatImage, valid: NDArray[np.bool_], noise: FloatImage
) -> Generator[Progress, None, FloatImage]:
    """Continue the noise residual of the background into the holes by copying it from elsewhere.

    Copying whole stretches at a few random offsets keeps the correlation of pixels, which drawn
    noise would not have. What no offset reaches gets drawn noise.
    """
    rng = np.random.default_rng(0)
    result = np.where(valid, residual, 0).astype(np.float32)
    missing = ~valid
    for number in range(SHIFTS):
        if not missing.any():
            return result
        shift = [int(rng.integers(1, n)) if n > 1 else 0 for n in valid.shape]
        for rows in slabs(valid.shape):
            along, *others = np.nonzero(missing[rows])
            where = (along + rows.start, *others)
            source = tuple((w + s) % n for w, s, n in zip(where, shift, valid.shape, strict=True))
            usable = valid[source]
            target = tuple(w[usable] for w in where)
            result[(slice(None), *target)] = residual[(slice(None), *(s[usable] for s in source))]
            missing[target] = False
            yield Progress((number + rows.stop / len(valid)) / SHIFTS)
    rest = rng.standard_normal((len(residual), int(np.count_nonzero(missing))), np.float32)
    result[:, missing] = rest * noise[:, None]
    return result


def _spread(values: FloatImage) -> Generator[Progress, None, float]:
    """Return a standard deviation that a few outliers do not move."""
    if not values.size:
        return 0.0
    middle = np.median(values)
    yield Progress(0.5)
    return float(1.4826 * np.median(np.abs(values - middle)))
