"""Clicks in tables: our own, ``image,class,y,x[,z][,t]``, one click a row, and those of napari.

The class of negative clicks is `NEGATIVE_NAME`.

napari writes a points layer as ``index,axis-0,axis-1,...``; it names neither image nor class.

Where an image is a stack or a movie, a click belongs to the plane that its z and t say, from 0. On
an image without such an axis they are 0 or left out: what has no place is refused, never dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from napari_synthseg.core.annotations import NEGATIVE_NAME, NOT_AN_OBJECT, Click, ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import Region, full_region
from napari_synthseg.core.project import Project
from napari_synthseg.io.image_parts import ImageParts
from napari_synthseg.io.left_out import AS_WRITTEN, LeftOut, Naming
from napari_synthseg.io.naming import ImageNames, ShapeOf, find_class, plane_name, unique_names
from napari_synthseg.io.planes import choose_plane
from napari_synthseg.io.tables import Columns, read_header, read_rows, to_number, write_rows

COLUMNS = Columns(("image", "class", "y", "x"), ("z", "t"), frozenset("tzyx"))

AXIS = re.compile(r"axis-\d+")


@dataclass(frozen=True)
class ClickRow:
    """A row of a table.

    Attributes
    ----------
    where
        Its place, for messages.
    images
        The images, or regions, planes and times of one, that it names.
    cls
        Name of its class.
    position
        Pixels by axis, "y" and "x", and "z" and "t" where the table says them.
    """

    where: str
    images: Sequence[ImageRef]
    cls: str
    position: Mapping[str, float]


@dataclass
class ReadClicks(LeftOut):
    """Clicks that were read, what was decided in reading, and how many rows were left out."""

    clicks: tuple[Click, ...] = ()
    notes: list[str] = field(default_factory=list)

    def placed(
        self,
        path: Path,
        rows: Sequence[ClickRow],
        project: Project,
        shape_of: ShapeOf,
        names: ImageNames,
    ) -> ReadClicks:
        """Return this with the clicks of the rows that were not left out, see `place_clicks`.

        Raises
        ------
        InputError
            If all were left out, or a row makes no sense.
        """
        if not rows and (self.ignored or self.unknown_images):
            raise InputError(
                f"{path.name}: no row of it is of an image and a class of the project."
            )
        self.clicks = place_clicks(path, rows, project, shape_of)
        self.notes += names.notes()
        return self


def read_clicks(
    path: Path,
    project: Project,
    shape_of: ShapeOf,
    naming: Naming = AS_WRITTEN,
) -> ReadClicks:
    """Read the clicks of a table, each checked against the project.

    Parameters
    ----------
    path
        The table, UTF-8. `image` holds a file name, `class` a class name;
        positions are in pixels of the whole image, pixel centers at whole numbers. `z` is the
        position on a volume, or the plane of a stack that is used plane by plane, `t` the time of a
        movie, both from 0.
    project
        Gives the images and classes that may be named.
    shape_of
        Returns the spatial shape ([z,] y, x) of an image, in pixels.
    naming
        How names in the table are understood.

    Raises
    ------
    InputError
        At the first row that makes no sense: unknown image or class, a position that is no
        number or lies outside the image, an object that is listed twice.
    """
    names = ImageNames(project.images)
    found = ReadClicks()

    def rows() -> Iterator[ClickRow]:
        for where, cells in read_rows(path, COLUMNS):
            position = {a: to_number(where, a, cells[a]) for a in "tzyx" if cells.get(a)}
            position = {a: to_number(where, a, cells[a]) for a in "yx"} | position
            cls = cells["class"]
            if found.ignores(naming, cls):
                continue
            images = found.images_of(naming, names.find, where, cells["image"], all_planes=True)
            if images:
                yield ClickRow(where, images, naming.renamed(cls), position)

    return found.placed(path, list(rows()), project, shape_of, names)


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
    axes: str | None = None,
) -> tuple[tuple[Click, ...], str]:
    """Read the points of a layer as clicks; return also what its axes were taken for.

    Parameters
    ----------
    path
        The table.
    project
        Gives the images and classes.
    shape_of
        Returns the spatial shape of a whole image, pixels.
    image
        File name of the image that was clicked; needed where the project has several.
    class_name
        Class of the points. A column "class" gives it for each; else needed where the project has
        several.
    axes
        A letter of "tczyx" for each axis; None: y and x are the last, those before them the axes
        of the image's file in their order. Channels say nothing of a place.

    Raises
    ------
    InputError
        At the first row that makes no sense, or where image, class or axes are not clear.
    """
    header = sorted(name for name in read_header(path) if AXIS.fullmatch(name))
    columns = Columns(tuple(header), numbers=frozenset(header), others=True)
    name = image or only_name(path, "--image", {i.name for i in project.images})
    images = ImageNames(project.images).find(f"--image {name}", name, all_planes=True)
    letters = _axes_of(path, len(header), images[0], axes)

    def rows() -> Iterator[ClickRow]:
        for where, cells in read_rows(path, columns):
            values = (to_number(where, axis, cells[axis]) for axis in header)
            position = dict(zip(letters, values, strict=True))
            position.pop("c", None)
            cls = cells.get("class") or class_name
            cls = cls or only_name(path, "--class", {c.name for c in project.classes})
            yield ClickRow(where, images, cls, position)

    clicks = place_clicks(path, rows(), project, shape_of)
    words = ", ".join(f"axis-{n} is {letter}" for n, letter in enumerate(letters))
    told = f"{words}: give --axes where that is wrong" if len(letters) > 2 else ""
    return clicks, told


def _axes_of(path: Path, count: int, image: ImageRef, axes: str | None) -> str:
    """Return a letter for each axis of points on an image."""
    if axes is not None:
        letters = axes.lower()
        if len(letters) != count or len(set(letters)) != count or not {*"yx"} <= {*letters}:
            raise InputError(
                f"--axes {axes}: {path.name} has {count} axes: give one letter of t, c, z, y and x "
                "for each, y and x among them."
            )
        if unknown := set(letters) - set("tczyx"):
            raise InputError(f"--axes {axes}: '{min(unknown)}' is none of t, c, z, y and x.")
        return letters
    before = [a for a in image.axes if a in "tcz"]
    stacked = [a for a in before if a != "c"]
    if count == 2:
        return "yx"
    for known in (stacked, before, [] if before else ["z"], [] if before else ["t", "z"]):
        if len(known) == count - 2:
            return "".join(known) + "yx"
    has = ", ".join((*before, "y", "x"))
    raise InputError(
        f"{path.name}, row 1: points have {count} axes, but image '{image.name}' has {has}: say by "
        "--axes what they are, as --axes tyx."
    )


def only_name(path: Path, option: str, names: set[str]) -> str:
    """Return the only name there is; refuse several, naming the option that says which."""
    if len(names) != 1:
        what = option.removeprefix("--")
        raise InputError(
            f"{path.name}: it names no {what}, and the project has {len(names)} "
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


def place_clicks(
    path: Path, rows: Iterable[ClickRow], project: Project, shape_of: ShapeOf
) -> tuple[Click, ...]:
    """Return a click on the image, or the region, plane or time of an image, that each row means.

    Raises
    ------
    InputError
        If a row makes no sense, two are of one position, or there is none.
    """
    clicks: list[Click] = []
    seen: dict[tuple[str, tuple[float, ...]], str] = {}
    planes: dict[tuple[object, ...], Sequence[ImageRef]] = {}  # many rows are of one plane
    for row in rows:
        key = (id(row.images), *(round(row.position[a]) for a in "tz" if a in row.position))
        if key not in planes:
            how = " in a column {axis}"
            planes[key] = choose_plane(row.where, row.images, row.position, how=how)
        negative = row.cls.strip() == NEGATIVE_NAME
        value = NOT_AN_OBJECT if negative else find_class(row.where, row.cls, project.classes)
        click = _place_click(row, planes[key], value, shape_of)
        place = (click.image, click.position)
        if place in seen:
            raise InputError(f"{row.where}: this place is listed twice, first in {seen[place]}.")
        seen[place] = row.where.rpartition(", ")[2]
        clicks.append(click)
    if not clicks:
        raise InputError(f"{path.name}: there is no click in this file, only a header.")
    return tuple(clicks)


def _place_click(row: ClickRow, images: Sequence[ImageRef], cls: int, shape_of: ShapeOf) -> Click:
    """Return a click on the first of `images` that holds the position of a row."""
    first, position = images[0], row.position
    if first.ndim == 3 and "z" not in position:
        raise InputError(
            f"{row.where}: '{first.name}' is a volume, and no column that is read says where along "
            "z: give it in a column z, in the unit of x and y."
        )
    parts = ImageParts(images, shape_of(first))
    at = parts.onto_border([position[a] for a in "zyx"[-first.ndim :]])
    image = parts.holding(at)
    if image is None:
        bounds = first.region or full_region(parts.shape)
        raise InputError(f"{row.where}: {_why_outside(first, at, bounds)}")
    return Click(image=image.id, position=at, cls=cls)


def _why_outside(image: ImageRef, at: Sequence[float], bounds: Region) -> str:
    inside = ", ".join(
        f"{axis} {start} to {stop - 1}"
        for axis, (start, stop) in zip("zyx"[-len(bounds) :], bounds, strict=True)
    )
    named = ", ".join(f"{p:g}" for p in at)
    return (
        f"the click at ({named}) lies outside image '{plane_name(image)}' ({inside}): check that "
        "the columns y and x are not swapped."
    )
