"""The tables of a COCO file: images, categories, and annotations that belong to one of each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_synthseg.core.boxes import Corners
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.atomic import write_text
from napari_synthseg.io.tables import to_number

TABLES = ("images", "annotations", "categories")


@dataclass(frozen=True)
class CocoImage:
    """An image: its place for messages, its file name, and height and width if the file says."""

    where: str
    name: str
    size: tuple[int, int] | None


@dataclass(frozen=True)
class CocoAnnotation:
    """An annotation: its place for messages, the key of its image, its class, and all it says."""

    where: str
    image: str
    cls: str
    row: Mapping[str, Any]

    @property
    def is_crowd(self) -> bool:
        """Whether it is of several objects at once."""
        return str(self.row.get("iscrowd", 0)).lower() in ("1", "true")

    def corners(self) -> Corners | None:
        """Return its box, however it lies, which COCO writes as x, y, width, height.

        Raises
        ------
        InputError
            If it is there, and not four numbers.
        """
        numbers = self.row.get("bbox")
        if numbers is None or numbers == []:
            return None
        if not isinstance(numbers, list) or len(numbers) != 4:
            raise InputError(f"{self.where}: 'bbox' must be four numbers: x, y, width and height.")
        x, y, width, height = (to_number(self.where, "bbox", str(number)) for number in numbers)
        return y, x, y + height, x + width

    def marked_points(self) -> list[tuple[float, float]]:
        """Return the key points that are marked (y, x), pixel centers at whole numbers.

        COCO counts them from the corner of the first pixel, whole ones too.

        Raises
        ------
        InputError
            If they are no list x, y, v, x, y, v, ... of numbers.
        """
        numbers = self.row.get("keypoints") or []
        if not isinstance(numbers, list) or len(numbers) % 3:
            raise InputError(f"{self.where}: its key points are no list x, y, v, x, y, v, ... .")
        values = [to_number(self.where, "keypoints", str(number)) for number in numbers]
        triples = zip(values[::3], values[1::3], values[2::3], strict=True)
        return [(y - 0.5, x - 0.5) for x, y, seen in triples if seen > 0]


def write_coco(
    path: Path,
    images: Sequence[tuple[str, tuple[int, int]]],
    objects: Iterable[tuple[int, Corners, int, Mapping[str, Any]]],
    classes: Mapping[int, str],
) -> None:
    """Write a file; categories have the class values as ids.

    Parameters
    ----------
    path
        Where to.
    images
        Name and shape (y, x) of each.
    objects
        Of each object the index of its image, its box, its class value, and what else is said of
        it. Its area is that of its box unless that says another.
    classes
        Class value -> name.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    annotations = [
        {
            "id": ident,
            "image_id": image + 1,
            "category_id": value,
            "bbox": [xmin, ymin, xmax - xmin, ymax - ymin],
            "area": (xmax - xmin) * (ymax - ymin),
            "iscrowd": 0,
            **more,
        }
        for ident, (image, (ymin, xmin, ymax, xmax), value, more) in enumerate(objects, start=1)
    ]
    whole = {
        "images": [
            {"id": n, "file_name": name, "height": shape[0], "width": shape[1]}
            for n, (name, shape) in enumerate(images, start=1)
        ],
        "annotations": annotations,
        "categories": [{"id": value, "name": name} for value, name in classes.items()],
    }
    write_text(path, json.dumps(whole))


@dataclass(frozen=True)
class CocoTables:
    """All of a file: images by their ids, annotations, and the names of its categories.

    Ids are compared as texts: some programs write 3 here and "3" or 3.0 there.
    """

    images: Mapping[str, CocoImage]
    annotations: tuple[CocoAnnotation, ...]
    categories: tuple[str, ...]

    @classmethod
    def of(cls, file_name: str, whole: Any) -> CocoTables:
        """Take a JSON file apart.

        Raises
        ------
        InputError
            If a table is missing, an annotation is of an image or category that is not there, or
            two of these share an id.
        """
        tables = _tables(file_name, whole)
        names: dict[str, str] = {}
        for where, row in _rows(file_name, "category", tables["categories"]):
            name = str(_field(where, row, "name")).strip()
            ident = _id(where, row, "id")
            _check_same(where, ident, names.setdefault(ident, name), name)
        images: dict[str, CocoImage] = {}
        for where, row in _rows(file_name, "image", tables["images"]):
            image = CocoImage(where, str(_field(where, row, "file_name")), _size(where, row))
            ident = _id(where, row, "id")
            _check_same(where, ident, images.setdefault(ident, image).name, image.name)
        annotations = tuple(
            CocoAnnotation(
                where,
                _known(where, row, "image_id", images),
                names[_known(where, row, "category_id", names)],
                row,
            )
            for where, row in _rows(file_name, "annotation", tables["annotations"])
        )
        return cls(images, annotations, tuple(names.values()))


def is_coco(whole: Any) -> bool:
    """Tell whether JSON holds tables of a COCO file."""
    return isinstance(whole, dict) and len([name for name in TABLES if name in whole]) >= 2


def _tables(file_name: str, whole: Any) -> dict[str, list[dict[str, Any]]]:
    if isinstance(whole, list):
        raise InputError(
            f"{file_name}: it is a list of results, which names neither images nor classes: give "
            "the COCO file with 'images', 'annotations' and 'categories'."
        )
    tables = {name: whole.get(name) if isinstance(whole, dict) else None for name in TABLES}
    for name, rows in tables.items():
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InputError(
                f"{file_name}: it has no list '{name}', as a COCO file for detection does: export "
                "the boxes as COCO."
            )
    return tables  # type: ignore[return-value]  # every value was just seen to be such a list


def _rows(
    file_name: str, what: str, rows: list[dict[str, Any]]
) -> list[tuple[str, dict[str, Any]]]:
    return [(f"{file_name}, {what} {n}", row) for n, row in enumerate(rows, start=1)]


def _field(where: str, row: Mapping[str, Any], name: str) -> Any:
    value = row.get(name)
    if value is None or isinstance(value, list | dict):
        raise InputError(f"{where}: it has no '{name}'.")
    return value


def _id(where: str, row: Mapping[str, Any], name: str) -> str:
    ident = _field(where, row, name)
    return str(int(ident)) if isinstance(ident, float) and ident.is_integer() else str(ident)


def _known(where: str, row: Mapping[str, Any], name: str, known: Mapping[str, Any]) -> str:
    ident = _id(where, row, name)
    if ident not in known:
        raise InputError(f"{where}: there is no {name.removesuffix('_id')} with the id {ident}.")
    return ident


def _check_same(where: str, ident: str, first: str, name: str) -> None:
    """Refuse two things of one id: what is of the one could be of the other."""
    if first != name:
        raise InputError(
            f"{where}: '{first}' and '{name}' have the same id {ident}, so that nobody can tell "
            "what is of which: export the file again, or correct the ids."
        )


def _size(where: str, image: Mapping[str, Any]) -> tuple[int, int] | None:
    sides = [to_number(where, s, str(image.get(s) or 0)) for s in ("height", "width")]
    return (int(sides[0]), int(sides[1])) if min(sides) > 0 else None
