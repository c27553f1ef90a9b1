"""Clicks from a table: ``image,class,y,x[,z]``, one object a row.

Such tables come from spreadsheets and other programs, so spelling is forgiven (byte-order mark,
semicolons, tabs, decimal commas, blanks) and sense is not: whatever cannot be meant stops the
import, with the file, the row and the remedy, before anything is added.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import contains, full_region
from napari_synthseg.core.project import Click, ImageRef, Project

REQUIRED = ("image", "class", "y", "x")
KNOWN = (*REQUIRED, "z")
HEADER = "image,class,y,x[,z]"

Row = tuple[str, Mapping[str, str]]
"""Where a row is, for messages, and its cells by column name."""


def read_clicks(
    path: Path, project: Project, shape_of: Callable[[ImageRef], tuple[int, ...]]
) -> tuple[Click, ...]:
    """Read the clicks of a table, each checked against the project.

    Parameters
    ----------
    path
        The table, UTF-8. `image` holds a file name with its extension, `class` a class name;
        positions are in pixels of the whole image, pixel centers at whole numbers. `z` is the
        position on a volume, or the plane of a stack that is used plane by plane.
    project
        Gives the images and classes that may be named.
    shape_of
        Returns the spatial shape ([z,] y, x) of an image, in pixels.

    Raises
    ------
    InputError
        At the first row that cannot be meant: unknown image or class, a position that is no
        number or lies outside the image, an object that is listed twice.
    """
    clicks: list[Click] = []
    seen: dict[tuple[str, tuple[float, ...]], str] = {}
    for where, cells in _rows(path):
        click = _click(where, cells, project, shape_of)
        key = (click.image, click.position)
        if key in seen:
            raise InputError(f"{where}: this object is listed twice, first in {seen[key]}.")
        seen[key] = where.rpartition(", ")[2]
        clicks.append(click)
    if not clicks:
        raise InputError(f"{path.name}: there is no click in this file, only a header.")
    return tuple(clicks)


def _rows(path: Path) -> Iterator[Row]:
    """Yield the rows that hold anything, as cells by column name."""
    lines = _text(path).splitlines()
    header = lines[0] if lines else ""
    delimiter = max(";\t,", key=header.count)
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        columns = _columns(path, next(reader, []))
        for values in reader:
            where = f"{path.name}, row {reader.line_num}"
            cells = [value.strip() for value in values]
            if not any(cells):
                continue
            if len(cells) != len(columns):
                raise InputError(
                    f"{where}: {len(cells)} values where the header names {len(columns)} columns."
                )
            if delimiter == ";":  # programs that separate by semicolons may write 1,5 for 1.5
                cells = [
                    value.replace(",", ".") if name in "zyx" else value
                    for name, value in zip(columns, cells, strict=True)
                ]
            yield where, dict(zip(columns, cells, strict=True))
    except csv.Error as error:
        raise InputError(f"{path.name}, row {reader.line_num}: {error}.") from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path.name} is not a UTF-8 text: save it as 'CSV UTF-8'.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None


def _columns(path: Path, header: list[str]) -> list[str]:
    columns = [name.strip().lower() for name in header]
    if missing := [name for name in REQUIRED if name not in columns]:
        raise InputError(
            f"{path.name}, row 1: column '{missing[0]}' is missing; the header must be {HEADER}."
        )
    for name in columns:
        if name not in KNOWN:
            raise InputError(
                f"{path.name}, row 1: column '{name}' is not known; the header must be {HEADER}."
            )
        if columns.count(name) > 1:
            raise InputError(f"{path.name}, row 1: column '{name}' is there twice.")
    return columns


def _click(
    where: str,
    cells: Mapping[str, str],
    project: Project,
    shape_of: Callable[[ImageRef], tuple[int, ...]],
) -> Click:
    z = _number(where, cells, "z") if cells.get("z") else None
    plane = (_number(where, cells, "y"), _number(where, cells, "x"))
    cls = next((c for c in project.classes if c.name == cells["class"]), None)
    if cls is None:
        known = ", ".join(c.name for c in project.classes) or "none yet"
        raise InputError(
            f"{where}: class '{cells['class']}' is not in the project (classes: {known})."
        )
    candidates = _images_named(where, cells["image"], project, z)
    for image in candidates:
        position = (z, *plane) if image.ndim == 3 and z is not None else plane
        if image.ndim == len(position) and contains(
            image.region or full_region(shape_of(image)), position
        ):
            return Click(image=image.id, position=position, cls=cls.value)
    raise InputError(f"{where}: {_why_outside(candidates, plane, z, shape_of)}")


def _number(where: str, cells: Mapping[str, str], column: str) -> float:
    text = cells[column]
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: {column} is '{text}', which is not a number of pixels.")
    return value


def _images_named(where: str, name: str, project: Project, z: float | None) -> list[ImageRef]:
    """Return the images a row may mean: several where one file is used by regions or planes."""
    found = [i for i in project.images if name in (i.name, PurePosixPath(i.uri).name)]
    if not found:
        names = sorted({i.name for i in project.images})
        listed = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise InputError(
            f"{where}: image '{name}' is not in the project (images: {listed or 'none yet'}); "
            "write the file name with its extension."
        )
    if len({i.uri for i in found}) > 1:
        raise InputError(
            f"{where}: several images of the project are named '{name}': rename the files."
        )
    planes = [i for i in found if "z" in i.plane]
    if planes and len(planes) == len(found) and len(found) > 1:
        if z is None:
            raise InputError(f"{where}: '{name}' is a stack: give the plane in a column z.")
        found = [i for i in planes if i.plane["z"] == z]
        if not found:
            raise InputError(f"{where}: z is {z:g}, but stack '{name}' has no such plane.")
    return found


def _why_outside(
    candidates: list[ImageRef],
    plane: tuple[float, float],
    z: float | None,
    shape_of: Callable[[ImageRef], tuple[int, ...]],
) -> str:
    image = candidates[0]
    if image.ndim == 3 and z is None:
        return f"'{image.name}' is a volume: give the position along z in a column z."
    bounds = image.region or full_region(shape_of(image))
    inside = ", ".join(
        f"{axis} {start} to {stop - 1}"
        for axis, (start, stop) in zip("zyx"[-len(bounds) :], bounds, strict=True)
    )
    at = (z, *plane) if image.ndim == 3 and z is not None else plane
    named = ", ".join(f"{p:g}" for p in at)
    return (
        f"the click at ({named}) lies outside image '{image.name}' ({inside}): check that the "
        "columns y and x are not swapped."
    )
