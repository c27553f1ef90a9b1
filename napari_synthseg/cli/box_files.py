"""Tables of boxes, true and predicted: one box a row, found by image."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError

CORNERS = ("ymin", "xmin", "ymax", "xmax")


@dataclass(eq=False)
class BoxTable:
    """Boxes by file stem of their image.

    Attributes
    ----------
    names
        File stem -> name of the image as the table has it; also of images without a box.
    boxes
        File stem -> class name, corners (ymin, xmin, ymax, xmax) and score of each box.
    """

    names: dict[str, str] = field(default_factory=dict)
    boxes: dict[str, list[tuple[str, tuple[float, ...], float]]] = field(default_factory=dict)

    @property
    def classes(self) -> set[str]:
        """Names of the classes that occur."""
        return {name for rows in self.boxes.values() for name, _, _ in rows}

    def of_image(self, stem: str, values: Mapping[str, int]) -> Boxes:
        """Return the boxes of one image; `values` gives the value of each class name."""
        rows = self.boxes.get(stem, [])
        return Boxes.of(
            [corners for _, corners, _ in rows],
            [values[name] for name, _, _ in rows] or 1,
            [score for _, _, score in rows] or 1.0,
        )


def read_boxes(path: Path, *, scored: bool) -> BoxTable:
    """Read boxes from a CSV table.

    Parameters
    ----------
    path
        Columns image, class, ymin, xmin, ymax, xmax, in any order, and score if `scored`; others
        are ignored. Half-open, pixels. A row with only an image says that it holds no object.
    scored
        Whether each box must have a score.

    Raises
    ------
    InputError
        At the first row that cannot be meant; the message names it.
    """
    needed = ("image", "class", *(("score",) if scored else ()), *CORNERS)
    table = BoxTable()
    for where, row in _rows(path, needed):
        stem = Path(row["image"]).stem
        if table.names.setdefault(stem, row["image"]) != row["image"]:
            raise InputError(
                f"{where}: '{row['image']}' and '{table.names[stem]}' have the same stem: rename "
                "one of them."
            )
        if not any(row[name] for name in needed[1:]):
            continue
        if not row["class"]:
            raise InputError(f"{where}: the box has no class.")
        corners = tuple(_number(where, row, name) for name in CORNERS)
        if corners[2] <= corners[0] or corners[3] <= corners[1]:
            raise InputError(f"{where}: the box has no area: ymax > ymin and xmax > xmin.")
        score = _number(where, row, "score") if scored else 1.0
        table.boxes.setdefault(stem, []).append((row["class"], corners, score))
    return table


def _rows(path: Path, needed: Iterable[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield where each row is, for messages, and its cells by column name."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a UTF-8 text: save it as 'CSV UTF-8'.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    header = lines[0] if lines else ""
    reader = csv.reader(lines, delimiter=max(",;\t", key=header.count))
    columns = [name.strip().lower() for name in next(reader, [])]
    if missing := [name for name in needed if name not in columns]:
        raise InputError(
            f"{path}, row 1: column '{missing[0]}' is missing; needed are {','.join(needed)}."
        )
    if "zmin" in columns:
        raise InputError(f"{path}, row 1: boxes in volumes (zmin) cannot be scored, only planes.")
    for cells in reader:
        where = f"{path}, row {reader.line_num}"
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(columns):
            raise InputError(
                f"{where}: {len(cells)} values where the header names {len(columns)} columns."
            )
        row = dict(zip(columns, (cell.strip() for cell in cells), strict=True))
        if not row["image"]:
            raise InputError(f"{where}: the box has no image.")
        yield where, row


def _number(where: str, row: Mapping[str, str], column: str) -> float:
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: {column} is '{row[column]}', which is not a number.")
    return value
