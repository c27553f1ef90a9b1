"""Outlines of CVAT for images: one XML file, counted from the corner of the first pixel."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import numpy as np

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.outlines.areas import (
    Area,
    EllipseArea,
    PolygonArea,
    Ring,
    rectangle,
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
    center_of_pixel,
    check_places,
    image_size,
    make_points,
)
from napari_synthseg.io.outlines.run_lengths import mask_of_runs
from napari_synthseg.io.sniffing import SniffedFile
from napari_synthseg.io.tables import to_number
from napari_synthseg.io.text import read_xml

OTHERS = {
    "polyline": "line(s)",
    "skeleton": "skeleton(s)",
    "cuboid": "cuboid(s)",
    "tag": "tag(s) of whole images",
}


class CvatFormat(OutlineFormat):
    """CVAT for images 1.1. Its masks count pixels along rows."""

    name = "cvat"
    title = "CVAT for images XML"

    def recognizes(self, file: SniffedFile) -> bool:
        """Return whether it is an XML of annotations."""
        return file.xml_root == "annotations"

    def read(self, file: SniffedFile, size_of: SizeOf) -> tuple[OutlinedImage, ...]:
        """Read all images; see `OutlineFormat.read`."""
        root, name = read_xml(file.path), file.path.name
        if root.find("track") is not None:
            raise InputError(
                f"{name}: it holds the tracks of a video: export the task as 'CVAT for images'."
            )
        return tuple(
            _image(f"{name}, image {number}", image)
            for number, image in enumerate(root.iterfind("image"), start=1)
        )


def _image(where: str, image: ET.Element) -> OutlinedImage:
    name = (image.get("name") or "").strip()
    if not name:
        raise InputError(f"{where}: the image has no name.")
    size = image_size(where, image.get("height"), image.get("width"))
    found = (
        each
        for number, shape in enumerate(image, start=1)
        for each in _shape(f"{where}, shape {number}", shape)
    )
    return OutlinedImage.of(where, name, found, size)


def _shape(where: str, shape: ET.Element) -> Iterator[Found]:
    cls = (shape.get("label") or "").strip()
    if shape.tag == "points":
        for point in _points(where, shape):
            yield ListedPoint(where, cls, center_of_pixel(point.tolist()))
    elif shape.tag in ("polygon", "box", "ellipse", "mask"):
        area = _area(where, shape)
        is_box = shape.tag == "box" and not _turn(where, shape)
        yield ListedOutline(where, cls, area, is_box) if area else LeftOut(NO_AREA)
    else:
        what = OTHERS.get(shape.tag, "shape(s) of unknown kinds")
        yield LeftOut(what, None if shape.tag == "tag" else cls)


def _area(where: str, shape: ET.Element) -> Area | None:
    if shape.tag == "polygon":
        ring = _points(where, shape)
        return PolygonArea(((ring,),)) if len(ring) > 2 else None
    if shape.tag == "mask":
        left, top, width, height = (
            int(_number(where, shape, name)) for name in ("left", "top", "width", "height")
        )
        texts = (shape.get("rle") or "").split(",")
        runs = [to_number(where, "a run of its mask", text.strip(), "number") for text in texts]
        return mask_of_runs(where, np.array(runs), (height, width), origin=(top, left))
    if shape.tag == "ellipse":
        cx, cy, rx, ry = (_number(where, shape, name) for name in ("cx", "cy", "rx", "ry"))
        turn = _turn(where, shape)
        return EllipseArea((cy, cx), (ry, rx), turn) if min(rx, ry) > 0 else None
    xmin, ymin, xmax, ymax = (_number(where, shape, n) for n in ("xtl", "ytl", "xbr", "ybr"))
    if xmax <= xmin or ymax <= ymin:
        return None
    if turn := _turn(where, shape):
        middle = ((ymin + ymax) / 2, (xmin + xmax) / 2)
        return turned_rectangle(middle, (ymax - ymin, xmax - xmin), turn)
    return rectangle((ymin, xmin, ymax, xmax))


def _number(where: str, shape: ET.Element, name: str) -> float:
    value = to_number(where, name, shape.get(name) or "")
    check_places(where, np.array([value]))
    return value


def _turn(where: str, shape: ET.Element) -> float:
    return math.radians(to_number(where, "rotation", shape.get("rotation") or "0", "number"))


def _points(where: str, shape: ET.Element) -> Ring:
    pairs = (shape.get("points") or "").split(";")
    return make_points(where, [pair.split(",") for pair in pairs if pair.strip()])
