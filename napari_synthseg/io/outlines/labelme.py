"""Outlines of labelme: a JSON file for each image, counted from the corner of the first pixel."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import numpy as np

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.outlines.areas import (
    Area,
    EllipseArea,
    JoinedArea,
    MaskArea,
    PolygonArea,
    rectangle,
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
    image_size,
    make_points,
)
from napari_synthseg.io.sniffing import SniffedFile

POINTS_OF = {
    "rectangle": 2,
    "circle": 2,
    "mask": 2,
    "oriented_rectangle": 4,
    "rotation": 4,
    "point": 1,
}
"""Kind of shape -> number of its points; "rotation" is what X-AnyLabeling calls a turned one."""


class LabelmeFormat(OutlineFormat):
    """labelme. Shapes of one label and one group are one object."""

    name = "labelme"
    title = "labelme JSON"

    def recognizes(self, file: SniffedFile) -> bool:
        """Return whether it has shapes and the name of an image."""
        return isinstance(file.json, dict) and {"shapes", "imagePath"} <= file.json.keys()

    def read(self, file: SniffedFile, size_of: SizeOf) -> tuple[OutlinedImage, ...]:
        """Read all shapes; see `OutlineFormat.read`."""
        whole, name = file.json, file.path.name
        shapes = whole["shapes"]
        if not isinstance(shapes, list) or not all(isinstance(each, dict) for each in shapes):
            raise InputError(f"{name}: 'shapes' is no list of shapes: save it in labelme again.")
        found: dict[Hashable, Found] = {}
        for number, shape in enumerate(shapes, start=1):
            each = _read(f"{name}, shape {number}", shape)
            group = shape.get("group_id")
            key = number if group is None else (str(shape.get("label")), str(group))
            first = found.get(key)
            if isinstance(first, ListedOutline) and isinstance(each, ListedOutline):
                found[key] = replace(first, area=JoinedArea((first.area, each.area)), is_box=False)
            else:
                found[number if key in found else key] = each
        image = str(whole["imagePath"] or "").strip()
        size = image_size(name, whole.get("imageHeight"), whole.get("imageWidth"))
        return (OutlinedImage.of(name, image or None, found.values(), size),)


def _read(where: str, shape: dict[str, Any]) -> Found:
    kind = str(shape.get("shape_type") or "polygon")
    cls = str(shape.get("label") or "").strip()
    points = make_points(where, shape.get("points"))
    if len(points) != POINTS_OF.get(kind, len(points)):
        raise InputError(
            f"{where}: a {kind} has {POINTS_OF[kind]} points there, not {len(points)}: delete it "
            "there."
        )
    if kind == "point":
        return ListedPoint(where, cls, center_of_pixel(points[0].tolist()))
    if kind in ("line", "linestrip"):
        return LeftOut("line(s)", cls)
    if kind not in ("polygon", *POINTS_OF):
        return LeftOut("shape(s) of unknown kinds", cls)
    area = _area(where, kind, points, shape.get("mask"))
    return ListedOutline(where, cls, area, kind == "rectangle") if area else LeftOut(NO_AREA)


def _area(where: str, kind: str, points: Any, mask: Any) -> Area | None:
    if kind == "mask":
        origin = (round(points[:, 0].min()), round(points[:, 1].min()))
        return MaskArea(_decode(where, mask), origin)
    if kind == "circle":
        radius = math.hypot(*(points[1] - points[0]))
        y, x = points[0].tolist()
        return EllipseArea((y, x), (radius, radius)) if radius > 0 else None
    if kind == "rectangle":
        (ymin, xmin), (ymax, xmax) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        return rectangle((ymin, xmin, ymax, xmax)) if ymax > ymin and xmax > xmin else None
    return PolygonArea(((points,),)) if len(points) > 2 else None


def _decode(where: str, mask: Any) -> Any:
    """Return a mask from a PNG in base64."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(base64.b64decode(str(mask))), formats=("PNG",)) as picture:
            return np.asarray(picture.convert("L")) > 0
    except (
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
    ) as error:
        raise InputError(f"{where}: its mask cannot be read ({error}): draw it again.") from None
