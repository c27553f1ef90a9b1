"""Regions of interest of ImageJ: one in a file, or all of its ROI manager in a zip archive.

Corners of areas are counted from the corner of the first pixel, points from its center.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.outlines.areas import (
    Area,
    EllipseArea,
    PolygonArea,
    Ring,
    ellipse_vertices,
    rectangle,
    rounded_rectangle,
    turned,
    turned_rectangle,
)
from napari_synthseg.io.outlines.base import (
    NO_AREA,
    Found,
    LeftOut,
    ListedOutline,
    ListedPoint,
    OutlinedImage,
    OutlineFormat,
    SizeOf,
    check_places,
)
from napari_synthseg.io.sniffing import SniffedFile
from napari_synthseg.io.text import MAX_BYTES, read_bytes

if TYPE_CHECKING:
    from roifile import ImagejRoi

MAX_ROIS = 2**20
VERTICES = 72
"""So many does ImageJ give an ellipse that may be turned; an oval is exact."""

RATIO_AT = 52
"""Byte of a ROI at which the ratio of an ellipse's axes is, or the width of a turned rectangle."""


class ImageJFormat(OutlineFormat):
    """ROIs of ImageJ. They name no image.

    Their class is the property ``class``, or ``group 1`` of those in a group; of points that are
    counted apart it is their counter.
    """

    name = "imagej"
    title = "ImageJ ROI (.roi, RoiSet.zip)"

    def recognizes(self, file: SniffedFile) -> bool:
        """Return whether it is a ROI, or an archive that holds one."""
        if file.head.startswith(b"Iout"):
            return True
        if not file.head.startswith(b"PK\x03\x04"):
            return False
        with _open(file) as archive:
            return any(_is_roi(info.filename) for info in archive.infolist())

    def read(self, file: SniffedFile, size_of: SizeOf) -> tuple[OutlinedImage, ...]:
        """Read a ROI, or all of an archive; see `OutlineFormat.read`."""
        name = file.path.name
        found = (
            each
            for roi, data in _members(file)
            for each in _Roi(f"{name}, ROI '{roi}'", roi, data).contents()
        )
        return (OutlinedImage.of(name, None, found),)


def _open(file: SniffedFile) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file.path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(
            f"{file.path.name}: not a zip archive that can be read ({error}): the file may be cut "
            "short."
        ) from None


def _is_roi(name: str) -> bool:
    return name.lower().endswith(".roi") and not name.startswith("__MACOSX")


