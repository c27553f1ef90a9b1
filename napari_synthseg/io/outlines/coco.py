"""Outlines of COCO: polygons, counted from the corner of the first pixel, and masks by runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.coco_tables import CocoAnnotation, CocoTables, is_coco
from napari_synthseg.io.outlines.areas import MaskArea, PolygonArea, rectangle
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
    make_points,
)
from napari_synthseg.io.outlines.run_lengths import mask_of_runs, unpack_coco
from napari_synthseg.io.sniffing import SniffedFile
from napari_synthseg.io.tables import to_number


class CocoOutlines(OutlineFormat):
    """COCO for segmentation. Regions marked as crowds are no objects, and left out."""

    name = "coco-outlines"
    title = "COCO JSON"
    has_boxes = True

    def recognizes(self, file: SniffedFile) -> bool:
        """Return whether it has the tables of COCO."""
        return is_coco(file.json)

    def read(self, file: SniffedFile, size_of: SizeOf) -> tuple[OutlinedImage, ...]:
        """Read all annotations; see `OutlineFormat.read`."""
        tables = CocoTables.of(file.path.name, file.json)
        found: dict[str, list[Found]] = defaultdict(list)
        for each in tables.annotations:
            found[each.image] += _read(each)
        return tuple(
            OutlinedImage.of(image.where, image.name, found[ident], image.size)
            for ident, image in tables.images.items()
        )


def _read(annotation: CocoAnnotation) -> Iterator[Found]:
    where, cls, row = annotation.where, annotation.cls, annotation.row
    if annotation.is_crowd:
        yield LeftOut("crowd(s)", cls)
    elif outline := row.get("segmentation"):
        area = _mask(where, outline) if isinstance(outline, dict) else _polygons(where, outline)
        yield ListedOutline(where, cls, area) if area else LeftOut(NO_AREA)
    elif row.get("keypoints"):
        points = annotation.marked_points()
        yield from (ListedPoint(where, cls, point) for point in points)
        if not points:
            yield LeftOut("object(s) without a marked key point", cls)
    else:
        yield _box(annotation)


def _polygons(where: str, parts: Any) -> PolygonArea | None:
    """Return all polygons of an object: lists x, y, x, y, ... ."""
    if not isinstance(parts, list):
        raise InputError(f"{where}: its segmentation is neither polygons nor a mask by runs.")
    if not isinstance(parts[0], list):
        parts = [parts]  # some programs write the list of a single one
    rings = []
    for part in parts:
        if not isinstance(part, list) or len(part) % 2:
            raise InputError(f"{where}: a polygon of it is no list x, y, x, y, ... .")
        rings.append(make_points(where, list(zip(part[::2], part[1::2], strict=True))))
    whole = tuple((ring,) for ring in rings if len(ring) > 2)
    return PolygonArea(whole) if whole else None


def _mask(where: str, mask: dict[str, Any]) -> MaskArea | None:
    size, runs = mask.get("size"), mask.get("counts")
    if not isinstance(size, list) or len(size) != 2:
        raise InputError(f"{where}: its mask has no size.")
    height, width = (int(to_number(where, "the size of its mask", str(side))) for side in size)
    if isinstance(runs, str):
        runs = unpack_coco(where, runs)
    if not isinstance(runs, list) or not all(isinstance(run, int) for run in runs):
        raise InputError(f"{where}: its mask is neither a list nor a text of run lengths.")
    area = mask_of_runs(where, runs, (height, width), by_columns=True)
    return area if area.mask.size else None


def _box(annotation: CocoAnnotation) -> Found:
    where, corners = annotation.where, annotation.corners()
    if corners is None:
        raise InputError(f"{where}: it has neither a segmentation nor a 'bbox'.")
    check_places(where, np.array(corners))
    ymin, xmin, ymax, xmax = corners
    if ymax <= ymin or xmax <= xmin:
        return LeftOut(NO_AREA)
    return ListedOutline(where, annotation.cls, rectangle(corners), is_box=True)
