"""Clicks in tables: our own, ``image,class,y,x[,z]``, one click a row, and those of napari.

The class of negative clicks is `NEGATIVE_NAME`.

napari writes a points layer as ``index,axis-0,axis-1,...``; it names neither image nor class.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from napari_synthseg.core.annotations import NEGATIVE_NAME, NOT_AN_OBJECT, Click, ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import contains, full_region
from napari_synthseg.core.project import Project
from napari_synthseg.io.naming import ImageNames, ShapeOf, find_class, unique_names
from napari_synthseg.io.tables import Columns, read_header, read_rows, to_number, write_rows

COLUMNS = Columns(("image", "class", "y", "x"), ("z",), frozenset("zyx"))

AXIS = re.compile(r"axis-\d+")

Position = tuple[float | None, float, float]
"""z, if there is one, y and x."""

ClickRow = tuple[str, Sequence[ImageRef], str, Position]
"""Where a row is, for messages, the images and the class that it names, and the position."""


def read_clicks(path: Path, project: Project, shape_of: ShapeOf) -> tuple[Click, ...]:
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
        At the first row that makes no sense: unknown image or class, a position that is no
        number or lies outside the image, an object that is listed twice.
    """
    names = ImageNames(project.images)

    def rows() -> Iterator[ClickRow]:
        for where, cells in read_rows(path, COLUMNS):
            z = to_number(where, "z", cells["z"]) if cells.get("z") else None
            y, x = (to_number(where, axis, cells[axis]) for axis in "yx")
            yield where, names.find(where, cells["image"], z), cells["class"], (z, y, x)

    return _place_clicks(path, rows(), project, shape_of)


def is_points_table(header: list[str]) -> bool:
    """Return whether a table with these columns is of a points layer, not of shapes."""
    return "axis-0" in header and "vertex-index" not in header


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
        Class of the points. A column "class" gives it for each; else needed where the project has
        several.

    Raises
    ------
    InputError
        At the first row that makes no sense, or where image or class are not clear.
    """
    axes = sorted(name for name in read_header(path) if AXIS.fullmatch(name))
    if len(axes) not in (2, 3):
        raise InputError(f"{path.name}, row 1: points have 2 or 3 axes here, not {len(axes)}.")
    columns = Columns(tuple(axes), numbers=frozenset(axes), others=True)
    name = image or _only(path, "--image", {i.name for i in project.images})
    names = ImageNames(project.images)

    def rows() -> Iterator[ClickRow]:
        for where, cells in read_rows(path, columns):
            *above, y, x = (to_number(where, axis, cells[axis]) for axis in axes)
            cls = cells.get("class") or class_name
            cls = cls or _only(path, "--class", {c.name for c in project.classes})
            z = above[0] if above else None
            images = names.find(where, name, None if z is None else round(z))
            yield where, images, cls, (z, y, x)

    return _place_clicks(path, rows(), project, shape_of)


def _only(path: Path, option: str, names: set[str]) -> str:
    if len(names) != 1:
        what = option.removeprefix("--")
        raise InputError(
            f"{path.name}: a points layer names no {what}, and the project has {len(names)} "
            f"({', '.join(sorted(names)[:5])}): say which by {option}."
        )
    return next(iter(names))


def write_clicks(path: Path, project: Project) -> None:
    """Write all clicks of a project, the negative ones last.

    Images are named as `unique_names` says, planes of stacks as ``cells_z3.tif``; only volumes
    need the column `z`.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    names = unique_names(project.images)
    known = {i.id: name for i, name in zip(project.images, names, strict=True)}
    classes = project.click_names
    clicks = (*project.clicks, *project.negatives)
    deep = any(len(c.position) == 3 for c in clicks)
    rows = [
        (
            known[c.image],
            classes[c.cls],
            *c.position[-2:],
            *(("" if len(c.position) == 2 else c.position[0],) if deep else ()),
        )
        for c in clicks
    ]
    write_rows(path, (*COLUMNS.required, *(("z",) if deep else ())), rows)


def _place_clicks(
    path: Path, rows: Iterable[ClickRow], project: Project, shape_of: ShapeOf
) -> tuple[Click, ...]:
    """Return a click on the image, or the region of an image, that each row means.

    Raises
    ------
    InputError
        If a row makes no sense, two are of one position, or there is none.
    """
    clicks: list[Click] = []
    seen: dict[tuple[str, tuple[float, ...]], str] = {}
    for where, images, cls, position in rows:
        negative = cls.strip() == NEGATIVE_NAME
        value = NOT_AN_OBJECT if negative else find_class(where, cls, project.classes)
        click = _place_click(where, images, position, value, shape_of)
        key = (click.image, click.position)
        if key in seen:
            raise InputError(f"{where}: this place is listed twice, first in {seen[key]}.")
        seen[key] = where.rpartition(", ")[2]
        clicks.append(click)
    if not clicks:
        raise InputError(f"{path.name}: there is no click in this file, only a header.")
    return tuple(clicks)


def _place_click(
    where: str, images: Sequence[ImageRef], position: Position, cls: int, shape_of: ShapeOf
) -> Click:
    """Return a click on the first of `images` that holds a position."""
    for image in images:
        at = tuple(p for p in position if p is not None) if image.ndim == 3 else position[1:]
        bounds = image.region or full_region(shape_of(image))
        if len(at) == image.ndim and contains(bounds, at):
            return Click(image=image.id, position=at, cls=cls)
    raise InputError(f"{where}: {_why_outside(images[0], position, shape_of)}")


def _why_outside(image: ImageRef, position: Position, shape_of: ShapeOf) -> str:
    if image.ndim == 3 and position[0] is None:
        return f"'{image.name}' is a volume: give the position along z in a column z."
    bounds = image.region or full_region(shape_of(image))
    inside = ", ".join(
        f"{axis} {start} to {stop - 1}"
        for axis, (start, stop) in zip("zyx"[-len(bounds) :], bounds, strict=True)
    )
    named = ", ".join(f"{p:g}" for p in position[-image.ndim :])
    return (
        f"the click at ({named}) lies outside image '{image.name}' ({inside}): check that the "
        "columns y and x are not swapped."
    )
