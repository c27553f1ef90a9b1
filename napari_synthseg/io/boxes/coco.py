"""Boxes as COCO has them: one JSON file, corner, width and height, counted from 0."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.atomic import write_text
from napari_synthseg.io.boxes.base import (
    BoxFormat,
    ListedBox,
    ListedImage,
    NamedBoxes,
    SizeOf,
    make_box,
)
from napari_synthseg.io.tables import to_number
from napari_synthseg.io.text import read_json

TABLES = ("images", "annotations", "categories")


class CocoFormat(BoxFormat):
    """COCO for detection. Regions marked as crowds are no objects, and left out."""

    name = "coco"
    title = "COCO JSON"

    def recognizes(self, path: Path) -> bool:
        """Return whether it is a JSON file."""
        return path.is_file() and path.suffix.lower() == ".json"

    def read(self, path: Path, size_of: SizeOf) -> tuple[ListedImage, ...]:
        """Read a file; see `BoxFormat.read`."""
        tables = _tables(path)
        names = {
            _field(f"{path.name}, category {n}", category, "id"): str(
                _field(f"{path.name}, category {n}", category, "name")
            ).strip()
            for n, category in enumerate(tables["categories"], start=1)
        }
        images: dict[Any, tuple[str, str, tuple[int, int] | None]] = {}
        for number, image in enumerate(tables["images"], start=1):
            where = f"{path.name}, image {number}"
            name = str(_field(where, image, "file_name"))
            images[_field(where, image, "id")] = (where, name, _size(where, image))
        boxes: dict[Any, list[ListedBox]] = {ident: [] for ident in images}
        for number, annotation in enumerate(tables["annotations"], start=1):
            where = f"{path.name}, annotation {number}"
            image = _known(where, annotation, "image_id", images)
            cls = names[_known(where, annotation, "category_id", names)]
            if not annotation.get("iscrowd"):
                boxes[image].append(_box(where, cls, _field(where, annotation, "bbox")))
        return tuple(
            ListedImage(where, name, tuple(boxes[ident]), size)
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
    tables = {name: whole.get(name) if isinstance(whole, dict) else None for name in TABLES}
    for name, rows in tables.items():
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InputError(
                f"{path.name}: it has no list '{name}', as a COCO file for detection does: export "
                "the boxes as COCO."
            )
    return tables  # type: ignore[return-value]  # every value was just seen to be such a list


def _field(where: str, row: dict[str, Any], name: str) -> Any:
    value = row.get(name)
    if value is None or (name != "bbox" and isinstance(value, list | dict)):
        raise InputError(f"{where}: it has no '{name}'.")
    return value


def _known(where: str, row: dict[str, Any], name: str, known: Mapping[Any, Any]) -> Any:
    ident = _field(where, row, name)
    if ident not in known:
        raise InputError(f"{where}: there is no {name.removesuffix('_id')} with the id {ident}.")
    return ident


def _box(where: str, cls: str, numbers: Any) -> ListedBox:
    if not isinstance(numbers, list) or len(numbers) != 4:
        raise InputError(f"{where}: 'bbox' must be four numbers: x, y, width and height.")
    x, y, width, height = (to_number(where, "bbox", str(number)) for number in numbers)
    return make_box(where, cls, (y, x, y + height, x + width))


def _size(where: str, image: dict[str, Any]) -> tuple[int, int] | None:
    sides = [to_number(where, s, str(image.get(s) or 0)) for s in ("height", "width")]
    return (int(sides[0]), int(sides[1])) if min(sides) > 0 else None
