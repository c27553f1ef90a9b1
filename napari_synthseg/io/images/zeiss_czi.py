"""Zeiss CZI files, through the library czifile; a scene is an image of its own.

The file is read by subblock, so that a part of a large mosaic needs no more memory than its tiles.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.images.lengths import in_micrometers
from napari_synthseg.io.images.stored_array import (
    ImageFormat,
    Index,
    StoredArray,
    check_budget,
    choose_series,
)
from napari_synthseg.io.images.vendor import damage_reported, import_reader

_WHAT = "a Zeiss CZI file"

_ZSTD, _ZSTD_WITH_HEADER = 5, 6
"""Compressions that czifile does not know; the second may have low and high bytes apart."""


@dataclass(frozen=True)
class _Tile:
    """A subblock: where it lies along each axis of the file, and where it stands in the file."""

    start: tuple[int, ...]
    shape: tuple[int, ...]
    position: int


def open_czi(path: Path, as_ids: bool = False, number: int | None = None) -> StoredArray:
    """Open one scene of a CZI file at full resolution.

    Raises
    ------
    InputError
        If it is damaged, czifile is not installed, or it holds several scenes and none is chosen.
    """
    library = import_reader("czifile", path)
    with damage_reported(path, _WHAT), library.CziFile(path) as file:
        blocks = [b for b in file.filtered_subblock_directory if b.shape == b.stored_shape]
        if not blocks:
            raise InputError(f"'{path}' holds no image: export it again.")
        names = blocks[0].axes
        types = {np.dtype(block.dtype) for block in blocks}
        sizes = _pixel_sizes(file.metadata())
        tiles = [
            _Tile(tuple(map(int, b.start)), tuple(map(int, b.shape)), b.file_position)
            for b in blocks
        ]
        if len(types) > 1 or any(block.axes != names for block in blocks):
            raise InputError(
                f"'{path}' holds channels of different types ({', '.join(map(str, types))}): "
                "export them as files of their own."
            )
        scene = names.find("S")
        scenes = sorted({tile.start[scene] for tile in tiles}) if scene >= 0 else [0]
        by_scene = [[t for t in tiles if scene < 0 or t.start[scene] == s] for s in scenes]
        titles = [_title(names, each) for each in by_scene]
        chosen = by_scene[choose_series(path, titles, number)]
        origin, extent = _extent(chosen)
        dtype = types.pop().base
        samples = extent[-1]
        kept = [n for n, size in enumerate(extent) if size > 1 or names[n] in "YX"]
        shape = [min(3, extent[n]) if names[n] == "0" else extent[n] for n in kept]
        axes = "".join("c" if names[n] == "0" else names[n].lower() for n in kept)
        if axes.count("c") > 1:
            raise InputError(
                f"'{path}' has both channels and colors: export the channels as files of their own."
            )

    def read(index: Index) -> NDArray[Any]:
        wanted: list[int | slice] = [0] * len(names)
        for n, part in zip(kept, index, strict=True):
            wanted[n] = part
        ranges = [_range(part, size) for part, size in zip(wanted, extent, strict=True)]
        size = [len(each) for each in ranges]
        check_budget(path.name, math.prod(size), dtype.itemsize)
        out = np.zeros(size, dtype)
        from tifffile import FileHandle

        with damage_reported(path, _WHAT), FileHandle(path) as handle:
            for tile in chosen:
                begin = [s - o for s, o in zip(tile.start, origin, strict=True)]
                both = [_common(r, b, n) for r, b, n in zip(ranges, begin, tile.shape, strict=True)]
                if all(target.stop > target.start for target, _ in both):
                    block = library.Segment(handle, tile.position).data()
                    pixels = _decode(block).reshape(tile.shape)
                    out[tuple(t for t, _ in both)] = pixels[tuple(s for _, s in both)]
        return out[tuple(0 if isinstance(part, int) else slice(None) for part in wanted)]

    return StoredArray(
        name=path.name,
        shape=tuple(shape),
        axes=axes,
        dtype=dtype,
        read=read,
        is_color=samples > 1,
        pixel_size=sizes,
        unit="um" if sizes else "px",
        series=tuple(titles) if len(titles) > 1 else (),
    )


def _extent(tiles: Sequence[_Tile]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the first place and the size along each axis of what tiles cover."""
    starts = np.array([tile.start for tile in tiles])
    stops = starts + np.array([tile.shape for tile in tiles])
    low = starts.min(axis=0)
    return tuple(low.tolist()), tuple((stops.max(axis=0) - low).tolist())


def _title(names: str, tiles: Sequence[_Tile]) -> str:
    sizes = zip(names, _extent(tiles)[1], strict=True)
    return ", ".join(f"{axis.lower()} {n}" for axis, n in sizes if axis in "TCZYX" and n > 1)


def _range(part: int | slice, size: int) -> range:
    return range(part, part + 1) if isinstance(part, int) else range(*part.indices(size))


def _common(wanted: range, start: int, size: int) -> tuple[slice, slice]:
    """Return where the wanted places that a tile holds lie in the result, and in the tile."""
    step = wanted.step
    first = max(0, math.ceil((start - wanted.start) / step))
    last = min(len(wanted), math.ceil((start + size - wanted.start) / step))
    inside = wanted.start + first * step - start
    return slice(first, max(first, last)), slice(inside, inside + (last - first) * step, step)


def _decode(block: Any) -> NDArray[Any]:
    entry = block.directory_entry
    if entry.compression not in (_ZSTD, _ZSTD_WITH_HEADER):
        return np.asarray(block.data(resize=False))
    data, halves = block.data(raw=True), False
    if entry.compression == _ZSTD_WITH_HEADER:
        halves = data[0] == 3 and bool(data[2] & 1)
        data = data[data[0] :]
    kind = np.dtype(entry.dtype).base
    flat = np.frombuffer(imagecodecs.zstd_decode(data), np.uint8)
    if halves:  # all low bytes, then all high ones
        flat = np.ascontiguousarray(flat.reshape(kind.itemsize, -1).T).ravel()
    pixels = flat.view(kind).reshape(entry.stored_shape)
    colors = pixels.shape[-1]
    return np.asarray(pixels[..., [2, 1, 0, *range(3, colors)]] if colors >= 3 else pixels)


def _pixel_sizes(metadata: str) -> dict[str, float]:
    """Return the size of a pixel in micrometers by axis letter, where the metadata say so."""
    if "<!DOCTYPE" in metadata or "<!ENTITY" in metadata:
        return {}
    lengths = {}
    for distance in ET.fromstring(metadata).iterfind("./Metadata/Scaling/Items/Distance"):
        axis, value = distance.get("Id", "").lower(), distance.findtext("Value", "")
        if axis in ("x", "y", "z") and value:
            lengths[axis] = (float(value), "m")
    return in_micrometers(lengths)


FORMAT = ImageFormat("Zeiss CZI", (b"ZISRAWFILE",), open_czi)
