"""How images look, apart from what they show: noise, sharpness, level, and size of structure.

Measured on the images that a model learns from and on each one that it is applied to, at the scale
at which its network sees them, so that it can be told where an image differs.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.geometry import Region, divide_region, region_shape, region_slices
from napari_synthseg.core.pixels import FloatImage, PixelSource, ScaledSource
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.core.runs import Appearance, LearnedAppearance

WINDOW_PX = 512
"""Edge of the windows that are looked at."""

WINDOWS = 2
"""Most windows along y and along x."""

NOISE_LAG_PX = 4
"""Noise is what pixels so far apart differ by: neighbors are alike where an image is enlarged."""

FINE_SIGMA_PX, COARSE_SIGMA_PX = 1.0, 2.0
"""Scales at which slopes are compared to tell the width of edges."""

EDGE_SHARE = 0.03
"""Share of the pixels that is taken for edges: those of the steepest slopes."""

COARSE_PX = 48
"""Edge to which an image is reduced to see how even its light is."""

READ_PX, READ_PLACES = 2**22, 4
"""Pixels that are read at once for that, about, and places of the reduced image, at least."""

LIMITS = (-1.0, 3.0)
"""Normalized intensity beyond which nothing is looked at, as of hot pixels."""


STEPS_AN_OCTAVE = 4
STRUCTURE_SIGMAS_PX = tuple(2 ** (n / STEPS_AN_OCTAVE) for n in range(5 * STEPS_AN_OCTAVE + 1))
"""Scales at which the structure of images is measured."""


# --- measuring -----------------------------------------------------------------------------------


def measure_appearance(pixels: PixelSource) -> Generator[Progress, None, Appearance]:
    """Measure how an image looks, on some windows of it; of a volume, on its middle plane."""
    windows = []
    for region in _windows(pixels.region):
        windows.append(pixels.read(region))
        yield Progress(0.0)
    planes = [w.reshape(len(w), *w.shape[-2:]) for w in windows]
    values = np.concatenate([p.reshape(len(p), -1) for p in planes], axis=1)
    low, level, high = np.percentile(values, (1, 50, 99.8), axis=1)
    noise = [float(np.median([_noise(p[c]) for p in planes])) for c in range(len(values))]
    clipped = [np.clip(p, *LIMITS) for p in planes]
    energies, edges = [], []
    for plane in clipped:
        yield Progress(0.1)
        energies.append(_structure(plane))
        edges.append(_edge_width(plane))
    yield Progress(0.1)
    unevenness = yield from subprogress(_unevenness(pixels), 0.1)
    return Appearance(
        level=_rounded(level),
        noise=_rounded(noise),
        span=_rounded(high - low),
        highest=round(float(values.max()), 1),
        edge=round(float(np.median(edges)), 2),
        unevenness=round(unevenness, 3),
        structure=_rounded(np.log(np.maximum(np.mean(energies, axis=0), 1e-12)), 3),
    )


def _rounded(values: Sequence[float] | NDArray[np.floating], digits: int = 4) -> tuple[float, ...]:
    return tuple(round(float(v), digits) for v in values)


def _windows(region: Region) -> list[Region]:
    """Return square windows on an even grid, of which none overlap much."""
    *outer, height, width = region
    middle = tuple(((a + b) // 2, (a + b) // 2 + 1) for a, b in outer)
    rows, columns = (_parts(axis) for axis in (height, width))
    return [(*middle, row, column) for row in rows for column in columns]


def _parts(axis: tuple[int, int]) -> list[tuple[int, int]]:
    start, stop = axis
    edge = min(WINDOW_PX, stop - start)
    count = min(WINDOWS, -(-(stop - start) // WINDOW_PX))
    room = stop - start - edge
    firsts = [start + room * (2 * n + 1) // (2 * count) for n in range(count)]
    return [(first, first + edge) for first in firsts]


def _noise(plane: FloatImage) -> float:
    """Return the standard deviation of the noise of (y, x), as most pixels tell it."""
    steps = [
        np.abs(plane[..., lag:] - plane[..., :-lag])
        for plane, lag in ((plane, NOISE_LAG_PX), (plane.T, NOISE_LAG_PX))
        if plane.shape[-1] > lag
    ]
    if not steps:
        return 0.0
    return 1.4826 * float(np.median(np.concatenate([s.ravel() for s in steps]))) / math.sqrt(2)


def _edge_width(image: FloatImage) -> float:
    """Return the standard deviation of the blur of the steepest edges, pixels.

    The slope of a blurred step falls with the width of what it is measured with, the less the more
    it is blurred already; after Zhuo & Sim, "Defocus map estimation from a single image", 2011.
    """
    from scipy import ndimage

    fine, coarse = (
        np.sqrt(sum(ndimage.gaussian_gradient_magnitude(c, sigma) ** 2 for c in image))
        for sigma in (FINE_SIGMA_PX, COARSE_SIGMA_PX)
    )
    steep = coarse >= np.quantile(coarse, 1 - EDGE_SHARE)
    ratio = float(np.median(fine[steep] / np.maximum(coarse[steep], 1e-9))) ** 2
    wide, narrow = COARSE_SIGMA_PX**2, FINE_SIGMA_PX**2
    # (width² + wide) / (width² + narrow) = ratio
    return math.sqrt(max(wide - ratio * narrow, 0.0) / max(ratio - 1, 1e-2))


def _unevenness(pixels: PixelSource) -> Generator[Progress, None, float]:
    """Return the range of the smooth surface (quadratic in y and x) that fits the image best."""
    extents = region_shape(pixels.region)
    factor = min(COARSE_PX / max(extents[-2:]), 1.0)
    factors = [1.0] * (len(extents) - 2) + [factor] * 2
    small = ScaledSource(pixels, factors)
    *outer, rows, columns = small.region
    middle = (((a + b) // 2, (a + b) // 2 + 1) for a, b in outer)
    image = np.clip((yield from _read_in_blocks(small, (*middle, rows, columns))), *LIMITS)
    image = image.reshape(len(image), *image.shape[-2:])
    y, x = (np.linspace(-1, 1, n) for n in image.shape[1:])
    y, x = (axis.ravel() for axis in np.meshgrid(y, x, indexing="ij"))
    terms = np.stack([np.ones_like(y), y, x, y * y, x * x, x * y], axis=1)
    weights = np.linalg.lstsq(terms, image.reshape(len(image), -1).T, rcond=None)[0]
    return float(np.ptp(terms @ weights, axis=0).max())


def _read_in_blocks(small: ScaledSource, region: Region) -> Generator[Progress, None, FloatImage]:
    """Return a part of a reduced image, of which all pixels are read, and take long."""
    shape = region_shape(region)
    image = np.empty((small.shape[0], *shape), np.float32)
    # a row of places needs those of the rows beside it, too
    places = round(READ_PX * small.factors[-1] * small.factors[-2] / 3)
    columns = min(max(places, READ_PLACES), shape[-1])
    rows = max(places // shape[-1], 1)
    blocks = list(divide_region(region, (*shape[:-2], rows, columns)))
    for number, block in enumerate(blocks, start=1):
        where = region_slices(block, [start for start, _ in region])
        image[(slice(None), *where)] = small.read(block)
        yield Progress(number / len(blocks))
    return image


def _structure(image: FloatImage) -> NDArray[np.float64]:
    """Return the mean square of the scale-normalized Laplacian of Gaussian at each scale.

    An image that is enlarged has the same energies at scales that are as much larger.
    """
    total = np.zeros(len(STRUCTURE_SIGMAS_PX))
    for plane in image:
        window = np.outer(*(np.hanning(n + 2)[1:-1] for n in plane.shape))
        even = (plane - np.average(plane, weights=window)) * window
        power = np.abs(np.fft.rfft2(even)) ** 2 / (window**2).sum() / plane.size
        power[:, 1:] *= 2
        y, x = np.fft.fftfreq(plane.shape[0]), np.fft.rfftfreq(plane.shape[1])
        squared = (2 * np.pi) ** 2 * (y[:, None] ** 2 + x**2)
        for number, sigma in enumerate(STRUCTURE_SIGMAS_PX):
            reach = sigma**2 * squared
            total[number] += (power * reach**2 * np.exp(-reach)).sum()
    return total


# --- comparing -----------------------------------------------------------------------------------


class Magnification(NamedTuple):
    """How many times larger structure is than on another image, and how badly the two fit."""

    factor: float
    misfit: float


@dataclass(frozen=True)
class Comparison:
    """Where an image differs from those that a model learned from.

    Attributes
    ----------
    notes
        What the user should know, and do; sentences without a point.
    magnification
        How many times larger what it shows looks; 1 where that is not clear.
    gain, offset
        What its normalized intensity is multiplied by and raised by, in each channel, to be read
        like the others'.
    """

    notes: tuple[str, ...]
    magnification: float
    gain: tuple[float, ...]
    offset: tuple[float, ...]


MIN_LARGER, MIN_SMALLER = 2.2, 1.6
"""Structure that is larger or smaller by a smaller factor is not told: networks are shown objects
at half to double their size, and see the more the larger they are."""

MAX_MISFIT = 0.25
"""With a larger one, magnification is not clear."""

NOISE_CONTRAST, NOISE_CONTRAST_RATIO = 7.0, 1.8
"""An image of less contrast is taken for noise, if those learned from have so many times more."""

MIN_BLUR_RATIO = 2.3
"""Edges that are wider by less are not told."""

MIN_LEVEL_DIFFERENCE = 0.45
"""Medians that differ by less are not told, normalized intensity."""

MIN_UNEVENNESS, MIN_UNEVENNESS_RATIO = 0.6, 2.5
"""Light that changes by less over an image, or by fewer times as much, is not told."""

MAX_HIGHEST = 20.0
"""Pixels that are higher than this are told, normalized intensity."""

MARK_TOO = "mark some of its objects too and train again"


def compare(image: Appearance, learned: LearnedAppearance, can_magnify: bool = True) -> Comparison:
    """Compare an image with those that a model learned from: with the one that is most alike.

    `can_magnify` says whether the model can be shown images resampled.
    """
    others = learned.images
    as_it_is = (1.0,) * len(image.level), (0.0,) * len(image.level)
    least = min(other.contrast for other in others)
    if image.contrast < min(NOISE_CONTRAST, least / NOISE_CONTRAST_RATIO):
        words = (
            "it shows hardly more than noise: its intensity is matched to that of the images "
            "learned from, so that noise is not taken for objects"
        )
        return Comparison((words,), 1.0, *_noise_match(image, learned))
    notes = []
    fits = [magnification(image, other) for other in others]
    best = min(fits, key=lambda fit: fit.misfit)
    times = 1.0
    far = all(fit.factor >= MIN_LARGER or fit.factor <= 1 / MIN_SMALLER for fit in fits)
    if best.misfit <= MAX_MISFIT and far:
        times = best.factor
        how = (
            f"predict it with a magnification of {_number(times)}, or give all images their pixel "
        )
        how += f"sizes, or {MARK_TOO}"
        notes.append(
            f"what it shows looks about {_number(times)} times as large as on the images learned "
            f"from: {how if can_magnify else MARK_TOO}"
        )
    wider = image.edge / max(max(other.edge for other in others), 0.5) / max(times, 1.0)
    if wider >= MIN_BLUR_RATIO:
        notes.append(
            f"its edges are {_number(wider)} times as wide as on the images learned from, as out "
            f"of focus: take it again in focus, or {MARK_TOO}"
        )
    apart = min(
        max(abs(a - b) for a, b in zip(image.level, other.level, strict=True)) for other in others
    )
    if apart >= MIN_LEVEL_DIFFERENCE:
        notes.append(
            f"most of it lies at {_share(image.level)} of its range of intensity, on the images "
            f"learned from at {_share(others[0].level)}: if it is inverted, invert it back; else "
            f"{MARK_TOO}"
        )
    usual = max(other.unevenness for other in others)
    if image.unevenness >= max(MIN_UNEVENNESS, MIN_UNEVENNESS_RATIO * usual):
        notes.append(
            "its light is less even than on the images learned from: even it out (flat-field "
            f"correction) before it is added, or {MARK_TOO}"
        )
    if image.highest > MAX_HIGHEST:
        notes.append(
            f"single pixels are up to {image.highest:.0f} times as bright as its range: they are "
            "dampened"
        )
    return Comparison(tuple(notes), times, *as_it_is)


def _noise_match(
    image: Appearance, learned: LearnedAppearance
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return gain and offset that give noise the strength and the place that it has elsewhere."""
    usual = np.median([other.noise for other in learned.images], axis=0).tolist()
    gain = tuple(
        min(theirs / max(mine, 1e-6), 1.0) for theirs, mine in zip(usual, image.noise, strict=True)
    )
    offset = tuple(
        ground - level * times
        for ground, level, times in zip(learned.ground, image.level, gain, strict=True)
    )
    return gain, offset


def magnification(image: Appearance, other: Appearance) -> Magnification:
    """Return how many times larger the structure of `image` is than that of `other`.

    The energies over the logarithm of scale are shifted against each other until they are most
    parallel. On real images this told the ratio of the sizes of nuclei well, and that of unlike
    particles no better than chance.
    """
    mine, theirs = np.array(image.structure), np.array(other.structure)
    found = []
    for shift in range(-3 * STEPS_AN_OCTAVE, 3 * STEPS_AN_OCTAVE + 1):
        low, high = max(-shift, 0), max(shift, 0)
        gap = mine[high : len(mine) - low] - theirs[low : len(theirs) - high]
        found.append(Magnification(2 ** (shift / STEPS_AN_OCTAVE), float(np.std(gap))))
    return min(found, key=lambda one: one.misfit)


def _share(level: tuple[float, ...]) -> str:
    return f"{np.mean(level):.0%}"


def _number(value: float) -> str:
    return f"{value:.2g}"
