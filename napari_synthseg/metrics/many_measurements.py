"""Size, shape and brightness of all objects of an image at once.

The figures are those of `measure_object`, which looks at one object after the other; here sums
over whole label images take its place, which is far faster for thousands of objects.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.geometry import Region
from napari_synthseg.core.progress import Progress
from napari_synthseg.metrics.convex_hulls import RowSpans, measure_hulls
from napari_synthseg.metrics.measurements import measure_object, pixel_size

Floats = NDArray[np.float64]

MeasureColumns = dict[str, Floats]
"""Name of a measure -> its value for each object; NaN where it cannot be measured."""

ReadPixels = Callable[[Region], NDArray[np.generic]]
"""Gives the stored pixels of a region, shape (channel, [z,] y, x)."""

PIXELS_AT_ONCE = 1 << 22

PORTION = 100
"""Objects of a volume between two signs of progress."""


def measure_objects(
    ids: NDArray[np.integer],
    wanted: Sequence[int],
    image: ImageRef,
    read: ReadPixels | None = None,
    origin: Sequence[int] = (0, 0),
) -> Generator[Progress, None, MeasureColumns]:
    """Measure objects, by their order in `wanted`; yield how much is done.

    Parameters
    ----------
    ids
        Instance ids, shape ([z,] y, x); at most 0 where there is no object.
    wanted
        Ids of the objects to measure, each once. Those without a pixel get NaN.
    image
        Says how large a pixel is.
    read
        Gives the pixels of the image; None: brightness is not measured.
    origin
        Pixel of the image at which `ids` begins.

    Returns
    -------
    The measures of `measure_object`, each of shape (object,).
    """
    labelled = _Labelled(ids, wanted, image, read, (*(0,) * (ids.ndim - len(origin)), *origin))
    return (yield from (_measure_flat if ids.ndim == 2 else _measure_deep)(labelled))


def rows_of(columns: MeasureColumns, count: int) -> list[dict[str, float]]:
    """Return what is known of each of `count` objects, by the name of the measure."""
    rows = [dict[str, float]() for _ in range(count)]
    for name, values in columns.items():
        for row, value in zip(rows, values.tolist(), strict=True):
            if not math.isnan(value):
                row[name] = value
    return rows


@dataclass(frozen=True, eq=False)
class _Labelled:
    """What `measure_objects` gets; the origin has an axis for each of the label image."""

    ids: NDArray[np.integer]
    wanted: Sequence[int]
    image: ImageRef
    read: ReadPixels | None
    origin: tuple[int, ...]

    def boxes(self) -> list[tuple[slice, ...] | None]:
        """Return where each object lies in the label image; None where it has no pixel."""
        from scipy.ndimage import find_objects

        found = find_objects(np.maximum(self.ids, 0))
        return [found[ident - 1] if 0 < ident <= len(found) else None for ident in self.wanted]

    def pixels(self, box: tuple[slice, ...]) -> NDArray[np.generic] | None:
        """Return the pixels of the image at a place of the label image."""
        if self.read is None:
            return None
        ends = zip(box, self.origin, strict=True)
        return self.read(tuple((side.start + at, side.stop + at) for side, at in ends))


def _measure_deep(labelled: _Labelled) -> Generator[Progress, None, MeasureColumns]:
    wanted, columns = labelled.wanted, MeasureColumns()
    for number, (ident, box) in enumerate(zip(wanted, labelled.boxes(), strict=True)):
        if number % PORTION == 0:
            yield Progress(number / len(wanted))
        if box is None:
            continue
        mask = labelled.ids[box] == ident
        found = measure_object(mask, labelled.image, labelled.pixels(box))
        for name, value in found.items():
            columns.setdefault(name, np.full(len(wanted), np.nan))[number] = value
    return columns


def _measure_flat(labelled: _Labelled) -> Generator[Progress, None, MeasureColumns]:
    height, width = labelled.ids.shape
    sums = _Sums.of(labelled)
    rows = max(1, PIXELS_AT_ONCE // max(width, 1))
    for begin in range(0, height, rows):
        strip = slice(begin, min(begin + rows, height)), slice(0, width)
        yield Progress(0.8 * begin / height)
        sums.add(labelled.ids[strip], begin, labelled.pixels(strip))
    yield Progress(0.8)
    return sums.measures(labelled.image)


@dataclass(eq=False)
class _Sums:
    """What is added up over the pixels of each object, rows of an image at a time.

    Attributes
    ----------
    numbers
        Id -> number of the object, -1 for ids that are not wanted.
    corners
        First row and column of each object, shape (object, 2).
    heights, starts
        Rows of each object, and where its first one stands in `first` and `last`.
    powers
        Sums of 1, y, x, yy, xx, yx over the pixels, from the object's corner; shape (6, object).
    brightness, counted
        Sums of the finite values of each channel, and how many these are.
    """

    numbers: NDArray[np.intp]
    corners: NDArray[np.int64]
    heights: NDArray[np.intp]
    starts: NDArray[np.intp]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    powers: Floats
    brightness: list[Floats]
    counted: list[Floats]

    @classmethod
    def of(cls, labelled: _Labelled) -> _Sums:
        """Find where the objects are."""
        count, boxes = len(labelled.wanted), labelled.boxes()
        numbers = np.full(max(0, int(labelled.ids.max(initial=0))) + 1, -1, np.intp)
        corners, heights = np.zeros((count, 2), np.int64), np.zeros(count, np.intp)
        for number, (ident, box) in enumerate(zip(labelled.wanted, boxes, strict=True)):
            if box is not None:
                numbers[ident] = number
                corners[number] = box[0].start, box[1].start
                heights[number] = box[0].stop - box[0].start
        starts = np.cumsum(heights) - heights
        first = np.full(heights.sum(), np.iinfo(np.int64).max)
        last = np.full(heights.sum(), -1, np.int64)
        return cls(numbers, corners, heights, starts, first, last, np.zeros((6, count)), [], [])

    def add(self, ids: NDArray[np.integer], top: int, pixels: NDArray[np.generic] | None) -> None:
        """Add some rows, the first of which is row `top`."""
        flat = np.flatnonzero(ids > 0)
        who = self.numbers[ids.ravel()[flat]]
        if (who < 0).any():
            flat, who = flat[who >= 0], who[who >= 0]
        row, column = np.divmod(flat, ids.shape[1])
        y = row + top - self.corners[who, 0]
        x = column - self.corners[who, 1]
        at = self.starts[who] + y
        # pixels come row by row from the left: of several for one row the last one written stays
        earlier = self.first[at[::-1]]
        self.first[at[::-1]] = np.minimum(x[::-1], earlier)
        self.last[at] = x
        for power, values in zip(self.powers, (None, y, x, y * y, x * x, y * x), strict=True):
            power += np.bincount(who, values, minlength=len(self.heights))
        for channel, plane in enumerate(() if pixels is None else pixels):
            values = plane.ravel()[flat].astype(np.float64)
            finite = np.isfinite(values)
            if channel == len(self.brightness):
                self.brightness.append(np.zeros(len(self.heights)))
                self.counted.append(np.zeros(len(self.heights)))
            self.brightness[channel] += np.bincount(
                who, np.where(finite, values, 0.0), minlength=len(self.heights)
            )
            self.counted[channel] += np.bincount(who, finite, minlength=len(self.heights))

    def measures(self, image: ImageRef) -> MeasureColumns:
        """Return the measures, with the names and in the order of `measure_object`."""
        (tall, wide), unit = pixel_size(image)
        count = np.where(self.heights > 0, self.powers[0], np.nan)
        area = count * tall * wide
        hull, feret = measure_hulls(RowSpans(self.heights, self.first, self.last), (tall, wide))
        long, short = self._moments(count, tall, wide)
        with np.errstate(divide="ignore", invalid="ignore"):
            round_ = np.sqrt(np.maximum(1 - short / long, 0))
        found = {
            f"area_{unit}2": area,
            f"equivalent_diameter_{unit}": np.sqrt(4 * area / np.pi),
            f"feret_diameter_{unit}": np.where(np.isnan(count), np.nan, feret),
            f"major_axis_{unit}": 4 * np.sqrt(long),
            f"minor_axis_{unit}": 4 * np.sqrt(short),
            "eccentricity": np.where(long == 0, 0.0, round_),
            "solidity": count / np.maximum(hull, 1),
        }
        for channel, (total, of) in enumerate(zip(self.brightness, self.counted, strict=True)):
            mean = np.full(len(total), np.nan)
            np.divide(total, of, out=mean, where=of > 0)
            if np.isfinite(mean).any():
                found[f"mean_intensity_ch{channel}"] = mean
        return found

    def _moments(self, count: Floats, tall: float, wide: float) -> tuple[Floats, Floats]:
        """Return the larger and the smaller variance of the pixels' middles along its axes."""
        _, y, x, yy, xx, yx = self.powers
        with np.errstate(invalid="ignore"):
            across = (count * yy - y * y) / count**2 * tall**2
            along = (count * xx - x * x) / count**2 * wide**2
            both = (count * yx - y * x) / count**2 * tall * wide
            middle = (across + along) / 2
            spread = np.hypot((across - along) / 2, both)
        return middle + spread, np.maximum(middle - spread, 0.0)
