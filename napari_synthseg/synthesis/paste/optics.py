"""Noise and sharpness: how an object is brought to those of the image it is put into."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.patch import Patch
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.patches.fine_detail import finest_detail

RESIDUAL_SIGMA_PX = 1.5
"""Variation at smaller scales is the noise residual."""

MAX_NOISE_RATIO = 1.25
"""Residual of an object up to this many times its image's noise is noise."""

HIGH_PASS_SIGMA_PX = 0.4
"""Sigma of the Gaussian that is taken off white noise to leave its finest detail."""

HIGH_PASS_SPREAD = 0.28
"""What `finest` gives for white noise of spread 1 after that (0.254), and a tenth more, so that
neither the finest nor the coarser noise comes out more than a few hundredths off."""

MIN_CORE_PX = 40
"""With fewer pixels left, less of a mask's edge is taken off."""

SHELLS_PX = 6
"""Reach on either side of an outline over which an edge is looked at."""

MAX_PATCHES = 200
"""Patches that an image's sharpness is measured on, at most."""


def noise_residual(difference: FloatImage, mask: NDArray[np.bool_]) -> FloatImage:
    """Return an object's fine variation, (channel, [z,] y, x), 0 outside the mask."""
    weight = ndimage.gaussian_filter(mask.astype(np.float32), RESIDUAL_SIGMA_PX)
    weight = np.maximum(weight, 1e-6)
    residual = np.zeros_like(difference)
    for channel, result in zip(difference, residual, strict=True):
        smooth = ndimage.gaussian_filter(np.where(mask, channel, 0), RESIDUAL_SIGMA_PX) / weight
        result[mask] = (channel - smooth)[mask]
    return residual


def blur_planes(array: FloatImage, sigma: float, mode: Literal["nearest", "wrap"]) -> FloatImage:
    """Blur every channel in the (y, x) plane; `mode` as in scipy.ndimage."""
    sigmas = (0.0,) * (array.ndim - 2) + (sigma, sigma)
    blurred: FloatImage = ndimage.gaussian_filter(array, sigmas, mode=mode)
    return blurred


def core_of(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a mask without its blurred edge, or all of it where too little would remain."""
    for depth in (3, 2, 1):
        core: NDArray[np.bool_] = ndimage.binary_erosion(mask, iterations=depth)
        if np.count_nonzero(core) >= MIN_CORE_PX:
            return core
    return mask


def spread(residual: FloatImage, where: NDArray[np.bool_]) -> FloatImage:
    """Return the residual's standard deviation per channel, (channel,)."""
    values = residual[:, where]
    if values.shape[1] < 2:
        return np.zeros(len(residual), np.float32)
    deviation: FloatImage = np.sqrt(np.mean(values * values, axis=1))
    return deviation


def finest(difference: FloatImage, where: NDArray[np.bool_]) -> FloatImage:
    """Return the standard deviation of the finest detail per channel, (channel,).

    That of white noise is kept; slopes and even bends cancel out.
    """
    detail = [finest_detail(channel, "nearest") for channel in difference]
    return spread(np.stack(detail), where)


def restored(
    difference: FloatImage, before: FloatImage, now: FloatImage, rng: np.random.Generator
) -> FloatImage:
    """Return an object with the finest detail that turning and scaling took from its noise.

    `before` and `now` are what `finest` gives. Interpolation takes hardly anything but the finest
    detail of noise, so that noise without coarse parts makes up for it.
    """
    missing = np.sqrt(np.maximum(before**2 - now**2, 0)).astype(np.float32)
    noise = rng.standard_normal(difference.shape, np.float32)
    noise -= blur_planes(noise, HIGH_PASS_SIGMA_PX, "wrap")
    result: FloatImage = difference + noise * _columns(missing / HIGH_PASS_SPREAD, difference.ndim)
    return result


def with_noise(
    difference: FloatImage, residual: FloatImage, now: FloatImage, wanted: FloatImage,
    rng: np.random.Generator,
) -> FloatImage:  # fmt: skip
    """Return an object whose residual has a wanted standard deviation.

    What is missing is added as white noise; too much is turned down. `now` and `wanted` are
    standard deviations per channel.
    """
    missing = np.sqrt(np.maximum(wanted**2 - now**2, 0)).astype(np.float32)
    too_much = np.where(now > wanted, 1 - wanted / np.maximum(now, 1e-12), 0).astype(np.float32)
    noise = rng.standard_normal(difference.shape, np.float32)
    result: FloatImage = difference + noise * _columns(missing, difference.ndim)
    result -= residual * _columns(too_much, difference.ndim)
    return result


def _columns(values: FloatImage, ndim: int) -> FloatImage:
    """Return a value per channel in the shape that multiplies images."""
    return values.reshape((-1,) + (1,) * (ndim - 1))


def wanted_noise(own: FloatImage, here: FloatImage, there: FloatImage) -> FloatImage:
    """Return the residual of an object taken from an image of noise `here` to one of noise `there`.

    What is up to the image's noise (with some tolerance, as it is measured on few pixels) is taken
    as noise and follows the images'; what is more is the object's texture and stays its own.
    """
    noise = np.minimum(own, MAX_NOISE_RATIO * here)
    share = np.where(here > 0, noise / np.maximum(here, 1e-12), 1)
    wanted: FloatImage = np.sqrt(own**2 - noise**2 + (share * there) ** 2)
    return wanted


def measure_blur(patches: Iterable[Patch]) -> float:
    """Return the width of the objects' edges, as the sigma of a Gaussian, in pixels.

    An edge blurred by a Gaussian rises across the mask's outline by its height divided by
    sqrt(2 pi) sigma per pixel. The median over patches is taken; 0 where there is none to tell.
    """
    found = [width for patch in list(patches)[:MAX_PATCHES] if (width := _edge_width(patch)) > 0]
    return float(np.median(found)) if found else 0.0


def _edge_width(patch: Patch) -> float:
    if not patch.mask.any() or patch.mask.all():
        return 0.0
    inside = ndimage.distance_transform_edt(patch.mask)
    outside = ndimage.distance_transform_edt(~patch.mask)
    shells = np.floor(np.where(patch.mask, inside - 0.5, 0.5 - outside)).astype(int)
    near = (shells >= -SHELLS_PX) & (shells < SHELLS_PX)
    index = shells[near] + SHELLS_PX
    counts = np.bincount(index, minlength=2 * SHELLS_PX)
    known = counts >= 3
    if min(np.count_nonzero(side) for side in (known[:SHELLS_PX], known[SHELLS_PX:])) < 3:
        return 0.0
    widths = []
    for channel in patch.pixels:
        sums = np.bincount(index, channel[near], minlength=2 * SHELLS_PX)
        profile = sums[known] / counts[known]
        height, steepest = abs(profile[-1] - profile[0]), np.abs(np.diff(profile)).max()
        if height > 0:
            widths.append((height, height / (np.sqrt(2 * np.pi) * steepest)))
    return float(max(widths)[1]) if widths else 0.0
