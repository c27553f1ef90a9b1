"""Boxes in a table: ``image,class,ymin,xmin,ymax,xmax[,score]``, one box a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from napari_synthseg.core.boxes import Corners
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.boxes.base import (
    BoxFormat,
    ListedBox,
    ListedImage,
    NamedBoxes,
    SizeOf,
    make_box,
)
from napari_synthseg.io.tables import Columns, read_header, read_rows, to_number, write_rows

CORNERS = ("ymin", "xmin", "ymax", "xmax")
SUFFIXES = (".csv", ".tsv", ".txt")


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


class TableFormat(BoxFormat):
    """A table that any spreadsheet reads."""

    name = "csv"
    title = "table image,class,ymin,xmin,ymax,xmax"

    def recognizes(self, path: Path) -> bool:
        """Return whether it is a table with a column ymin."""
        named = path.is_file() and path.suffix.lower() in SUFFIXES
        return named and "ymin" in read_header(path)

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
