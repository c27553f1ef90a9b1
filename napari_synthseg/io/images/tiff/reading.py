"""TIFF files: plain, tiled, ImageJ, OME and of microscopes; read by region where they allow it."""

from __future__ import annotations

import math
import struct
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.images import tables
from napari_synthseg.io.images.axes import fill_axes
from napari_synthseg.io.images.stored_array import (
    ImageFormat,
    Index,
    StoredArray,
    check_budget,
    choose_series,
    gone,
)
from napari_synthseg.io.images.tiff.headers import read_header

_NODATA_TAG, _ORIENTATION_TAG = 42113, 274

Convert = Callable[[NDArray[Any]], NDArray[Any]]


@dataclass(frozen=True)
class _Samples:
    """What the numbers of a pixel stand for.

    Attributes
    ----------
    channels
        How many channels there are, without alpha.
    is_color
        They are red, green and blue.
    convert
        What makes them of the numbers in the file, which it gets with all of a pixel's samples
        along the last axis; None where they are the numbers themselves.
    adds_axis
        That adds the axis of colors, as a palette does.
    dtype
        The type of what it makes, where that is another.
    notes
        As in `StoredArray`.
    """

    channels: int
    is_color: bool = False
    convert: Convert | None = None
    adds_axis: bool = False
    dtype: np.dtype[Any] | None = None
    notes: tuple[str, ...] = ()


def open_tiff(
    path: Path, as_ids: bool = False, number: int | None = None, as_stored: bool = False
) -> StoredArray:
    """Open an image in a TIFF file: the largest, unless others are about as large.

    What the file says of its numbers holds: colors are looked up in a palette, white as zero is
    inverted, alpha is left out. With `as_ids` numbers stay as they are, but for masks of one bit;
    with `as_stored` all do, and a fourth sample beside colors alone is left out.

    Raises
    ------
    InputError
        If it is damaged, compressed in a way that cannot be read here, lacks a part, or holds
        several images of about equal size and `number` does not choose one.
    """
    with _opened(path) as tiff:
        _check_pages(path, tiff)
        _check_parts(path, tiff)
        chosen = _choose(path, tiff, number)
        series = tiff.series[chosen]
        page = series.keyframe
        axes, unnamed = _axes(series)
        dtype = np.dtype(series.dtype)
        _check_complete(path, tiff, series)
        mapped = series.dataoffset is not None and page.parent is tiff
        if not mapped:
            check_budget(path.name, math.prod(page.chunks), dtype.itemsize)
            tifffile.TIFF.DECOMPRESSORS[page.compression]  # what is not there is refused now
        _check_claim(path, tiff, series)
        whole = not mapped and 4 * math.prod(page.chunks) > math.prod(page.shape)
        header = read_header(tiff, chosen)
        samples = _stored_samples(page) if as_stored else _samples(page, dtype, as_ids)
        file_shape, file_axes = series.shape, series.axes
        others = _other_images(tiff, chosen) if number is None else ()
        notes = [*header.notes, *samples.notes, *others]
        turned = int(page.tags.valueof(_ORIENTATION_TAG, 1) or 1)
        if turned != 1:
            notes.append(
                f"its orientation tag ({turned}) is not followed, as in Fiji, QuPath and napari"
            )
        nodata = page.tags.valueof(_NODATA_TAG)
        titles = tuple(_title(s) for s in tiff.series) if len(tiff.series) > 1 else ()

    if samples.is_color and not samples.adds_axis and "S" not in file_axes:
        samples = _Samples(1)  # planes that were written as if they were colors
    if "S" in file_axes and samples.channels < 2:  # alpha beside one channel
        axes[file_axes.index("S")] = ""
    kept = [n for n, letter in enumerate(axes) if letter]
    shape = [file_shape[n] for n in kept]
    letters = "".join(axes)
    if letters.count("c") + samples.adds_axis > 1:
        raise InputError(
            f"'{path}' has both channels and colors (axes {file_axes}, shape {file_shape}): "
            "split the channels into files of their own."
        )
    if "S" in file_axes and samples.channels > 1:
        shape[letters.index("c")] = samples.channels
    if samples.adds_axis:
        letters, shape = f"{letters}c", [*shape, samples.channels]

    def read(index: Index) -> NDArray[Any]:
        full: list[int | slice] = [0] * len(file_shape)
        for n, part in zip(kept, index, strict=False):
            full[n] = part
        if samples.convert is None:
            return _read_part(path, chosen, tuple(full), mapped)
        if "S" not in file_axes:
            array = samples.convert(_read_part(path, chosen, tuple(full), mapped))
            return array[..., index[-1]] if samples.adds_axis else array
        place = file_axes.index("S")
        wanted, full[place] = full[place], slice(None)
        before = sum(isinstance(part, slice) for part in full[:place])
        array = _read_part(path, chosen, tuple(full), mapped)
        array = samples.convert(np.moveaxis(array, before, -1))[..., wanted]
        return np.moveaxis(array, -1, before) if isinstance(wanted, slice) else array

    return StoredArray(
        name=path.name,
        shape=tuple(shape),
        axes=letters,
        dtype=samples.dtype or dtype,
        read=read,
        is_color=samples.is_color,
        whole=whole,
        pixel_size=header.pixel_size,
        unit="um" if header.pixel_size else "px",
        unnamed=unnamed,
        fill=_as_number(nodata),
        image_rows=header.image_rows,
        series=titles,
        notes=tuple(notes),
    )


