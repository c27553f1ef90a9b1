"""Pixels as every part sees them: (channel, [z,] y, x) float32, normalized, read by region."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.cache import ByteCache
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import (
    Mask,
    Region,
    full_region,
    intersect,
    lies_in,
    region_at,
    region_shape,
    region_slices,
    widen_region,
)

if TYPE_CHECKING:
    from napari_synthseg.core.annotations import ImageRef

FloatImage = NDArray[np.float32]
Pixel = TypeVar("Pixel", bound=np.generic)


def quarter_turned(array: NDArray[Pixel], orientation: int) -> NDArray[Pixel]:
    """Return a view of (..., y, x): one of 8 quarter turns and mirror images (0: as it is)."""
    turns, mirrored = orientation % 4, orientation >= 4
    turned = array.swapaxes(-2, -1) if turns % 2 else array
    # the same as np.rot90 and a flip, which take many times as long
    upwards, leftwards = turns in (1, 2), (turns in (2, 3)) != mirrored
    return turned[..., :: -1 if upwards else 1, :: -1 if leftwards else 1]


class PixelSource(Protocol):
    """Random access to one working image, without loading it whole.

    The intensity is normalized: per image, the 1st percentile of the pixels in the ref's region
    maps to 0 and the 99.8th to 1 (all channels of an RGB image together, other channels each on
    its own), and values outside are kept, not clipped.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (channel, [z,] y, x) of the whole image, in pixels."""
        ...

    @property
    def region(self) -> Region:
        """Part of the image that the project uses; reads outside it are refused."""
        ...

    def read(self, region: Region | None = None) -> FloatImage:
        """Return the pixels of `region` (default: `self.region`) as (channel, [z,] y, x).

        Pixels that do not count are the median of those that do.
        """
        ...


@runtime_checkable
class _Incomplete(Protocol):
    """A `PixelSource` some pixels of which may hold nothing; see `missing_pixels`."""

    def missing(self, region: Region) -> Mask | None: ...


@dataclass(frozen=True, eq=False)
class ArraySource:
    """A `PixelSource` over an array in memory, already normalized."""

    array: FloatImage
    limit: Region | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (channel, [z,] y, x)."""
        return self.array.shape

    @property
    def region(self) -> Region:
        """Part of the image that may be read."""
        return self.limit or full_region(self.array.shape[1:])

    def read(self, region: Region | None = None) -> FloatImage:
        """Return the pixels of `region`; see `PixelSource.read`."""
        wanted = region or self.region
        return np.ascontiguousarray(self.array[(slice(None), *region_slices(wanted))])


