"""Boxes as COCO has them: one JSON file, corner, width and height, counted from 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_synthseg.core.boxes import Corners
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.boxes.base import (
    LEFT_OUTLINES,
    OUTLINED,
    TURNED,
    BoxFormat,
    KeyPoint,
    ListedBox,
    ListedImage,
    NamedBoxes,
    SizeOf,
    make_box,
    turn_box,
)
from napari_synthseg.io.coco_tables import CocoAnnotation, CocoTables, is_coco, write_coco
from napari_synthseg.io.sniffing import SniffedFile
from napari_synthseg.io.tables import to_number
from napari_synthseg.io.text import read_json


class CocoFormat(BoxFormat):
    """COCO for detection.

    Regions marked as crowds are no objects. An annotation without a box gets the one round its
    outline, and is a point where it has nothing but key points.
    """

    name = "coco"
    title = "COCO JSON"

    def recognizes(self, path: Path) -> bool:
        """Return whether it is JSON with annotations, or with results, as COCO has them."""
        whole = SniffedFile(path).json
        if isinstance(whole, list):
            return bool(whole) and isinstance(whole[0], dict) and "image_id" in whole[0]
        return is_coco(whole)

    def read(self, path: Path, size_of: SizeOf) -> tuple[ListedImage, ...]:
        """Read a file; see `BoxFormat.read`."""
        tables = CocoTables.of(path.name, read_json(path))
        objects: dict[str, list[ListedBox | KeyPoint]] = {ident: [] for ident in tables.images}
        crowds: dict[str, list[str]] = {ident: [] for ident in tables.images}
        notes: dict[str, set[str]] = {ident: set() for ident in tables.images}
        for each in tables.annotations:
            if each.is_crowd:
                crowds[each.image].append(each.cls)
                continue
            found, told = _objects(each)
            objects[each.image] += found
            notes[each.image].update(told)
        names = tables.categories
        twice = sorted({name for name in names if names.count(name) > 1})
        shared = [f"several categories are named '{name}', and are one class" for name in twice]
        return tuple(
            ListedImage(
                image.where,
                image.name,
                tuple(each for each in objects[ident] if isinstance(each, ListedBox)),
                image.size,
                points=tuple(each for each in objects[ident] if isinstance(each, KeyPoint)),
                crowds=tuple(crowds[ident]),
                notes=(*shared, *sorted(notes[ident])),
            )
            for ident, image in tables.images.items()
        )

    def write(self, out: Path, images: Sequence[NamedBoxes], classes: Mapping[int, str]) -> None:
        """Write one file; categories have the class values as ids."""
        nothing_more: dict[str, Any] = {}
        objects = (
            (number, (ymin, xmin, ymax, xmax), value, nothing_more)
            for number, image in enumerate(images)
            for ymin, xmin, ymax, xmax, value in image.boxes.rows()
        )
        write_coco(out, [(image.name, image.shape) for image in images], objects, classes)


def _objects(found: CocoAnnotation) -> tuple[list[ListedBox | KeyPoint], list[str]]:
    """Return the box of an annotation, or the points where it has key points and no area; notes."""
    where, cls, annotation = found.where, found.cls, found.row
    corners = found.corners()
    notes = []
    if corners is None or not _has_area(corners):
        outline = _outline(where, annotation.get("segmentation"))
        if outline is not None and _has_area(outline):
            corners = outline
            notes.append(OUTLINED)
    elif annotation.get("segmentation"):
        notes.append(LEFT_OUTLINES)
    if corners is not None and _has_area(corners):
        angle = _angle(annotation)
        notes += [TURNED] if angle else []
        return [make_box(where, cls, turn_box(corners, angle))], notes
    if points := found.marked_points():
        return [KeyPoint(where, cls, point) for point in points], notes
    if corners is None:
        raise InputError(
            f"{where}: it has no 'bbox', no polygon and no marked key point: import its masks by "
            "--instance."
        )
    return [make_box(where, cls, corners)], notes


def _has_area(corners: Corners) -> bool:
    ymin, xmin, ymax, xmax = corners
    return ymax > ymin and xmax > xmin


def _outline(where: str, segmentation: Any) -> Corners | None:
    """Return the box round polygons (lists of x, y, or one flat list) or run lengths."""
    if isinstance(segmentation, dict) and isinstance(segmentation.get("counts"), list):
        return _box_of_runs(where, segmentation)
    if not isinstance(segmentation, list) or not segmentation:
        return None
    rings = segmentation if isinstance(segmentation[0], list) else [segmentation]
    flat = [number for ring in rings if isinstance(ring, list) for number in ring]
    values = [to_number(where, "segmentation", str(number)) for number in flat]
    if len(values) < 6 or len(values) % 2:
        return None
    xs, ys = values[::2], values[1::2]
    return min(ys), min(xs), max(ys), max(xs)


def _box_of_runs(where: str, segmentation: dict[str, Any]) -> Corners | None:
    """Return the box round the pixels of runs, which go down one column after the other."""
    try:
        height, width = (int(side) for side in segmentation["size"])
        ends = np.cumsum(np.array(segmentation["counts"], np.int64))
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InputError(f"{where}: its run lengths cannot be read: export polygons.") from None
    starts, stops = ends[:-1:2], ends[1::2]
    starts = starts[: len(stops)]
    used = stops > starts
    starts, stops = starts[used], stops[used]
    if not len(starts) or height < 1 or stops[-1] > height * width:
        return None
    columns, last = starts // height, (stops - 1) // height
    whole = columns != last  # a run that goes on in the next column holds its top and bottom
    top = np.where(whole, 0, starts % height).min()
    bottom = np.where(whole, height - 1, (stops - 1) % height).max()
    return float(top), float(columns.min()), float(bottom) + 1, float(last.max()) + 1


def _angle(annotation: Mapping[str, Any]) -> float:
    """Return by how many degrees a box is turned about its middle, as CVAT says it."""
    attributes = annotation.get("attributes")
    angle = attributes.get("rotation") if isinstance(attributes, dict) else None
    return float(angle) % 360 if isinstance(angle, int | float) else 0.0
