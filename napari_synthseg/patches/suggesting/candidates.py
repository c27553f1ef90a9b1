"""Places where further objects of a clicked class may lie.

Two maps are made, on an image that is shrunk until the usual object is `MAP_DIAMETER_PX` wide: what
looks like the inside of the outlined objects, pixel by pixel, and how well the surroundings of each
pixel correlate with the average of the clicked objects. Their peaks are the candidates.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.geometry import (
    Region,
    contains,
    intersect,
    region_at,
    region_shape,
    region_slices,
    widen_region,
)
from napari_synthseg.core.patch import Outline
from napari_synthseg.core.pixels import FloatImage, PixelSource, scaled, scaled_region
from napari_synthseg.core.progress import Progress, exhaust, subprogress
from napari_synthseg.networks.click_net import ClassFit
from napari_synthseg.networks.click_windows import MIDDLE, OBJECT_PX
from napari_synthseg.patches.foreground import Foreground, describe_pixels, fit_foreground
from napari_synthseg.patches.window import cut_mask

MAP_DIAMETER_PX = 14.0
"""Width of the usual object on the maps; smaller objects are not enlarged."""

SAMPLED_OBJECTS = 32
"""Clicked objects that tell what the inside and the surroundings look like."""

AROUND_DIAMETERS = 1.5
"""How far the surroundings reach, from the middle of an object."""

TEMPLATE_DIAMETERS = 0.8
"""Half the edge of the average object that is correlated with."""

APART_DIAMETERS = 0.35
"""Of candidates that lie closer together the better one is kept."""

MIN_CORRELATION, MIN_FOREGROUND = 0.25, 0.45
"""What a peak of either map must reach."""

RING_PX = 3
"""Width of the ring around an outline on the maps."""

SMOOTHING_DIAMETERS = 0.18
"""Sigma of the smoothing after which the foreground has one peak an object."""


@dataclass(frozen=True, eq=False)
class LikenessMaps:
    """The two maps of a part of an image, and their peaks.

    Attributes
    ----------
    positions
        The peaks, the best first, (n, (y, x)), pixels of the image.
    correlation, foreground
        (y, x); the foreground is 0 on typical surroundings and 1 on a typical object.
    factors
        Pixels of the maps for one of the image, along y and x.
    origin
        Where the maps begin, in pixels of the shrunk image.
    """

    positions: NDArray[np.float64]
    correlation: FloatImage
    foreground: FloatImage
    factors: tuple[float, ...]
    origin: tuple[int, ...]

    def correlation_at(self, position: Sequence[float]) -> float:
        """Return the best correlation within a pixel of a place of the image."""
        places = zip(position, self.factors, self.origin, strict=True)
        at = [round((p + 0.5) * f - 0.5) - o for p, f, o in places]
        near = tuple(slice(max(a - 1, 0), max(a + 2, 0)) for a in at)
        return float(self.correlation[near].max(initial=-1.0))

    def levels(self, outline: Outline) -> tuple[float, float]:
        """Return the mean foreground inside an outline and just around it."""
        region = scaled_region(outline.window, self.factors)
        region = widen_region(region, [RING_PX] * 2, region_at(self.origin, self.foreground.shape))
        if any(a >= b for a, b in region):
            return 0.0, 0.0
        mask = shrink_masks([outline], region, self.factors)
        ring = ndimage.binary_dilation(mask, iterations=RING_PX) & ~ndimage.binary_dilation(mask)
        levels = self.foreground[region_slices(region, self.origin)]
        inside = float(levels[mask].mean()) if mask.any() else 0.0
        return inside, float(levels[ring].mean()) if ring.any() else 0.0


def shrink_masks(
    outlines: Sequence[Outline], region: Region, factors: Sequence[float]
) -> NDArray[np.bool_]:
    """Return which pixels of a part of a shrunk image lie in one of some outlines."""
    rows, columns = (
        np.floor((np.arange(a, b) + 0.5) / f).astype(int)
        for (a, b), f in zip(region, factors, strict=True)
    )
    window = (int(rows[0]), int(rows[-1]) + 1), (int(columns[0]), int(columns[-1]) + 1)
    mask = np.zeros(region_shape(window), bool)
    for outline in outlines:
        if intersect(outline.window, window) is not None:
            mask |= cut_mask(outline.mask, outline.origin, window)
    return mask[np.ix_(rows - rows[0], columns - columns[0])]


class CandidateFinder:
    """Finds candidates for one class on one image.

    Parameters
    ----------
    pixels
        The image, (channel, y, x).
    spacing
        Distance of its pixels along y and x, in units of the shortest.
    fit
        What is known of the class.
    own, every
        Outlines of the clicked objects of the class, and of all classes.
    """

    def __init__(
        self,
        pixels: PixelSource,
        spacing: Sequence[float],
        fit: ClassFit,
        own: Sequence[Outline],
        every: Sequence[Outline],
    ) -> None:
        self.shrink = min(1.0, MAP_DIAMETER_PX / fit.diameter)
        self.diameter = self.shrink * fit.diameter
        self.pixels, self.spacing = pixels, spacing
        self.fit = fit
        self.template = self._template()
        self.foreground = self._learn(own, every)

    def _template(self) -> FloatImage:
        """Return the average of the clicked objects as it would look on the map."""
        half = max(2, round(TEMPLATE_DIAMETERS * self.diameter))
        places = np.arange(-half, half + 1) * OBJECT_PX / self.diameter + MIDDLE
        y, x = np.meshgrid(places, places, indexing="ij")
        blurred = ndimage.gaussian_filter(self.fit.look, 0.4 * OBJECT_PX / self.diameter)
        template: FloatImage = ndimage.map_coordinates(blurred, [y, x], order=1, mode="nearest")
        return template

    def _shrunk(
        self, pixels: PixelSource, spacing: Sequence[float]
    ) -> tuple[PixelSource, tuple[float, ...]]:
        """Return an image as the maps show it, and pixels of the maps for one of it."""
        factors = tuple(self.shrink * s for s in spacing)
        return scaled(pixels, factors), factors

    def _learn(self, own: Sequence[Outline], every: Sequence[Outline]) -> Foreground | None:
        outlined = [o for o in own if o.area]
        chosen = np.linspace(0, len(outlined) - 1, min(SAMPLED_OBJECTS, len(outlined)))
        source, factors = self._shrunk(self.pixels, self.spacing)
        margin = [round((AROUND_DIAMETERS - 0.5) * self.diameter)] * 2
        inside, outside = [], []
        for number in np.unique(chosen.astype(int)).tolist():
            box = scaled_region(outlined[number].window, factors)
            region = widen_region(box, margin, source.region)
            described = exhaust(describe_pixels(source.read(region), [self.diameter] * 2))
            mine = shrink_masks([outlined[number]], region, factors)
            taken = mine | shrink_masks(every, region, factors)
            inside.append(described[:, mine])
            outside.append(described[:, ~ndimage.binary_dilation(taken)])
        if not inside:
            return None
        return fit_foreground(np.concatenate(inside, axis=1), np.concatenate(outside, axis=1))

    def look_at(
        self,
        part: Region,
        pixels: PixelSource | None = None,
        spacing: Sequence[float] | None = None,
    ) -> Generator[Progress, None, LikenessMaps]:
        """Map a part of the image that was learned from, or of another one."""
        from skimage.feature import match_template

        yield Progress(0.0)
        source, factors = self._shrunk(pixels or self.pixels, spacing or self.spacing)
        wanted = scaled_region(part, factors)
        region = widen_region(wanted, [len(self.template)] * 2, source.region)
        shown = source.read(region)
        yield Progress(0.2)
        told_apart = np.tensordot(self.fit.weights[1], shown, axes=(0, 0))
        correlation = match_template(told_apart, self.template, pad_input=True, mode="edge")
        correlation = np.nan_to_num(correlation).astype(np.float32)
        yield Progress(0.6)
        if self.foreground is None:
            foreground = np.zeros_like(correlation)
        else:
            work = describe_pixels(shown, [self.diameter] * 2)
            described = yield from subprogress(work, 0.6, 0.9)
            foreground = self.foreground.apply(described).clip(-0.5, 1.5)
        yield Progress(0.9)
        first = tuple(a for a, _ in region)
        peaks = self._peaks(correlation, foreground) + first
        inside = [contains(wanted, place) for place in peaks.tolist()]
        positions = (peaks[inside].astype(np.float64) + 0.5) / factors - 0.5
        return LikenessMaps(positions, correlation, foreground, factors, first)

    def _peaks(self, correlation: FloatImage, foreground: FloatImage) -> NDArray[np.intp]:
        width = max(3, 2 * round(APART_DIAMETERS * self.diameter) + 1)
        smooth = ndimage.gaussian_filter(foreground, SMOOTHING_DIAMETERS * self.diameter)
        places = []
        for heights, least in ((correlation, MIN_CORRELATION), (smooth, MIN_FOREGROUND)):
            tops = (heights == ndimage.maximum_filter(heights, width)) & (heights > least)
            places.append(np.argwhere(tops))
        found = np.concatenate(places)
        values = (correlation + np.clip(smooth, 0, 1))[tuple(found.T)]
        found = found[np.argsort(-values, kind="stable")]
        return found[thin_out(found.astype(float), APART_DIAMETERS * self.diameter)]


def thin_out(positions: NDArray[np.float64], apart: float) -> NDArray[np.intp]:
    """Return which of some places, the best first, have no better one closer than `apart`."""
    from scipy.spatial import cKDTree

    if not len(positions):
        return np.zeros(0, np.intp)
    near = cKDTree(positions).query_ball_point(positions, apart)
    kept = np.ones(len(positions), bool)
    for number, others in enumerate(near):
        if kept[number]:
            later = [n for n in others if n > number]
            kept[later] = False
    return np.flatnonzero(kept)
