"""Clicks from the table that napari writes of a points layer: ``index,axis-0,axis-1,...``."""

from __future__ import annotations

import re
from pathlib import Path

from napari_synthseg.core.annotations import Click
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import Project
from napari_synthseg.io.clicks_csv import ShapeOf, place_click, without_doubles
from napari_synthseg.io.naming import ImageNames, find_class
from napari_synthseg.io.tables import Columns, read_header, read_rows, to_number

AXIS = re.compile(r"axis-\d+")


def is_points_table(header: list[str]) -> bool:
    """Return whether a table with these columns is of a points layer."""
    return "axis-0" in header


def read_points(
    path: Path,
    project: Project,
    shape_of: ShapeOf,
    *,
    image: str | None = None,
    class_name: str | None = None,
) -> tuple[Click, ...]:
    """Read the points of a layer as clicks.

    Parameters
    ----------
    path
        The table. The last two axes are y and x, one before them is z: the position in a volume,
        or the plane of a stack.
    project
        Gives the images and classes.
    shape_of
        Returns the spatial shape of a whole image, pixels.
    image
        File name of the image that was clicked; needed where the project has several.
    class_name
        Class of the points. A column "class" tells it of each; else needed where the project has
        several.

    Raises
    ------
    InputError
        At the first row that cannot be meant, or where image or class are not clear.
    """
    axes = sorted(name for name in read_header(path) if AXIS.fullmatch(name))
    if len(axes) not in (2, 3):
        raise InputError(f"{path.name}, row 1: points have 2 or 3 axes here, not {len(axes)}.")
    columns = Columns(tuple(axes), (), frozenset(axes), "index,axis-0,axis-1", others=True)
    names = ImageNames(project.images)
    name = image or _only(path, "--image", {i.name for i in project.images})
    placed = []
    for where, cells in read_rows(path, columns):
        *above, y, x = (to_number(where, axis, cells[axis]) for axis in axes)
        z = above[0] if above else None
        cls = cells.get("class") or class_name
        cls = cls or _only(path, "--class", {c.name for c in project.classes})
        refs = names.find(where, name, None if z is None else round(z))
        value = find_class(where, cls, project.classes)
        placed.append((where, place_click(where, refs, (z, y, x), value, shape_of)))
    return without_doubles(path, placed)


def _only(path: Path, option: str, names: set[str]) -> str:
    if len(names) != 1:
        what = option.removeprefix("--")
        raise InputError(
            f"{path.name}: a points layer names no {what}, and the project has {len(names)} "
            f"({', '.join(sorted(names)[:5])}): say which by {option}."
        )
    return next(iter(names))
