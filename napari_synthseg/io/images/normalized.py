"""From a stored array to the working image: plane, channels, region and intensity settled once."""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Generator, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.cache import ByteCache
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import (
    Region,
    divide_region,
    full_region,
    lies_in,
    region_shape,
    region_slices,
)
from napari_synthseg.core.pixels import FloatImage, Intensity
from napari_synthseg.core.progress import Progress, exhaust, subprogress
from napari_synthseg.io.images.fill import find_fill
from napari_synthseg.io.images.stored_array import Index, StoredArray, check_budget

MAX_SAMPLE_PX = 2**20
"""Positions at which the intensity is measured, at most."""

MAX_STRIDED_PX = 2**28
"""Largest region that is sampled on an even grid; larger ones in windows on an even grid."""

READ_PX = 2**22
"""Pixels that are read in one step, about, of an image that is read whole."""

WINDOW_PX = 64
"""Edge of such a window."""

DECODED_LIMIT_BYTES = 2**29
"""What all images that can only be decoded whole may take together."""

SERIES = "s"
"""Stands in `ImageRef.plane` for which of several images in a file is meant."""

MEASURED_LIMIT_BYTES, MEASURED_BYTES = 2**21, 2**9
"""What is remembered of the intensity of images may take together, and takes for one of them."""

_decoded: ByteCache[NDArray[Any]] = ByteCache(DECODED_LIMIT_BYTES)


@dataclass(frozen=True)
class _Measured:
    """How stored values become normalized ones.

    Attributes
    ----------
    intensity
        The map.
    fill
        The fill value of each channel, where it has one.
    neutral
        What each channel shows where the image does not count, normalized; empty where all counts.
    """

    intensity: Intensity
    fill: tuple[float | None, ...]
    neutral: FloatImage


_measured: ByteCache[_Measured] = ByteCache(MEASURED_LIMIT_BYTES, lambda _: MEASURED_BYTES)


@dataclass(frozen=True)
class Examined:
    """What a look at an image's pixels tells.

    Attributes
    ----------
    digest
        Of the stored values on an even grid: the same for the same pixels in whatever file, and ''
        where all are alike.
    missing
        Share of the pixels that hold nothing: no number, or a fill value.
    fill
        The fill value, where there is one.
    """

    digest: str
    missing: float
    fill: float | None


