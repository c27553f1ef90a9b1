"""TIFF files: plain, tiled, ImageJ and OME; read by region where their layout allows."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.images.lengths import in_micrometers
from napari_synthseg.io.images.stored_array import ImageFormat, Index, StoredArray, check_budget

_STACK_AXES = "zt"
"""What the axes of a file that does not name them stand for, innermost first."""


def open_tiff(path: Path, as_ids: bool = False) -> StoredArray:
    """Open the image in a TIFF file; smaller ones in it (previews, pyramids) are ignored.

    Ids are stored as they are, so that `as_ids` changes nothing.

    Raises
    ------
    InputError
        If it is damaged, compressed in a way that cannot be read here, or holds several images
        of equal rank.
    """
    with _opened(path) as tiff:
        series = _main_series(path, tiff)
        page = series.keyframe
        axes = _axes(path, series)
        dtype = np.dtype(series.dtype)
        _check_complete(path, series)
        mapped = series.dataoffset is not None
        if not mapped:
            check_budget(path.name, math.prod(page.chunks), dtype.itemsize)
            tifffile.TIFF.DECOMPRESSORS[page.compression]  # what is not there is refused now
        whole = not mapped and 4 * math.prod(page.chunks) > math.prod(page.shape)
        sizes = _pixel_sizes(tiff)
        file_shape, file_axes = series.shape, series.axes
        color = "S" in file_axes and page.photometric in (
            tifffile.PHOTOMETRIC.RGB,
            tifffile.PHOTOMETRIC.YCBCR,
        )

    kept = [n for n, letter in enumerate(axes) if letter]
    shape = [file_shape[n] for n in kept]
    letters = "".join(axes)
    if color:
        shape[letters.index("c")] = min(3, shape[letters.index("c")])

    def read(index: Index) -> NDArray[Any]:
        full: list[int | slice] = [0] * len(file_shape)
        for n, part in zip(kept, index, strict=True):
            full[n] = part
        with _opened(path) as tiff:
            return _read_part(path, _main_series(path, tiff), tuple(full), mapped)

    return StoredArray(
        name=path.name,
        shape=tuple(shape),
        axes=letters,
        dtype=dtype,
        read=read,
        is_color=color,
        whole=whole,
        pixel_size=sizes,
        unit="um" if sizes else "px",
    )


@contextmanager
def _opened(path: Path) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF file; errors of its content become `InputError`."""
    try:
        with tifffile.TiffFile(path) as tiff:
            yield tiff
    except InputError:
        raise
    except MemoryError:
        raise InputError(
            f"'{path}' is too large for the memory: save it as a tiled TIFF or OME-Zarr."
        ) from None
    except Exception as error:  # a parser of damaged files fails in countless ways
        raise InputError(
            f"'{path}' cannot be read as a TIFF image: {error}. Save it again."
        ) from error


def _main_series(path: Path, tiff: tifffile.TiffFile) -> tifffile.TiffPageSeries:
    series = list(tiff.series)
    if not series:
        raise InputError(f"'{path}' holds no image: save it again as TIFF.")
    largest = max(series, key=lambda s: s.size)
    if sum(2 * s.size > largest.size for s in series) > 1:
        raise InputError(
            f"'{path}' holds {len(series)} images of different shape or position: save each as a "
            "file of its own."
        )
    return largest


def _axes(path: Path, series: tifffile.TiffPageSeries) -> list[str]:
    """Return one letter of "tczyx" for each axis of the file; "" for those of extent 1."""
    free = [axis for axis in _STACK_AXES if axis.upper() not in series.axes]
    letters: list[str] = []
    for letter, size in zip(reversed(series.axes), reversed(series.shape), strict=True):
        if size == 1 and letter not in "YX":
            letters.append("")
        elif letter == "S":
            letters.append("c")
        elif letter in "QI" and free:  # pages whose meaning the file does not tell
            letters.append(free.pop(0))
        else:
            letters.append(letter.lower())
    if letters.count("c") > 1:
        raise InputError(
            f"'{path}' has both channels and colors (axes {series.axes}, shape {series.shape}): "
            "split the channels into files of their own."
        )
    return letters[::-1]


def _check_complete(path: Path, series: tifffile.TiffPageSeries) -> None:
    size = path.stat().st_size
    if series.dataoffset is not None:
        complete = series.dataoffset + series.nbytes <= size
    else:
        pages = (series.keyframe, series.pages[-1])
        complete = all(
            start + count <= size
            for page in pages
            if page is not None
            for start, count in zip(page.dataoffsets, page.databytecounts, strict=False)
        )
    if not complete:
        raise InputError(f"'{path}' is cut short: copy it again from where it came.")


def _read_part(
    path: Path, series: tifffile.TiffPageSeries, index: Index, mapped: bool
) -> NDArray[Any]:
    if mapped:
        dtype = np.dtype(series.dtype).newbyteorder(series.keyframe.parent.byteorder)
        array = np.memmap(path, dtype, "r", series.dataoffset or 0, series.shape)
        return np.array(array[index])
    import zarr

    with series.aszarr(level=0) as store:
        part: NDArray[Any] = np.asarray(zarr.open_array(store, mode="r")[index])
        return part


def _pixel_sizes(tiff: tifffile.TiffFile) -> dict[str, float]:
    """Return the size of a pixel along z, y and x in micrometers, where the file says so."""
    if tiff.is_ome and tiff.ome_metadata:
        pixels = ET.fromstring(tiff.ome_metadata).find(".//{*}Pixels")
        found = {} if pixels is None else dict(pixels.attrib)
        names = {axis: f"PhysicalSize{axis.upper()}" for axis in "zyx"}
        return in_micrometers(
            {a: (_number(found.get(n)), found.get(f"{n}Unit", "um")) for a, n in names.items()}
        )
    if tiff.is_imagej and tiff.imagej_metadata:
        unit = str(tiff.imagej_metadata.get("unit", ""))
        tags = tiff.pages.first.tags
        return in_micrometers(
            {
                "z": (_number(tiff.imagej_metadata.get("spacing")), unit),
                "y": (_per_pixel(tags.valueof("YResolution")), unit),
                "x": (_per_pixel(tags.valueof("XResolution")), unit),
            }
        )
    return {}


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return math.nan


def _per_pixel(resolution: tuple[int, int] | None) -> float:
    """Turn pixels per unit, as a fraction, into units per pixel."""
    if not resolution or not resolution[0]:
        return math.nan
    return resolution[1] / resolution[0]


FORMAT = ImageFormat("TIFF", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), open_tiff)