def _members(file: SniffedFile) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each ROI; an archive that unpacks to too much is refused."""
    if not file.head.startswith(b"PK"):
        yield file.path.stem, read_bytes(file.path)
        return
    with _open(file) as archive:
        listed = [info for info in archive.infolist() if _is_roi(info.filename)]
        if len(listed) > MAX_ROIS or sum(info.file_size for info in listed) > MAX_BYTES:
            raise InputError(
                f"{file.path.name}: its {len(listed)} ROIs take more than {MAX_BYTES >> 20} MB, or "
                f"are more than {MAX_ROIS}: divide it."
            )
        for info in listed:
            name = PurePosixPath(info.filename).stem
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise InputError(  # others are unpacked whole, whatever size they are said to have
                    f"{file.path.name}, ROI '{name}': it is packed in a way that ImageJ does not "
                    "use: save the ROI set again."
                )
            try:
                with archive.open(info) as member:
                    yield name, member.read(info.file_size)  # no more than what was added up
            except (
                zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError,
                NotImplementedError, ValueError,
            ) as error:  # fmt: skip
                raise InputError(
                    f"{file.path.name}, ROI '{name}': it cannot be unpacked ({error}): save the "
                    "ROI set again."
                ) from None


class _Roi:
    """One ROI."""

    def __init__(self, where: str, name: str, data: bytes) -> None:
        from roifile import ImagejRoi

        self.where, self.data = where, data
        try:
            self.roi = ImagejRoi.frombytes(data)
        except Exception as error:  # noqa: BLE001 - whatever the library trips over, the file is bad
            raise InputError(
                f"{where}: not a ROI that can be read ({error}): save it again."
            ) from None
        self.name = self.roi.name or name
        self.cls = self._own_class() or (f"group {self.roi.group}" if self.roi.group > 0 else "")

    def _own_class(self) -> str:
        """Return the class that is written among its properties, as we write it."""
        pairs = (line.partition(":") for line in (self.roi.props or "").splitlines())
        return next((value.strip() for key, _, value in pairs if key.strip() == "class"), "")

    def contents(self) -> Iterator[Found]:
        """Yield the outline, the points, or what else it is."""
        from roifile import ROI_SUBTYPE as SUBTYPE
        from roifile import ROI_TYPE as TYPE

        roi = self.roi
        if roi.subtype in (SUBTYPE.TEXT, SUBTYPE.IMAGE):
            yield LeftOut("text(s) or picture(s)")
        elif roi.roitype == TYPE.POINT:
            yield from self._points()
        elif roi.roitype in (TYPE.LINE, TYPE.FREELINE, TYPE.POLYLINE, TYPE.ANGLE):
            yield LeftOut("line(s)", self.cls)
        elif roi.roitype in (TYPE.RECT, TYPE.OVAL, TYPE.POLYGON, TYPE.FREEHAND, TYPE.TRACED):
            yield from self._outline()
        else:
            yield LeftOut("ROI(s) of an unknown type", self.cls)

    def _points(self) -> Iterator[ListedPoint]:
        roi = self.roi
        places = check_places(self.where, _flipped(roi.coordinates()))
        counters = roi.counters if roi.counters is not None else np.zeros(len(places), int)
        slices = roi.counter_positions
        several = len(np.unique(counters)) > 1
        for number, (y, x) in enumerate(places.tolist()):
            cls = f"counter {counters[number]}" if several else self.cls
            plane = _plane(roi)
            if slices is not None and not plane and slices[number] > 0:
                plane = {"index": int(slices[number]) - 1}
            yield ListedPoint(self.where, cls, (y, x), plane, self.name)

    def _outline(self) -> Iterator[ListedOutline | LeftOut]:
        from roifile import ROI_TYPE as TYPE

        roi = self.roi
        try:
            area = _area(roi, self.data)
            if area is not None:
                check_places(self.where, np.array(area.bounds))
        except InputError:
            raise
        except NotImplementedError:
            yield LeftOut("outline(s) with curves", self.cls)
            return
        except Exception as error:  # noqa: BLE001 - a library of damaged files fails in many ways
            raise InputError(
                f"{self.where}: its outline cannot be read ({error}): save it again."
            ) from None
        if area is None:
            yield LeftOut(NO_AREA)
            return
        is_box = roi.roitype == TYPE.RECT and not roi.composite and not roi.rounded_rect_arc_size
        yield ListedOutline(self.where, self.cls, area, is_box, _plane(roi), self.name)


def _area(roi: ImagejRoi, data: bytes) -> Area | None:
    from roifile import ROI_SUBTYPE as SUBTYPE
    from roifile import ROI_TYPE as TYPE

    if roi.subtype in (SUBTYPE.ELLIPSE, SUBTYPE.ROTATED_RECT):
        start, end = np.array([(roi.y1, roi.x1), (roi.y2, roi.x2)], float)
        (ratio,) = np.frombuffer(data, ">f4", 1, RATIO_AT).tolist()
        length, turn = float(np.hypot(*(end - start))), float(np.arctan2(*(end - start)))
        if roi.subtype == SUBTYPE.ELLIPSE:
            ring = turned(ellipse_vertices((length * ratio / 2, length / 2), VERTICES), turn)
            return PolygonArea(((ring + (start + end) / 2,),))
        return turned_rectangle((start + end) / 2, (ratio, length), turn)
    if roi.roitype in (TYPE.RECT, TYPE.OVAL) and not roi.composite:
        ymin, xmin, height, width = (
            (roi.yd, roi.xd, roi.heightd, roi.widthd)
            if roi.subpixelrect
            else (roi.top, roi.left, roi.bottom - roi.top, roi.right - roi.left)
        )
        corners = (ymin, xmin, ymin + height, xmin + width)
        if min(height, width) <= 0:
            return None
        if roi.roitype == TYPE.OVAL:
            half = (height / 2, width / 2)
            return EllipseArea((ymin + half[0], xmin + half[1]), half)
        if roi.rounded_rect_arc_size > 0:
            return rounded_rectangle(corners, roi.rounded_rect_arc_size / 2)
        return rectangle(corners)
    rings = _rings(roi)  # those of a composite lie beside and in each other: within are holes
    return PolygonArea((rings,)) if rings else None


def _rings(roi: ImagejRoi) -> tuple[Ring, ...]:
    return tuple(_flipped(part) for part in roi.coordinates(multi=True) if len(part) > 2)


def _flipped(points: Any) -> Ring:
    """Return points x, y as y, x."""
    return np.asarray(points, np.float64).reshape(-1, 2)[:, ::-1]


def _plane(roi: ImagejRoi) -> dict[str, int]:
    """Return the plane of a stack, from 0; where ImageJ names no axis, the "index" over all."""
    named = {axis: getattr(roi, f"{axis}_position") - 1 for axis in "zt"}
    if any(index >= 0 for index in named.values()):
        return {axis: index for axis, index in named.items() if index >= 0}
    return {"index": roi.position - 1} if roi.position > 0 else {}