MAX_EXPANSION = 50_000
"""No compression makes a file so many times smaller than its pixels."""


@contextmanager
def _opened(path: Path) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF file; errors of its content become `InputError`."""
    try:
        with tifffile.TiffFile(path) as tiff:
            yield tiff
    except InputError:
        raise
    except FileNotFoundError:
        raise gone(path) from None
    except MemoryError:
        raise InputError(
            f"'{path}' is too large for the memory: save it as a tiled TIFF or OME-Zarr."
        ) from None
    except Exception as error:  # a parser of damaged files fails in countless ways
        raise InputError(
            f"'{path}' cannot be read as a TIFF image: {error}. Save it again."
        ) from error


# --- which image, and whether all of it is there ---------------------------------------------


def _choose(path: Path, tiff: tifffile.TiffFile, number: int | None) -> int:
    series = list(tiff.series)
    if not series:
        raise InputError(f"'{path}' holds no image: save it again as TIFF.")
    largest = max(range(len(series)), key=lambda n: series[n].size)
    alike = sum(2 * s.size > series[largest].size for s in series)
    if number is None and alike == 1:
        return largest
    return choose_series(path, [_title(s) for s in series], number)


def _title(series: tifffile.TiffPageSeries) -> str:
    size = " x ".join(f"{n}" for n in series.shape)
    return f"'{series.name}', {series.axes} {size}" if series.name else f"{series.axes} {size}"


def _other_images(tiff: tifffile.TiffFile, chosen: int) -> Iterator[str]:
    count = len(tiff.series) - 1
    if count and all(2 * s.size <= tiff.series[chosen].size for s in tiff.series[:chosen]):
        yield f"{count} smaller image(s) in it, such as previews, are left out"


def _check_pages(path: Path, tiff: tifffile.TiffFile) -> None:
    """Refuse a list of pages that runs in a circle, which would be followed for ever."""
    form, file = tiff.tiff, tiff.filehandle
    try:
        offset = tiff.pages.first.offset
    except IndexError:  # no page at all, which is told where an image is chosen
        return
    seen: set[int] = set()
    while 0 < offset < file.size:
        if offset in seen:
            raise InputError(f"'{path}' is damaged: its list of pages runs in a circle.")
        seen.add(offset)
        file.seek(offset)
        head = file.read(form.tagnosize)
        if len(head) < form.tagnosize:
            return
        (tags,) = struct.unpack(form.tagnoformat, head)
        file.seek(offset + form.tagnosize + tags * form.tagsize)
        following = file.read(form.offsetsize)
        if len(following) < form.offsetsize:
            return
        (offset,) = struct.unpack(form.offsetformat, following)


def _check_parts(path: Path, tiff: tifffile.TiffFile) -> None:
    """Refuse a file of several whose other files are gone: they would be read as zeros."""
    if not (tiff.is_ome and tiff.ome_metadata):
        return
    if "<!DOCTYPE" in tiff.ome_metadata or "<!ENTITY" in tiff.ome_metadata:
        raise InputError(f"'{path}' declares entities in its OME metadata, which is not read.")
    root = ET.fromstring(tiff.ome_metadata)
    for part in root.iter():
        name = part.get("FileName", "")
        if not part.tag.endswith("UUID") or not name or part.text in (None, root.get("UUID")):
            continue
        if ".." in PurePosixPath(name).parts or "\\" in name or name.startswith("/"):
            raise InputError(f"'{path}' names '{name}' as a part, which lies outside its folder.")
        if name != path.name and not (path.parent / name).is_file():
            if root.get("UUID") is None and _names_itself_alone(root):
                return  # renamed after it was written
            raise InputError(
                f"'{path}' is one file of several, and '{name}' is missing beside it: put it back, "
                "or save the image as one file."
            )


def _names_itself_alone(root: ET.Element) -> bool:
    return len({part.text for part in root.iter() if part.tag.endswith("UUID")}) == 1


def _check_claim(path: Path, tiff: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> None:
    """Refuse a file that claims more pixels than it can hold; the parts of OME are other files."""
    size = path.stat().st_size
    if not tiff.is_ome and series.nbytes > MAX_EXPANSION * size:
        raise InputError(
            f"'{path}' is damaged: it claims {series.nbytes >> 20} MB of pixels and has {size} "
            "bytes. Copy it again from where it came."
        )


def _check_complete(path: Path, tiff: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> None:
    size = path.stat().st_size
    if tiff.is_ome and any(page is None for page in series.pages):
        absent = sum(page is None for page in series.pages)
        raise InputError(
            f"'{path}' lacks {absent} of {len(series.pages)} planes that it names: export it again."
        )
    if series.dataoffset is not None:
        complete = series.dataoffset + series.nbytes <= size
    else:
        pages = (series.keyframe, series.pages[-1])
        complete = all(
            start + count <= size
            for page in pages
            if page is not None and page.parent is tiff
            for start, count in zip(page.dataoffsets, page.databytecounts, strict=False)
        )
    if not complete:
        raise InputError(f"'{path}' is cut short: copy it again from where it came.")


# --- what its axes and numbers mean ----------------------------------------------------------


def _axes(series: tifffile.TiffPageSeries) -> tuple[list[str], str]:
    """Return a letter for each axis, "" for extent 1, and which of them the file does not name."""
    kept = [
        n
        for n, (letter, size) in enumerate(zip(series.axes, series.shape, strict=True))
        if size > 1 or letter in "YX"
    ]
    named = [_letter(series.axes[n]) for n in kept]
    filled = fill_axes(named, [series.shape[n] for n in kept])
    letters = [""] * len(series.axes)
    for n, letter in zip(kept, filled, strict=True):
        letters[n] = letter
    guessed = (letter for letter, name in zip(filled, named, strict=True) if not name)
    return letters, "".join(guessed)


def _letter(axis: str) -> str:
    """Return the letter of an axis that the file names, else ''; samples are channels."""
    return {"S": "c", "Q": "", "I": ""}.get(axis, axis.lower())


def _stored_samples(page: tifffile.TiffPage) -> _Samples:
    """Return what `_samples` does, of numbers that are taken as they are stored."""
    count = page.samplesperpixel
    is_color = page.photometric in (tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.YCBCR)
    return _Samples(min(3, count) if is_color else count, is_color)


def _samples(page: tifffile.TiffPage, dtype: np.dtype[Any], as_ids: bool) -> _Samples:
    count, extra = page.samplesperpixel, page.extrasamples
    alpha = sum(sample != 0 for sample in extra)  # 0: not said what it is
    match page.photometric:
        case tifffile.PHOTOMETRIC.RGB | tifffile.PHOTOMETRIC.YCBCR if count >= 3:
            others = len(extra) - alpha
            note = f"{others} more sample(s) of each pixel beside its colors are left out"
            return _Samples(3, True, notes=(note,) if others and count > 4 else ())
        case tifffile.PHOTOMETRIC.SEPARATED if count == 4 and dtype.kind == "u" and not as_ids:
            return _Samples(3, True, tables.from_inks)
        case tifffile.PHOTOMETRIC.MINISWHITE if dtype.kind == "b" or (
            dtype.kind == "u" and not as_ids
        ):
            bits = page.bitspersample
            note = "white is zero in it: it is turned round, so that bright is high"
            return _Samples(
                count - alpha,
                convert=lambda array: tables.inverted(array, bits),
                notes=() if as_ids else (note,),
            )
        case tifffile.PHOTOMETRIC.PALETTE if not as_ids and page.colormap is not None:
            table = np.asarray(page.colormap).T
            return _palette((table >> 8 if table.max() > 255 else table).astype(np.uint8), page)
    return _Samples(count - alpha)


def _palette(table: NDArray[np.uint8], page: tifffile.TiffPage) -> _Samples:
    """Return what indices into a color table stand for; those of ImageJ are always gray values."""
    kind = "scale" if page.is_imagej else tables.table_kind(table)
    if kind == "colors":
        return _Samples(3, True, lambda indices: tables.look_up(table, indices), True, table.dtype)
    if kind == "gray" and not tables.is_ascending(table):
        gray = table[:, 0]
        return _Samples(1, convert=lambda indices: tables.look_up(gray, indices), dtype=gray.dtype)
    return _Samples(1)


def _read_part(path: Path, number: int, index: Index, mapped: bool) -> NDArray[Any]:
    """Return a part of an image of the file as it is stored."""
    with _opened(path) as tiff:
        series = tiff.series[number]
        if mapped:
            dtype = np.dtype(series.dtype).newbyteorder(tiff.byteorder)
            array = np.memmap(path, dtype, "r", series.dataoffset or 0, series.shape)
            return np.array(array[index])
        import zarr

        with series.aszarr(level=0) as store:
            part: NDArray[Any] = np.asarray(zarr.open_array(store, mode="r")[index])
            return part


def _as_number(text: object) -> float | None:
    """Return a declared fill value; None where there is none."""
    try:
        return float(str(text).strip("\0 "))
    except ValueError:
        return None


FORMAT = ImageFormat(
    "TIFF", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), open_tiff, partial(open_tiff, as_stored=True)
)