class NormalizedImage:
    """A `PixelSource` over an array in a file; see there for what is promised.

    Parameters
    ----------
    ref
        Names the plane, channels and region of the array.
    stored
        The array.
    key
        Identifies the content of the file, for keeping what was decoded.
    """

    def __init__(self, ref: ImageRef, stored: StoredArray, key: Hashable) -> None:
        self._ref, self._stored, self._key = ref, stored, key
        self._fixed = _fixed_indices(ref, stored)
        self._spatial = "".join(a for a in "zyx" if a in stored.axes and a not in self._fixed)
        self._channels = _channels(ref, stored)
        self._extent = tuple(stored.size(a) for a in self._spatial)
        self._region = _checked_region(ref, self._extent)
        self._known: _Measured | None = None
        self._measuring = threading.Lock()

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (channel, [z,] y, x) of the whole image, in pixels."""
        return (len(self._channels), *self._extent)

    @property
    def region(self) -> Region:
        """Part of the image that may be read."""
        return self._region

    @property
    def intensity(self) -> Intensity:
        """The map from stored to normalized intensity, measured on the region alone."""
        return self._measured().intensity

    def measure(self) -> Generator[Progress, None, None]:
        """Measure the intensity, which the first read does otherwise: it may take seconds."""
        if self._known is None and _measured.get(self._measured_key) is None:
            sample = yield from self._sample()
            _measured.put(self._measured_key, self._measure(sample))

    def read_whole(self) -> Generator[Progress, None, FloatImage]:
        """Return the pixels of the region, as `read` does, but in many steps.

        Raises
        ------
        InputError
            As `read` does.
        """
        extents = region_shape(self._region)
        check_budget(self._stored.name, math.prod(extents) * len(self._channels), 4)
        yield from subprogress(self.measure(), 0.0, 0.5)
        image = np.empty((len(self._channels), *extents), np.float32)
        blocks, origin = self._blocks(), [start for start, _ in self._region]
        for number, block in enumerate(blocks, start=1):
            image[(slice(None), *region_slices(block, origin))] = self.read(block)
            yield Progress(0.5 + 0.5 * number / len(blocks))
        return image

    def _blocks(self, step: int = 1) -> list[Region]:
        """Divide the region into parts that are read in a moment, each chunk of the file once.

        Their edges are multiples of `step`, but for the last ones. They are as wide as may be, as
        files are read row by row.
        """
        chunk = dict(zip(self._stored.axes, self._stored.chunk, strict=False))
        edges = [-(-chunk.get(axis, 1) // step) * step for axis in self._spatial]
        for axis, length in reversed(list(enumerate(region_shape(self._region)))):
            room = READ_PX // (math.prod(edges) * len(self._channels))
            edges[axis] *= max(1, min(room, -(-length // edges[axis])))
        return list(divide_region(self._region, edges))

    def read(self, region: Region | None = None) -> FloatImage:
        """Return the pixels of `region` as (channel, [z,] y, x) float32, normalized.

        Values that are not finite become 0 (NaN, minus infinity) or 1 (infinity), and so do pixels
        with a fill value: the one that the file declares, or that `find_fill` finds. Pixels that do
        not count become the median of those that do.

        Raises
        ------
        InputError
            If the region is not inside `self.region`, or the file cannot be read.
        """
        wanted = self._region if region is None else self._inside(region)
        check_budget(self._stored.name, math.prod(region_shape(wanted)) * len(self._channels), 4)
        stored = self.read_stored(tuple(slice(a, b) for a, b in wanted))
        measured = self._measured()
        with np.errstate(over="ignore", invalid="ignore"):
            image = measured.intensity.normalize(stored)
        if any(value is not None for value in measured.fill):
            image[self._filled(stored, measured.fill)] = 0
        if stored.dtype.kind == "f" and not np.isfinite(image).all():
            image = np.nan_to_num(image, copy=False, nan=0.0, posinf=1.0, neginf=0.0)
        if (counted := self._ref.counted(wanted)) is not None and not counted.all():
            neutral = measured.neutral.reshape(-1, *[1] * counted.ndim)
            image = np.where(counted, image, neutral)
        return np.ascontiguousarray(image)

    def missing(self, region: Region) -> NDArray[np.bool_] | None:
        """Return which pixels ([z,] y, x) of a region hold a fill, or nothing finite; None if none.

        Raises
        ------
        InputError
            As `read` does.
        """
        fill = self._measured().fill
        if self._stored.dtype.kind != "f" and all(value is None for value in fill):
            return None
        stored = self.read_stored(tuple(slice(a, b) for a, b in self._inside(region)))
        lost: NDArray[np.bool_] = (self._filled(stored, fill) | ~np.isfinite(stored)).all(axis=0)
        return lost if lost.any() else None

    def read_stored(self, part: tuple[slice, ...]) -> NDArray[Any]:
        """Return part of the image as (channel, [z,] y, x) in stored type and intensity.

        `part` has a slice with start and stop for each spatial axis.
        """
        if self._stored.whole:
            whole = _decoded.get_or_make(
                (self._key, *self._fixed.items()),
                lambda: self._stored.read(self._index(tuple(slice(0, n) for n in self._extent))),
            )
            array = self._ordered(whole)[(slice(None), *part)]
        else:
            array = self._ordered(self._stored.read(self._index(part)))
        if self._channels != tuple(range(len(array))):
            array = array[list(self._channels)]
        return np.asarray(array, array.dtype.newbyteorder("="))

    def _index(self, part: tuple[slice, ...]) -> Index:
        named: dict[str, int | slice] = dict(zip(self._spatial, part, strict=True))
        named.update(self._fixed)
        named.setdefault("c", slice(0, self._stored.size("c")))
        return tuple(named[axis] for axis in self._stored.axes)

    def _ordered(self, array: NDArray[Any]) -> NDArray[Any]:
        """Bring the axes that are left into the order c, [z,] y, x."""
        left = [a for a in self._stored.axes if a not in self._fixed]
        ordered = array.transpose([left.index(a) for a in "czyx" if a in left])
        return ordered if "c" in left else ordered[np.newaxis]

    def _inside(self, region: Region) -> Region:
        if not lies_in(region, self._region):
            raise InputError(
                f"Pixels of '{self._ref.name or self._stored.name}' were asked for at {region}, "
                f"outside the part that the project uses, {self._region}."
            )
        return region

    def examine(self) -> Examined:
        """Look at the pixels on an even grid over the region."""
        sample = exhaust(self._sample())
        fill = self._find_fill(sample)
        missing = self._filled(sample, fill) | ~np.isfinite(sample)
        values = sample.astype(np.float64)
        alike = bool((values == values.flat[0]).all())
        content = hashlib.sha256(repr(self.shape).encode() + values.tobytes()).hexdigest()[:16]
        known = next((value for value in fill if value is not None), None)
        return Examined("" if alike else content, float(missing.mean()), known)

    def _measured(self) -> _Measured:
        with self._measuring:
            if self._known is None:
                self._known = _measured.get_or_make(
                    self._measured_key, lambda: self._measure(exhaust(self._sample()))
                )
            return self._known

    @property
    def _measured_key(self) -> Hashable:
        ref, fixed = self._ref, tuple(self._fixed.items())
        part = (ref.axes, fixed, self._channels, self._region, ref.roi, ref.excluded)
        return self._key, part

    def _measure(self, grid: NDArray[Any]) -> _Measured:
        """Return how the values of `_sample` become normalized."""
        fill = self._find_fill(grid)
        sample = grid.astype(np.float64)  # integers overflow between percentiles
        sample[self._filled(grid, fill)] = np.nan
        sample = sample.reshape(len(sample), -1)
        if (counted := self._sample_counted()) is not None:
            sample[:, ~counted] = np.nan
        finite = np.isfinite(sample)
        if not (finite.any() if self._is_joint else finite.any(axis=1).all()):
            raise InputError(
                f"'{self._ref.name or self._stored.name}' holds no finite value in a channel: "
                "remove the image, or save the file without that channel and add it again."
            )
        intensity = Intensity.measure(sample, joint=self._is_joint)
        neutral: FloatImage = np.empty(0, np.float32)
        if counted is not None:
            middle = [
                np.median(values[known]) if known.any() else 0.0
                for values, known in zip(sample, finite, strict=True)
            ]
            neutral = intensity.normalize(np.array(middle)[:, np.newaxis])[:, 0]
        return _Measured(intensity, fill, neutral)

    @property
    def _is_joint(self) -> bool:
        """Whether channels are colors, which share one intensity."""
        return self._stored.is_color and len(self._channels) > 1

    def _find_fill(self, grid: NDArray[Any]) -> tuple[float | None, ...]:
        declared = self._stored.fill
        if declared is not None or grid.ndim == 2:  # windows of a huge image
            return (declared,) * len(grid)
        if self._is_joint:
            return (find_fill(grid),) * len(grid)
        return tuple(find_fill(channel[np.newaxis]) for channel in grid)

    def _filled(self, stored: NDArray[Any], fill: tuple[float | None, ...]) -> NDArray[np.bool_]:
        """Return which pixels (channel, ...) have the fill value."""
        empty = np.zeros(stored.shape[1:], np.bool_)
        filled = np.stack(
            [empty if v is None else c == v for c, v in zip(stored, fill, strict=True)]
        )
        return np.broadcast_to(filled.all(axis=0), filled.shape) if self._is_joint else filled

    def _sample(self) -> Generator[Progress, None, NDArray[Any]]:
        """Return stored pixels (channel, [z,] y, x) on an even grid; of a huge image, (channel, n).

        The grid lies over the region.
        """
        step = self._step()
        if step is None:
            windows, read = _windows(self._region), []
            for number, window in enumerate(windows, start=1):
                values = self.read_stored(window)
                read.append(values.reshape(len(values), -1))
                yield Progress(number / len(windows))
            return np.concatenate(read, axis=1)
        blocks, origin = self._blocks(step), [start for start, _ in self._region]
        grid = [-(-length // step) for length in region_shape(self._region)]
        sample: NDArray[Any] | None = None
        for number, block in enumerate(blocks, start=1):
            values = self.read_stored(tuple(slice(a, b, step) for a, b in block))
            if sample is None:
                sample = np.empty((len(values), *grid), values.dtype)
            corner = [(a - o) // step for (a, _), o in zip(block, origin, strict=True)]
            place = [slice(a, a + n) for a, n in zip(corner, values.shape[1:], strict=True)]
            sample[(slice(None), *place)] = values
            yield Progress(number / len(blocks))
        assert sample is not None
        return sample

    def _sample_counted(self) -> NDArray[np.bool_] | None:
        """Return which pixels of `_sample`, all in one row, count; None where all do."""
        if not self._ref.is_limited:
            return None
        if (step := self._step()) is not None:
            mask = self._ref.counted(self._region)
            assert mask is not None
            return mask[(slice(None, None, step),) * mask.ndim].ravel()
        windows = (tuple((p.start, p.stop) for p in w) for w in _windows(self._region))
        masks = (self._ref.counted(window) for window in windows)
        return np.concatenate([mask.ravel() for mask in masks if mask is not None])

    def _step(self) -> int | None:
        """Return the step of the grid of `_sample`; None where windows are sampled."""
        size = math.prod(region_shape(self._region))
        if size > MAX_STRIDED_PX and not self._stored.whole:
            return None
        step: int = math.ceil((size / MAX_SAMPLE_PX) ** (1 / len(self._region)))
        return max(1, step)


def _windows(region: Region) -> list[tuple[slice, ...]]:
    """Return square windows on an even grid, of `MAX_SAMPLE_PX` pixels together."""
    count = int(math.sqrt(MAX_SAMPLE_PX)) // WINDOW_PX
    *outer, height, width = region
    rows, columns = (
        np.linspace(a, max(a, b - WINDOW_PX), count).astype(int) for a, b in (height, width)
    )
    middle = tuple(slice((a + b) // 2, (a + b) // 2 + 1) for a, b in outer)
    return [
        (*middle, slice(y, min(y + WINDOW_PX, height[1])), slice(x, min(x + WINDOW_PX, width[1])))
        for y in rows.tolist()
        for x in columns.tolist()
    ]


def _fixed_indices(ref: ImageRef, stored: StoredArray) -> dict[str, int]:
    """Return axis letter -> index for the axes that are not part of the working image."""
    name = ref.name or stored.name
    fixed = {}
    for axis, index in ref.plane.items():
        if axis == SERIES:
            continue
        if axis not in stored.axes or axis in "cyx" or not 0 <= index < stored.size(axis):
            raise InputError(
                f"'{name}' has no plane {axis}={index}: its axes are '{stored.axes}', its shape "
                f"{stored.shape}. Add the image again."
            )
        fixed[axis] = index
    if "t" in stored.axes and "t" not in fixed:
        if stored.size("t") > 1:
            raise InputError(f"'{name}' has {stored.size('t')} time points: choose one as plane.")
        fixed["t"] = 0
    return fixed


def _channels(ref: ImageRef, stored: StoredArray) -> tuple[int, ...]:
    count = stored.size("c")
    if ref.channels is None:
        return tuple(range(count))
    name = ref.name or stored.name
    if lost := [c for c in ref.channels if not 0 <= c < count]:
        known = f"channels 0 to {count - 1}" if count > 1 else "one channel, which is number 0"
        raise InputError(f"'{name}' has no channel {lost[0]}, but {known}: choose among these.")
    if not ref.channels or len(set(ref.channels)) < len(ref.channels):
        raise InputError(
            f"Of '{name}' the channels {list(ref.channels)} are chosen: choose at least one of its "
            f"{count}, and each once."
        )
    return ref.channels


def _checked_region(ref: ImageRef, extent: tuple[int, ...]) -> Region:
    region = ref.region or full_region(extent)
    if not lies_in(region, full_region(extent)):
        raise InputError(
            f"The region {ref.region} of '{ref.name}' does not lie in its shape {extent}: choose "
            "another region."
        )
    return region
