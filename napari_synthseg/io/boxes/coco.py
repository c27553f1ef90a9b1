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
from napari_synthseg.io.coco_tables import CocoTables
from napari_synthseg.io.tables import to_number
from napari_synthseg.io.text import read_json


class CocoFormat(BoxFormat):
    """COCO for detection. Regions marked as crowds are no objects, and left out."""

    name = "coco"
    title = "COCO JSON"

    def recognizes(self, path: Path) -> bool:
        """Return whether it is a JSON file."""
        return path.is_file() and path.suffix.lower() == ".json"

    def read(self, path: Path, size_of: SizeOf) -> tuple[ListedImage, ...]:
        """Read a file; see `BoxFormat.read`."""
        tables = CocoTables.of(path.name, read_json(path))
        boxes: dict[str, list[ListedBox]] = {ident: [] for ident in tables.images}
        for each in tables.annotations:
            if not each.is_crowd:
                boxes[each.image].append(_box(each.where, each.cls, each.row.get("bbox")))
        return tuple(
            ListedImage(image.where, image.name, tuple(boxes[ident]), image.size)
            for ident, image in tables.images.items()
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


def _box(where: str, cls: str, numbers: Any) -> ListedBox:
    if numbers is None:
        raise InputError(f"{where}: it has no 'bbox'.")
    if not isinstance(numbers, list) or len(numbers) != 4:
        raise InputError(f"{where}: 'bbox' must be four numbers: x, y, width and height.")
    x, y, width, height = (to_number(where, "bbox", str(number)) for number in numbers)
    return make_box(where, cls, (y, x, y + height, x + width))
