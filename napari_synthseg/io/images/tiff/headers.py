"""What TIFF files of microscopes and programs say of the size of a pixel, each in its own header.

Most programs leave the tags of a print resolution at a default, so that these are asked last.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

import tifffile

from napari_synthseg.io.images.lengths import in_micrometers, lost_lengths

PRINT_DPI = (72, 75, 90, 96, 100, 120, 144, 150, 180, 200, 220, 240, 250, 300, 350, 360, 400, 600)
"""Dots per inch that programs write where they know nothing of the size of a pixel."""

ZEISS_WIDTH_PX = 1024
"""Width of the image to which the Zeiss header's size of a pixel refers, whatever the image's."""

OLYMPUS_PAGES = 8
"""First pages that are searched for the Olympus header; a file may have thousands."""

Lengths = Mapping[str, tuple[float, str]]
"""Axis letter -> length and unit."""

_Reader = Callable[[tifffile.TiffFile, tifffile.TiffPage], Lengths]


@dataclass(frozen=True)
class Header:
    """What a header says.

    Attributes
    ----------
    pixel_size
        Axis letter -> size of a pixel in micrometers.
    notes
        What could not be understood, as in `StoredArray`.
    image_rows
        Rows above the information bar.
    """

    pixel_size: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    image_rows: int | None = None


def read_header(tiff: tifffile.TiffFile, number: int = 0) -> Header:
    """Return what the first header says that knows the size of a pixel, and any information bar.

    `number` is that of the image in the file.
    """
    page = tiff.series[number].keyframe
    rows = _image_rows(tiff, page)
    headers: tuple[_Reader, ...] = (partial(_ome, number=number), *_HEADERS)
    for read in headers:
        try:
            lengths = read(tiff, page)
        except (ValueError, TypeError, LookupError, AttributeError, ET.ParseError):
            continue  # what is written there says nothing
        sizes = in_micrometers(lengths)
        if sizes or lost_lengths(lengths):
            return Header(sizes, lost_lengths(lengths), rows)
    dpi, is_print = _print_resolution(page)
    if is_print:
        note = f"its {dpi:g} dots per inch are a print resolution, not taken as a pixel size"
        return Header(notes=(note,), image_rows=rows)
    return Header(in_micrometers(_resolution(page)), image_rows=rows)


def _ome(tiff: tifffile.TiffFile, page: tifffile.TiffPage, number: int) -> Lengths:
    if not (tiff.is_ome and tiff.ome_metadata):
        return {}
    names = {axis: f"PhysicalSize{axis.upper()}" for axis in "zyx"}
    said = [
        {a: (pixels.get(n, ""), pixels.get(f"{n}Unit", "um")) for a, n in names.items()}
        for pixels in ET.fromstring(tiff.ome_metadata).iterfind("{*}Image/{*}Pixels")
    ]
    if len(said) != len(tiff.series):  # some have no pixels in the file: which, is not told
        said = [said[0]] * len(tiff.series) if all(each == said[0] for each in said) else []
    return {axis: (_number(length), unit) for axis, (length, unit) in said[number].items()}


def _imagej(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> Lengths:
    if not (tiff.is_imagej and tiff.imagej_metadata):
        return {}
    unit = str(tiff.imagej_metadata.get("unit", ""))
    spacing = _number(tiff.imagej_metadata.get("spacing"))
    if not unit:  # inches and centimeters stand in the tags alone
        given = _resolution(page)
        return {**given, "z": (spacing, given["x"][1])} if given and spacing > 0 else given
    return {
        "z": (spacing, unit),
        "y": (_per_pixel(page, "YResolution"), unit),
        "x": (_per_pixel(page, "XResolution"), unit),
    }


def _fei(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> Lengths:
    header = tiff.fei_metadata or {}
    image = header.get("Image", {})
    for name in ("Scan", "EScan", "IScan"):
        scan = header.get(name, {})
        if _number(scan.get("PixelWidth")) > 0:
            return {"y": (_number(scan.get("PixelHeight")), "m"), "x": (scan["PixelWidth"], "m")}
    for name in ("EBeam", "IBeam", "IRBeam"):  # width and height of the field of view
        beam = header.get(name, {})
        width = _number(beam.get("HFW")) / _number(image.get("ResolutionX"))
        height = _number(beam.get("VFW")) / _number(image.get("ResolutionY"))
        if width > 0 and height > 0:
            return {"y": (height, "m"), "x": (width, "m")}
    return {}


def _zeiss_sem(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> Lengths:
    header = tiff.sem_metadata or {}
    given = header.get("ap_image_pixel_size", ())
    if len(given) == 3 and _number(given[1]) > 0:
        return {"y": (given[1], given[2]), "x": (given[1], given[2])}
    unnamed = header.get("", ())
    if len(unnamed) > 3 and _number(unnamed[3]) > 0:  # in meters
        size = _number(unnamed[3]) * ZEISS_WIDTH_PX / page.imagewidth
        return {"y": (size, "m"), "x": (size, "m")}
    given = header.get("ap_pixel_size", ())
    if len(given) == 3:
        size = _number(given[1]) * ZEISS_WIDTH_PX / page.imagewidth
        return {"y": (size, given[2]), "x": (size, given[2])}
    return {}


def _olympus(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> Lengths:
    # the header stands with one of the first pages, not always the very first
    for each in (page, *islice(tiff.pages, OLYMPUS_PAGES)):
        for code in (33560, 33471):
            header = each.tags.valueof(code) if isinstance(each, tifffile.TiffPage) else None
            if isinstance(header, dict) and "pixelsizex" in header:
                return {"y": (header["pixelsizey"], "m"), "x": (header["pixelsizex"], "m")}
    return {}


def _slide(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> Lengths:
    if not page.is_svs:
        return {}
    size = _number(tifffile.tifffile.svs_description_metadata(page.description).get("MPP"))
    return {"y": (size, "um"), "x": (size, "um")}


def _lsm(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> Lengths:
    header = (tiff.lsm_metadata or {}) if tiff.is_lsm else {}
    return {a: (_number(header.get(f"VoxelSize{a.upper()}")), "m") for a in "zyx"}


def _metamorph(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> Lengths:
    header = (tiff.stk_metadata or {}) if tiff.is_stk else {}
    unit = str(header.get("CalibrationUnits", ""))
    return {a: (_number(header.get(f"{a.upper()}Calibration")), unit) for a in "yx"}


def _tvips(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> Lengths:
    header = (tiff.tvips_metadata or {}) if tiff.is_tvips else {}
    return {a: (_number(header.get(f"PixelSize{a.upper()}")), "nm") for a in "yx"}


def _gatan(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> Lengths:
    codes = {"x": (65009, 65003), "y": (65010, 65004), "z": (65011, 65005)}
    return {
        axis: (_number(page.tags.valueof(size)), str(page.tags.valueof(unit)))
        for axis, (size, unit) in codes.items()
        if size in page.tags and unit in page.tags
    }


def _resolution(page: tifffile.TiffPage) -> Lengths:
    unit = {2: "inch", 3: "cm"}.get(int(page.tags.valueof("ResolutionUnit", 2) or 0))
    if unit is None or "XResolution" not in page.tags:
        return {}
    return {
        "y": (_per_pixel(page, "YResolution"), unit),
        "x": (_per_pixel(page, "XResolution"), unit),
    }


def _print_resolution(page: tifffile.TiffPage) -> tuple[float, bool]:
    """Return the dots per inch, and whether they say nothing of the size of a pixel."""
    micrometers = in_micrometers(_resolution(page)).get("x", math.nan)
    dpi = 25_400 / micrometers
    return round(dpi, 1), any(abs(dpi - known) < 0.01 * known for known in PRINT_DPI) or dpi < 10


_HEADERS: tuple[_Reader, ...] = (
    _imagej, _fei, _zeiss_sem, _olympus, _slide, _lsm, _metamorph, _tvips, _gatan,
)  # fmt: skip


def _image_rows(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> int | None:
    """Return where the image of an electron microscope ends above its information bar."""
    rows: Any = None
    if tiff.is_fei:
        rows = (tiff.fei_metadata or {}).get("Image", {}).get("ResolutionY")
    elif tiff.is_sem:
        store = str((tiff.sem_metadata or {}).get("dp_image_store", ("", ""))[1])
        rows = store.rpartition("*")[2].strip()
    number = _number(rows)
    return int(number) if 0 < number < page.imagelength else None


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return math.nan


def _per_pixel(page: tifffile.TiffPage, tag: str) -> float:
    """Turn pixels per unit, as a fraction, into units per pixel."""
    resolution = page.tags.valueof(tag)
    if not resolution or not resolution[0]:
        return math.nan
    return float(resolution[1] / resolution[0])