@dataclass(frozen=True, eq=False)
class WindowSource:
    """A `PixelSource` over a part of another one, with the intensity of the whole.

    Attributes
    ----------
    region
        The part, in pixels of the whole image; inside the other source's region.
    """

    source: PixelSource
    region: Region

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (channel, [z,] y, x) of the whole image."""
        return self.source.shape

    def read(self, region: Region | None = None) -> FloatImage:
        """Return the pixels of `region`; see `PixelSource.read`."""
        return self.source.read(self.region if region is None else region)


TILE_PX = 512
TILE_CACHE_BYTES = 256 * 2**20


class TiledSource:
    """A `PixelSource` that reads each tile of another one but once, as long as it has room.

    For work that reads many small regions that lie close to each other, in any order.
    """

    def __init__(self, source: PixelSource) -> None:
        self._source = source
        self._tiles: ByteCache[FloatImage] = ByteCache(TILE_CACHE_BYTES)
        self.shape, self.region = source.shape, source.region

    def read(self, region: Region | None = None) -> FloatImage:
        """Return the pixels of `region`; see `PixelSource.read`.

        Raises
        ------
        InputError
            If the region is not inside `self.region`.
        """
        wanted = self.region if region is None else region
        if not lies_in(wanted, self.region):
            raise InputError(
                f"Pixels were asked for at {wanted}, outside the part of the image that the "
                f"project uses, {self.region}."
            )
        result = np.empty((self.shape[0], *region_shape(wanted)), np.float32)
        edges = [1] * (len(wanted) - 2) + [TILE_PX] * 2
        first = [a // edge * edge for (a, _), edge in zip(wanted, edges, strict=True)]
        grid = tuple((f, stop) for f, (_, stop) in zip(first, wanted, strict=True))
        for start in product(*(range(a, b, e) for (a, b), e in zip(grid, edges, strict=True))):
            whole = region_at(start, edges)
            tile, common = intersect(whole, self.region), intersect(whole, wanted)
            if tile is None or common is None:
                continue
            pixels = self._tiles.get_or_make(tile, partial(self._source.read, tile))
            inside = region_slices(common, [a for a, _ in tile])
            result[(slice(None), *region_slices(common, [a for a, _ in wanted]))] = pixels[
                (slice(None), *inside)
            ]
        return result


class WantedSource:
    """A `PixelSource` of which only some places are asked for, as a slide's region of interest.

    What works tile by tile leaves out the tiles of which no part is wanted.

    Parameters
    ----------
    is_wanted
        Tells whether any part of a region is.
    """

    def __init__(self, source: PixelSource, is_wanted: Callable[[Region], bool]) -> None:
        self.source, self.is_wanted = source, is_wanted
        self.shape, self.region = source.shape, source.region

    def read(self, region: Region | None = None) -> FloatImage:
        """Return the pixels of `region`; see `PixelSource.read`."""
        return self.source.read(region)


COMPRESSED_ABOVE, COMPRESSED_BELOW = 3.0, -2.0
"""Normalized intensity beyond which networks see differences on a logarithmic scale."""


def compress(image: FloatImage) -> FloatImage:
    """Return an image whose outliers, as hot pixels, are near the range of the others."""
    above, below = image - COMPRESSED_ABOVE, COMPRESSED_BELOW - image
    if not (above > 0).any() and not (below > 0).any():
        return image
    image = np.where(above > 0, COMPRESSED_ABOVE + np.log1p(np.maximum(above, 0)), image)
    return np.where(below > 0, COMPRESSED_BELOW - np.log1p(np.maximum(below, 0)), image)


class MatchedSource:
    """A `PixelSource` as networks are shown it: another one with its outliers compressed.

    Parameters
    ----------
    gain, offset
        What the intensity of each channel is multiplied by and raised by first; empty: as it is.
    """

    def __init__(
        self, source: PixelSource, gain: Sequence[float] = (), offset: Sequence[float] = ()
    ) -> None:
        self._source, self._gain, self._offset = source, gain, offset
        self.shape, self.region = source.shape, source.region

    def read(self, region: Region | None = None) -> FloatImage:
        """Return the pixels of `region`; see `PixelSource.read`."""
        image = self._source.read(region)
        if self._gain:
            gain, offset = (
                np.array(values, np.float32).reshape(-1, *[1] * (image.ndim - 1))
                for values in (self._gain, self._offset)
            )
            image = image * gain + offset
        return compress(image)


Factor = float | Sequence[float]
"""Pixels of a resampled image for one of the image: along each axis, or along all of them."""

MAX_FACTOR = 3.0
"""Images are enlarged at most so many times: beyond it nothing more is to be seen."""

LEAVE_RATIO = 1.3
"""Images that would be resampled by less, either way, are left as they are: it costs sharpness."""

STRIP_PX = 2**22
"""Pixels of an image that are read at once to be resampled, about."""


def resized(factor: float) -> str:
    """Return what a factor makes of images, as "shrunk to 0.4 of their size"."""
    return f"enlarged {factor:.2g} times" if factor > 1 else f"shrunk to {factor:.2g} of their size"


def factors_of(factor: Factor, axes: int) -> tuple[float, ...]:
    """Return the factor of each spatial axis."""
    if isinstance(factor, Sequence):
        assert len(factor) == axes, f"{len(factor)} factors for {axes} axes"
        return tuple(float(f) for f in factor)
    return (float(factor),) * axes


class ScaledSource:
    """A `PixelSource` that shows another one resampled, without aliasing.

    A pixel of it is a mean over what it covers, weighted by a triangle; where it enlarges, values
    are interpolated. Both depend on the place alone, so that parts equal the whole. What would lie
    outside the other source's region is its nearest pixel. Large parts are read strip by strip.

    Attributes
    ----------
    source
        The image.
    factors
        Pixels of this source for one of the image, along each axis.
    """

    def __init__(self, source: PixelSource, factor: Factor) -> None:
        self.source = source
        self.factors = factors_of(factor, len(source.region))
        extents = zip(source.shape[1:], self.factors, strict=True)
        self.shape = (source.shape[0], *(_edge(n, f) for n, f in extents))
        self.region: Region = tuple(
            (round(a * f), max(_edge(b, f), round(a * f) + 1))
            for (a, b), f in zip(source.region, self.factors, strict=True)
        )

    def read(self, region: Region | None = None) -> FloatImage:
        """Return the pixels of `region`; see `PixelSource.read`."""
        wanted = region or self.region
        (start, stop), *others = wanted
        covered = region_shape(self._covered(wanted))
        rows = max(int((stop - start) * STRIP_PX / math.prod(covered)), 1)
        strips = [
            self._strip(((a, min(a + rows, stop)), *others)) for a in range(start, stop, rows)
        ]
        return strips[0] if len(strips) == 1 else np.concatenate(strips, axis=1)

    def _strip(self, wanted: Region) -> FloatImage:
        inside = self._covered(wanted)
        return resample(self.source.read(inside), [a for a, _ in inside], wanted, self.factors)

    def _covered(self, wanted: Region) -> Region:
        """Return what must be read of the image."""
        covered = scaled_region(wanted, [1 / f for f in self.factors])
        margin = [math.ceil(1 / min(f, 1.0)) + 1 for f in self.factors]
        return widen_region(covered, margin, self.source.region)


def counted_pixels(ref: ImageRef, pixels: PixelSource, region: Region) -> Mask | None:
    """Return which pixels of a region count, shape ([z,] y, x); None where all do.

    `pixels` are those of the image, or a `ScaledSource` of them; the region is one of theirs.
    """
    if not ref.is_limited or not isinstance(pixels, ScaledSource):
        return ref.counted(region)
    return _nearest(ref.counted, pixels, region)


def missing_pixels(pixels: PixelSource, region: Region) -> Mask | None:
    """Return which pixels of a region hold nothing, shape ([z,] y, x); None where none does.

    Such are the fill round a mosaic, and values that are not finite.
    """
    if isinstance(pixels, ScaledSource):
        source = pixels.source
        return _nearest(lambda inside: missing_pixels(source, inside), pixels, region)
    return pixels.missing(region) if isinstance(pixels, _Incomplete) else None


def _nearest(
    mark: Callable[[Region], Mask | None], pixels: ScaledSource, region: Region
) -> Mask | None:
    """Return what `mark` gives for the image at the place of each pixel of a resampled region."""
    places = [
        np.clip(((np.arange(a, b) + 0.5) / factor).astype(int), low, high - 1)
        for (a, b), factor, (low, high) in zip(
            region, pixels.factors, pixels.source.region, strict=True
        )
    ]
    mask = mark(tuple((int(at[0]), int(at[-1]) + 1) for at in places))
    return None if mask is None else mask[np.ix_(*(at - at[0] for at in places))]


def where_counted(ref: ImageRef, pixels: PixelSource) -> PixelSource:
    """Return pixels of an image, or a `ScaledSource` of them, of which what counts is wanted."""
    if not ref.is_limited:
        return pixels
    if isinstance(pixels, ScaledSource):
        back = [1 / factor for factor in pixels.factors]
        return WantedSource(pixels, lambda region: ref.counts_in(scaled_region(region, back)))
    return WantedSource(pixels, ref.counts_in)


def counted_box(ref: ImageRef, pixels: PixelSource) -> Region:
    """Return the smallest part of an image's region that holds all of it that counts.

    `pixels` are those of the image, or a `ScaledSource` of them; the box is in pixels of theirs.
    """
    if not ref.roi or not isinstance(pixels, ScaledSource):
        return ref.box_that_counts(pixels.region)
    box = scaled_region(ref.box_that_counts(pixels.source.region), pixels.factors)
    return intersect(box, pixels.region) or pixels.region


def counted_part(ref: ImageRef, pixels: PixelSource) -> PixelSource:
    """Return the smallest part of an image that holds all of it that counts."""
    return WindowSource(pixels, counted_box(ref, pixels)) if ref.roi else pixels


def scaled(source: PixelSource, factor: Factor) -> PixelSource:
    """Return an image resampled, or as it is."""
    return source if factor == 1 else ScaledSource(source, factor)


def _edge(edge: int, factor: float) -> int:
    return max(round(edge * factor), 1)


def scaled_position(position: Sequence[float], factor: Factor) -> tuple[float, ...]:
    """Return where a position (pixel centers at whole numbers) lies on a resampled image."""
    factors = factors_of(factor, len(position))
    return tuple((p + 0.5) * f - 0.5 for p, f in zip(position, factors, strict=True))


def scaled_region(region: Region, factor: Factor) -> Region:
    """Return the smallest region of a resampled image that holds all that a region shows."""
    factors = factors_of(factor, len(region))
    return tuple(
        (math.floor(a * f), math.ceil(b * f)) for (a, b), f in zip(region, factors, strict=True)
    )


def resample(
    pixels: FloatImage, origin: Sequence[int], region: Region, factor: Factor
) -> FloatImage:
    """Return `region` of an image that is resampled by `factor`.

    Parameters
    ----------
    pixels
        A part (channel, [z,] y, x) of the image; beyond it, its nearest pixel counts.
    origin
        Position of the part's first pixel in the image.
    region
        What is wanted, in pixels of the resampled image.
    factor
        Pixels of the resampled image for one of the image.
    """
    from scipy.sparse import csr_array  # here: the panel shall open without

    result = pixels.astype(np.float32, copy=False)
    along = zip(region, origin, factors_of(factor, len(region)), strict=True)
    for axis, ((start, stop), first, times) in enumerate(along, start=1):
        inside = slice(start - first, stop - first)
        if times == 1 and inside.start >= 0 and inside.stop <= result.shape[axis]:
            result = result[(slice(None),) * axis + (inside,)]
            continue
        reach = max(1.0, 1 / times)
        middles = (np.arange(start, stop) + 0.5) / times - 0.5 - first
        taps = np.floor(middles - reach)[:, None] + np.arange(1, math.ceil(2 * reach) + 2)
        weights = np.maximum(1 - np.abs(taps - middles[:, None]) / reach, 0)
        weights /= weights.sum(axis=1, keepdims=True)
        columns = np.clip(taps, 0, result.shape[axis] - 1).astype(int)
        rows = np.repeat(np.arange(len(middles)), taps.shape[1])
        matrix = csr_array(
            (weights.ravel().astype(np.float32), (rows, columns.ravel())),
            shape=(len(middles), result.shape[axis]),
        )
        lines = np.moveaxis(result, axis, 0)
        flat = matrix @ lines.reshape(len(lines), -1)
        result = np.moveaxis(flat.reshape(len(middles), *lines.shape[1:]), 0, axis)
    return np.ascontiguousarray(result)


def check_alike(images: Sequence[tuple[ImageRef, PixelSource]], remedy: str) -> None:
    """Refuse to learn from images that no one network can take.

    Parameters
    ----------
    images
        At least one.
    remedy
        What to do, a sentence without a point.

    Raises
    ------
    InputError
        If some are volumes and others flat, or their channels differ in number.
    """
    first, first_pixels = images[0]
    for ref, pixels in images[1:]:
        if ref.ndim != first.ndim:
            flat, deep = sorted((first, ref), key=lambda ref: ref.ndim)
            raise InputError(
                f"'{deep.name}' is a volume and '{flat.name}' is flat: one model learns from "
                f"either. {remedy}, or add the stack plane by plane."
            )
        if pixels.shape[0] != first_pixels.shape[0]:
            raise InputError(
                f"'{first.name}' has {first_pixels.shape[0]} channel(s) and '{ref.name}' has "
                f"{pixels.shape[0]}: one model learns from images of equal channels. {remedy}, "
                "choose as many channels of both, or make a project for each kind."
            )


LOW_PERCENTILE, HIGH_PERCENTILE = 1.0, 99.8


@dataclass(frozen=True)
class Intensity:
    """The affine map from stored to normalized intensity, per channel."""

    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def measure(cls, sample: NDArray[np.generic], *, joint: bool = False) -> Intensity:
        """Measure the map on the finite values of a sample (channel, ...), stored intensity.

        With `joint` all channels share one map, so that the colors of an RGB image keep their
        relation.
        """
        flat = np.asarray(sample).reshape(len(sample), -1)
        source = flat.reshape(1, -1) if joint else flat
        percentiles = LOW_PERCENTILE, HIGH_PERCENTILE
        low, high = np.transpose([np.percentile(v[np.isfinite(v)], percentiles) for v in source])
        if joint:
            low, high = (np.repeat(v, len(flat)) for v in (low, high))
        high = np.where(high - low > 1e-12, high, low + 1.0)
        return cls(tuple(float(v) for v in low), tuple(float(v) for v in high))

    def normalize(self, stored: NDArray[np.generic]) -> FloatImage:
        """Map stored pixels (channel, [z,] y, x) to normalized float32."""
        # float32 would lose small differences between large values
        narrow = stored.dtype.itemsize <= 2 or stored.dtype == np.float32
        work: NDArray[np.floating] = stored.astype(np.float32 if narrow else np.float64)
        low, high = self._columns(work)
        normalized: NDArray[np.floating] = (work - low) / (high - low)
        return normalized.astype(np.float32, copy=False)

    def restore(self, normalized: FloatImage) -> FloatImage:
        """Map normalized pixels back to stored intensity, as float32."""
        low, high = self._columns(normalized)
        return (normalized * (high - low) + low).astype(np.float32, copy=False)

    def _columns(self, image: NDArray[np.floating]) -> tuple[NDArray[np.floating], ...]:
        """Return low and high, per channel, in the type of `image` and ready to work on it."""
        shape = (-1,) + (1,) * (image.ndim - 1)
        return tuple(np.asarray(v, image.dtype).reshape(shape) for v in (self.low, self.high))
