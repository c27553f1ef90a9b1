"""The objects of an image, put into its label image one by one, as they are found.

Label images begin as pages of zeros that take no memory until an object reaches them, and are never
read or written as a whole: a region of interest on a slide costs what it shows, not what the slide
has.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import center_of_mass, find_objects, gaussian_filter

from napari_synthseg.core.geometry import intersect, region_at, region_shape, region_slices
from napari_synthseg.core.pixels import (
    PixelSource,
    ScaledSource,
    WantedSource,
    resample,
    scaled_region,
)
from napari_synthseg.core.predictions import FoundObject, InstancePrediction
from napari_synthseg.core.progress import Progress

Mask = NDArray[np.bool_]

SMOOTHING = 0.7
"""Standard deviation of the Gaussian that takes the steps off an outline that is enlarged, pixels
of the resampled image."""

FULL = 255
"""Steps in which it is counted how far an object covers a pixel."""

PORTION = 200
"""Objects between two signs of progress."""


class Canvas(Protocol):
    """Where the objects of an image are put."""

    def put(self, mask: Mask, corner: Sequence[int], cls: int, score: float) -> None:
        """Add an object: its pixels, their first position in what was looked at, what it is."""
        ...

    def finish(self) -> Generator[Progress, None, InstancePrediction]:
        """Return all objects, in pixels of the image; nothing can be put after it."""
        ...


def canvas_for(pixels: PixelSource) -> Canvas:
    """Return an empty canvas for what is found on an image, which may be a resampled one."""
    source = pixels.source if isinstance(pixels, WantedSource) else pixels
    return FullSizeCanvas(source) if isinstance(source, ScaledSource) else PlainCanvas(source)


class PlainCanvas:
    """Of a pixel that two objects reach, the first one has it."""

    def __init__(self, pixels: PixelSource) -> None:
        self._starts = [start for start, _ in pixels.region]
        self._ids = np.zeros(region_shape(pixels.region), np.int32)
        self._objects: list[FoundObject] = []

    def put(self, mask: Mask, corner: Sequence[int], cls: int, score: float) -> None:
        """See `Canvas.put`."""
        place = region_at(corner, mask.shape)
        target = self._ids[region_slices(place, self._starts)]
        number = len(self._objects) + 1
        target[mask & (target == 0)] = number
        center = tuple(np.add(center_of_mass(mask), corner).tolist())
        self._objects.append(FoundObject(number, cls, score, center, place))

    def finish(self) -> Generator[Progress, None, InstancePrediction]:
        """See `Canvas.finish`."""
        yield Progress(1.0)
        return InstancePrediction(ids=self._ids, objects=tuple(self._objects))


class FullSizeCanvas:
    """Objects of a resampled image, in pixels of the image itself, with smooth outlines.

    Of a pixel that two objects reach, the one that covers more of it has it. An object that covers
    no pixel by half is left out.
    """

    def __init__(self, pixels: ScaledSource) -> None:
        self._factors, self._whole = pixels.factors, pixels.source.region
        self._starts = [start for start, _ in self._whole]
        self._ids = np.zeros(region_shape(self._whole), np.int32)
        self._covered = np.zeros(self._ids.shape, np.uint8)
        self._put: list[tuple[int, float]] = []

    def put(self, mask: Mask, corner: Sequence[int], cls: int, score: float) -> None:
        """See `Canvas.put`; the corner is one of the resampled image."""
        self._put.append((cls, score))
        share, place = _enlarged(mask, corner, self._factors)
        common = intersect(region_at(place, share.shape), self._whole)
        if common is None:
            return
        steps = np.rint(share[region_slices(common, place)] * FULL).astype(np.uint8)
        target = region_slices(common, self._starts)
        mine = (steps > FULL / 2) & (steps > self._covered[target])
        self._ids[target][mine] = len(self._put)
        self._covered[target][mine] = steps[mine]

    def finish(self) -> Generator[Progress, None, InstancePrediction]:
        """See `Canvas.finish`."""
        objects: list[FoundObject] = []
        for number, box in enumerate(find_objects(self._ids), start=1):
            if number % PORTION == 1:
                yield Progress(1.0, f"measuring outlines: object {number}")
            if box is None:
                continue
            mask = self._ids[box] == number
            ident = len(objects) + 1  # free by now: it is at most `number`
            self._ids[box][mask] = ident
            first = np.add([s.start for s in box], self._starts).tolist()
            center = tuple(np.add(center_of_mass(mask), first).tolist())
            cls, score = self._put[number - 1]
            objects.append(FoundObject(ident, cls, score, center, region_at(first, mask.shape)))
        return InstancePrediction(ids=self._ids, objects=tuple(objects))


def _enlarged(
    mask: Mask, corner: Sequence[int], factors: Sequence[float]
) -> tuple[NDArray[np.float32], tuple[int, ...]]:
    """Return how far an object covers each pixel of a window of the image, and where that lies."""
    padded = np.pad(mask.astype(np.float32), 2)
    padded = gaussian_filter(padded, [SMOOTHING if f < 1 else 0.0 for f in factors])
    first = [start - 2 for start in corner]
    back = [1 / f for f in factors]
    window = scaled_region(region_at(first, padded.shape), back)
    share = resample(padded[None], first, window, back)[0]
    return share, tuple(a for a, _ in window)
