"""Boxes in a table: ``image,class,ymin,xmin,ymax,xmax[,score]``, one box a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from napari_synthseg.core.boxes import Boxes, Corners
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.boxes.base import (
    BoxFormat,
    ListedBox,
    ListedImage,
    NamedBoxes,
    SizeOf,
    make_box,
)
from napari_synthseg.io.naming import same_form
from napari_synthseg.io.sniffing import SniffedFile
from napari_synthseg.io.tables import Columns, read_header, read_rows, to_number, write_rows

CORNERS = ("ymin", "xmin", "ymax", "xmax")


def read_box_table(path: Path, *, scored: bool = False) -> tuple[ListedImage, ...]:
    """Read boxes from a table, by image in the order in which they come.

    Parameters
    ----------
    path
        Columns as above, in any order; others are let through. Corners as in `Boxes`. A row with
        only an image says that it holds no object.
    scored
        Whether each box must have a score.

    Raises
    ------
    InputError
        At the first row that makes no sense; the message names it.
    """
    required = ("image", "class", *(("score",) if scored else ()), *CORNERS)
    columns = Columns(required, numbers=frozenset((*CORNERS, "score")), others=True)
    if "zmin" in read_header(path):
        raise InputError(f"{path.name}, row 1: boxes in volumes (zmin) are not read, only planes.")
    first: dict[str, str] = {}
    boxes: dict[str, list[ListedBox]] = {}
    for where, cells in read_rows(path, columns):
        if not cells["image"]:
            raise InputError(f"{where}: the box has no image.")
        first.setdefault(cells["image"], where)
        mine = boxes.setdefault(cells["image"], [])
        if any(cells[name] for name in required[1:]):
            ymin, xmin, ymax, xmax = (to_number(where, name, cells[name]) for name in CORNERS)
            corners: Corners = (ymin, xmin, ymax, xmax)
            score = to_number(where, "score", cells["score"], "number") if scored else 1.0
            mine.append(make_box(where, cells["class"], corners, score))
    return tuple(ListedImage(first[name], name, tuple(mine)) for name, mine in boxes.items())


@dataclass(eq=False)
class BoxTable:
    """Boxes by file stem of their image.

    Attributes
    ----------
    names
        File stem -> name of the image as the table has it; also of images without a box.
    boxes
        File stem -> boxes of the image, where it has any.
    """

    names: dict[str, str] = field(default_factory=dict)
    boxes: dict[str, tuple[ListedBox, ...]] = field(default_factory=dict)

    @property
    def classes(self) -> set[str]:
        """Names of the classes that occur."""
        return {box.cls for boxes in self.boxes.values() for box in boxes}

    def of_image(self, stem: str, values: Mapping[str, int]) -> Boxes:
        """Return the boxes of one image; `values` gives the value of each class name."""
        boxes = self.boxes.get(stem, ())
        return Boxes.of(
            [box.corners for box in boxes],
            [values[box.cls] for box in boxes] or 1,
            [box.score for box in boxes] or 1.0,
        )


def read_boxes(path: Path, *, scored: bool) -> BoxTable:
    """Read boxes from a table; see `read_box_table`.

    Raises
    ------
    InputError
        At the first row that cannot be meant, and where two images have one stem.
    """
    table = BoxTable()
    for image in read_box_table(path, scored=scored):
        stem = same_form(Path(image.name).stem)
        if stem in table.names:
            raise InputError(
                f"{image.where}: '{image.name}' and '{table.names[stem]}' have the same stem: "
                "rename one of them."
            )
        if flat := next((box for box in image.boxes if not box.has_area), None):
            raise InputError(f"{flat.where}: the box has no area: delete it there.")
        table.names[stem] = image.name
        if image.boxes:
            table.boxes[stem] = image.boxes
    return table


class TableFormat(BoxFormat):
    """A table that any spreadsheet reads."""

    name = "csv"
    title = "table image,class,ymin,xmin,ymax,xmax"

    def recognizes(self, path: Path) -> bool:
        """Return whether it is a table with a column ymin."""
        return path.is_file() and "ymin" in SniffedFile(path).header

    def read(self, path: Path, size_of: SizeOf) -> tuple[ListedImage, ...]:
        """Read it; see `read_box_table`."""
        return read_box_table(path)

    def write(self, out: Path, images: Sequence[NamedBoxes], classes: Mapping[int, str]) -> None:
        """Write one row per box, and one with only the image where it has none."""
        rows: list[tuple[object, ...]] = []
        for image in images:
            rows += [
                (image.name, classes[value], *corners) for *corners, value in image.boxes.rows()
            ] or [(image.name, "", "", "", "", "")]
        write_rows(out, ("image", "class", *CORNERS), rows)
