"""Boxes as COCO has them: one JSON file, corner, width and height, counted from 0."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_synthseg.core.boxes import Corners
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.atomic import write_text
from napari_synthseg.io.boxes.base import (
    OUTLINED,
    TURNED,
    BoxFormat,
    ListedBox,
    ListedImage,
    ListedPoint,
    NamedBoxes,
    SizeOf,
    make_box,
    turn_box,
)
from napari_synthseg.io.sniffing import SniffedFile
from napari_synthseg.io.tables import to_number
from napari_synthseg.io.text import read_json

TABLES = ("images", "annotations", "categories")


class CocoFormat(BoxFormat):
    """COCO for detection.

    Regions marked as crowds are no objects. An annotation without a box gets the one round its
    outline, and is a point where it has nothing but keypoints.
    """

    name = "coco"
    title = "COCO JSON"

    def recognizes(self, path: Path) -> bool:
        """Return whether it is JSON with annotations, or with results, as COCO has them."""
        whole = SniffedFile(path).json
        if isinstance(whole, list):
            return bool(whole) and isinstance(whole[0], dict) and "image_id" in whole[0]
        return isinstance(whole, dict) and len([t for t in TABLES if t in whole]) >= 2

    def read(self, path: Path, size_of: SizeOf) -> tuple[ListedImage, ...]:
        """Read a file; see `BoxFormat.read`."""
        tables = _tables(path)
        names: dict[str, str] = {}
        for number, category in enumerate(tables["categories"], start=1):
            where = f"{path.name}, category {number}"
            ident, name = (_field(where, category, key) for key in ("id", "name"))
            names[_key(ident)] = str(name).strip()
        images: dict[str, tuple[str, str, tuple[int, int] | None]] = {}
        for number, image in enumerate(tables["images"], start=1):
            where = f"{path.name}, image {number}"
            name = str(_field(where, image, "file_name"))
            images[_key(_field(where, image, "id"))] = (where, name, _size(where, image))
        objects: dict[str, list[ListedBox | ListedPoint]] = {ident: [] for ident in images}
        crowds: dict[str, list[str]] = {ident: [] for ident in images}
        notes: dict[str, set[str]] = {ident: set() for ident in images}
        for number, annotation in enumerate(tables["annotations"], start=1):
            where = f"{path.name}, annotation {number}"
            ident = _known(where, annotation, "image_id", images)
            cls = names[_known(where, annotation, "category_id", names)]
            if str(annotation.get("iscrowd", 0)).lower() in ("1", "true"):
                crowds[ident].append(cls)
                continue
            found, told = _objects(where, cls, annotation)
            objects[ident] += found
            notes[ident].update(told)
        twice = sorted({name for name in names.values() if list(names.values()).count(name) > 1})
        shared = [f"several categories are named '{name}', and are one class" for name in twice]
        return tuple(
            ListedImage(
                where,
                name,
                tuple(each for each in objects[ident] if isinstance(each, ListedBox)),
                size,
                points=tuple(each for each in objects[ident] if isinstance(each, ListedPoint)),
                crowds=tuple(crowds[ident]),
                notes=(*shared, *sorted(notes[ident])),
            )
            for ident, (where, name, size) in images.items()
        )

    def write(self, out: Path, images: Sequence[NamedBoxes], classes: Mapping[int, str]) -> None:
        """Write one file; categories have the class values as ids."""
        rows = ((n, row) for n, image in enumerate(images, start=1) for row in image.boxes.rows())
        annotations = [
            {
                "id": ident,
                "image_id": number,
                "category_id": value,
                "bbox": [xmin, ymin, xmax - xmin, ymax - ymin],
                "area": (xmax - xmin) * (ymax - ymin),
                "iscrowd": 0,
            }
            for ident, (number, (ymin, xmin, ymax, xmax, value)) in enumerate(rows, start=1)
        ]
        whole = {
            "images": [
                {"id": n, "file_name": i.name, "height": i.shape[0], "width": i.shape[1]}
                for n, i in enumerate(images, start=1)
            ],
            "annotations": annotations,
            "categories": [{"id": value, "name": name} for value, name in classes.items()],
        }
        write_text(out, json.dumps(whole))


def _tables(path: Path) -> dict[str, list[dict[str, Any]]]:
    whole = read_json(path)
    if isinstance(whole, list):
        raise InputError(
            f"{path.name}: it is a list of results, which names neither images nor classes: give "
            "the COCO file with 'images', 'annotations' and 'categories'."
        )
    tables = {name: whole.get(name) if isinstance(whole, dict) else None for name in TABLES}
    for name, rows in tables.items():
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InputError(
                f"{path.name}: it has no list '{name}', as a COCO file for detection does: export "
                "the boxes as COCO."
            )
    return tables  # type: ignore[return-value]  # every value was just seen to be such a list


def _key(ident: Any) -> str:
    """Return an id as ids are compared: some programs write 3 here and "3" or 3.0 there."""
    return str(int(ident)) if isinstance(ident, float) and ident.is_integer() else str(ident)


def _field(where: str, row: dict[str, Any], name: str) -> Any:
    value = row.get(name)
    if value is None or isinstance(value, list | dict):
        raise InputError(f"{where}: it has no '{name}'.")
    return value


def _known(where: str, row: dict[str, Any], name: str, known: Mapping[str, Any]) -> str:
    ident = _field(where, row, name)
    if _key(ident) not in known:
        raise InputError(f"{where}: there is no {name.removesuffix('_id')} with the id {ident}.")
    return _key(ident)


def _objects(
    where: str, cls: str, annotation: dict[str, Any]
) -> tuple[list[ListedBox | ListedPoint], list[str]]:
    """Return the box of an annotation, or the points where it has keypoints and no area; notes."""
    numbers, points = annotation.get("bbox"), _keypoints(where, annotation)
    corners = None if numbers is None or numbers == [] else _corners(where, numbers)
    notes = []
    if corners is None or not _has_area(corners):
        outline = _outline(where, annotation.get("segmentation"))
        if outline is not None and _has_area(outline):
            corners = outline
            notes.append(OUTLINED)
    if corners is not None and _has_area(corners):
        angle = _angle(annotation)
        notes += [TURNED] if angle else []
        return [make_box(where, cls, turn_box(corners, angle))], notes
    if points:
        return [ListedPoint(where, cls, point) for point in points], notes
    if corners is None:
        raise InputError(f"{where}: it has no 'bbox', no outline of numbers and no keypoints.")
    return [make_box(where, cls, corners)], notes


def _has_area(corners: Corners) -> bool:
    ymin, xmin, ymax, xmax = corners
    return ymax > ymin and xmax > xmin


def _corners(where: str, numbers: Any) -> Corners:
    if not isinstance(numbers, list) or len(numbers) != 4:
        raise InputError(f"{where}: 'bbox' must be four numbers: x, y, width and height.")
    x, y, width, height = (to_number(where, "bbox", str(number)) for number in numbers)
    return y, x, y + height, x + width


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


def _keypoints(where: str, annotation: dict[str, Any]) -> list[tuple[float, float]]:
    """Return the keypoints that are marked, y and x; COCO has pixel edges at whole numbers."""
    numbers = annotation.get("keypoints")
    if not isinstance(numbers, list) or len(numbers) % 3:
        return []
    values = [to_number(where, "keypoints", str(number)) for number in numbers]
    triples = zip(values[::3], values[1::3], values[2::3], strict=True)
    return [(y - 0.5, x - 0.5) for x, y, shown in triples if shown > 0]


def _angle(annotation: dict[str, Any]) -> float:
    """Return by how many degrees a box is turned about its middle, as CVAT says it."""
    attributes = annotation.get("attributes")
    angle = attributes.get("rotation") if isinstance(attributes, dict) else None
    return float(angle) % 360 if isinstance(angle, int | float) else 0.0


def _size(where: str, image: dict[str, Any]) -> tuple[int, int] | None:
    sides = [to_number(where, s, str(image.get(s) or 0)) for s in ("height", "width")]
    return (int(sides[0]), int(sides[1])) if min(sides) > 0 else None
