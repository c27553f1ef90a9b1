"""Tables in which other programs list where objects are: Results of ImageJ, detections of QuPath.

Positions may be in pixels or in a length. A column may say which (``Centroid X µm``); that of
ImageJ (``X``) does not. What could be either is asked for, never guessed.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import Project
from napari_synthseg.io.images.lengths import in_micrometers
from napari_synthseg.io.left_out import AS_WRITTEN, Naming
from napari_synthseg.io.naming import ImageNames, ShapeOf, image_in_file
from napari_synthseg.io.points.clicks import ClickRow, ReadClicks, only_name
from napari_synthseg.io.tables import Columns, read_header, read_rows, to_number

POSITION = re.compile(r"(?:centroid[ _]?)?([xyz])(?:[ _]*[(\[](.+)[)\]]|[ _](.+))?")
"""Name of a column with x, y or z, and perhaps its unit."""

ARRAY_POSITION = ("centroid-0", "centroid-1", "centroid-2")
"""Columns of scikit-image along ([z,] y, x): pixels, with pixel centers at whole numbers."""

PIXELS = frozenset({"px", "pixel", "pixels"})

CLASS_COLUMNS = ("class", "classification", "counter")
IMAGE_COLUMNS = ("image", "label")

CLASS_LIKE = frozenset({"category", "class_name", "classname", "cls", "kind", "label", "type"})
"""What people call the class in a table of their own; beside `image` it is not passed over."""

COUNTER = "counter"
"""The column in which ImageJ numbers the kinds of a multi-point selection."""


@dataclass(frozen=True)
class PositionColumns:
    """Which columns hold the positions.

    Attributes
    ----------
    names
        Axis, "y" and "x", perhaps "z", -> column.
    unit
        What the header says: "px", a unit of length, or "" where it says nothing.
    offset
        Position of the first pixel's center.
    """

    names: Mapping[str, str]
    unit: str
    offset: float = 0.5

    @property
    def z_offset(self) -> float:
        """Position of the first plane's center; planes in a column without a unit count from 1."""
        return self.offset if self.unit else 1.0


def find_positions(header: Sequence[str]) -> PositionColumns | None:
    """Return which columns (lower case) hold positions; None where it is no such table."""
    array = [name for name in ARRAY_POSITION if name in header]
    if len(array) > 1:
        return PositionColumns(dict(zip("zyx"[-len(array) :], array, strict=True)), "px", 0.0)
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for name in header:
        match = POSITION.fullmatch(name)
        unit = (match[2] or match[3] or "").strip() if match else None
        if match and unit is not None and (not unit or _is_unit(unit)):
            found["px" if unit in PIXELS else unit][match[1]] = name
    whole = {unit: names for unit, names in found.items() if {"x", "y"} <= names.keys()}
    # of several, pixels need no conversion, and what says its unit is surer than what does not
    unit = next((u for u in ("px", *sorted(whole.keys() - {""}), "") if u in whole), None)
    return None if unit is None else PositionColumns(whole[unit], unit)


def is_measured(header: Sequence[str]) -> bool:
    """Return whether a table with these columns lists positions that another program measured."""
    names = set(header)
    has_class = "class" in names or (names & CLASS_LIKE and not names & set(CLASS_COLUMNS))
    ours = {"image", "y", "x"} <= names and has_class
    return not ours and find_positions(header) is not None


def read_measured(
    path: Path,
    project: Project,
    shape_of: ShapeOf,
    naming: Naming = AS_WRITTEN,
    *,
    image: str | None = None,
    class_name: str | None = None,
    unit: str | None = None,
) -> ReadClicks:
    """Read the positions of a table as clicks.

    Parameters
    ----------
    path
        The table. Of ImageJ, pixel edges are at whole numbers and slices count from 1.
    project, shape_of
        As for `read_clicks`.
    naming
        How names in the table are understood; of ImageJ's counters the number is the name.
    image
        File name of the image, where the table names none and the project has several.
    class_name
        Class of all points.
    unit
        Unit of the positions, "px" or a length, where the table does not say it or says it wrong.

    Raises
    ------
    InputError
        At the first row that makes no sense, or where image, class or unit are not clear.
    """
    header = read_header(path)
    columns = find_positions(header)
    assert columns is not None
    if unit is not None and not (unit.lower() in PIXELS or _is_unit(unit)):
        raise InputError(f"--unit {unit}: it is px or a unit of length, such as um or mm.")
    names = ImageNames(project.images)
    numbers = frozenset((*columns.names.values(), "slice", "frame"))
    table = list(
        read_rows(path, Columns(tuple(columns.names.values()), numbers=numbers, others=True))
    )
    found = ReadClicks()
    rows: list[ClickRow] = []
    for where, cells in table:
        cls = _class_of(path, where, cells, project, class_name, naming.rename)
        raw = next((cells[c] for c in CLASS_COLUMNS if cells.get(c)), "")
        if found.ignores(naming, raw):
            continue
        images = found.images_of(naming, _images_of, path, where, cells, names, project, image)
        if not images:
            continue
        place = {a: to_number(where, c, cells[c], "number") for a, c in columns.names.items()}
        if columns.offset and not any(i.ndim == 3 or "z" in i.plane for i in images):
            place.pop("z", None)  # tables of flat images may have such a column
        rows.append(ClickRow(where, images, cls, _plane_of(where, cells, images) | place))
    stated = "px" if (unit or "").lower() in PIXELS else unit or columns.unit
    sizes = _pixel_sizes(path, rows, stated, shape_of, found.notes)
    offsets = dict.fromkeys("yx", columns.offset) | {"z": columns.z_offset}
    if not columns.unit and any(row.position.get("z", 1.0) < 0.5 for row in rows):
        offsets["z"] = 0.0  # they cannot count from 1
    if any("z" in row.position for row in rows) and "z" in columns.names and not columns.unit:
        found.notes.append(f"planes in column z were taken to count from {offsets['z']:g}")
    placed = [
        ClickRow(row.where, row.images, row.cls, _in_pixels(row, sizes, offsets, columns.names))
        for row in rows
    ]
    return found.placed(path, placed, project, shape_of, names)


def _is_unit(text: str) -> bool:
    return text in PIXELS or bool(in_micrometers({"x": (1.0, text)}))


def _class_of(
    path: Path,
    where: str,
    cells: Mapping[str, str],
    project: Project,
    class_name: str | None,
    rename: Mapping[str, str],
) -> str:
    """Return the class of a row: that of all, that which it names, or the only one there is."""
    column = next((c for c in CLASS_COLUMNS if cells.get(c)), "")
    named = cells[column] if column else ""
    if class_name is not None:
        return class_name
    if named in rename or (named and column != COUNTER):
        return rename.get(named, named)
    if column == COUNTER and len(project.classes) > 1:
        raise InputError(
            f"{where}: it is of counter {named}: say by --rename {named}=CLASS which class that "
            "is, or by --class which class all points are."
        )
    return only_name(path, "--class", {c.name for c in project.classes})


def _images_of(
    path: Path,
    where: str,
    cells: Mapping[str, str],
    names: ImageNames,
    project: Project,
    image: str | None,
) -> list[ImageRef]:
    """Return the images of a row: of its file, all regions, planes and times."""
    if image is not None:
        return names.find(f"--image {image}", image, all_planes=True)
    column = next((c for c in IMAGE_COLUMNS if cells.get(c)), "")
    named = cells[column] if column else ""
    known = {i.name for i in project.images}
    if column == "label":  # ImageJ: title, and behind it the slice and the selection
        named = named if named in known else named.partition(":")[0]
        if len(known) == 1 or named.isdecimal():
            named = ""
    if named:
        return names.find(where, named, all_planes=True)
    return names.find(path.name, only_name(path, "--image", known), all_planes=True)


def _plane_of(where: str, cells: Mapping[str, str], images: Sequence[ImageRef]) -> dict[str, float]:
    """Return z and t, from 0, of what ImageJ counts from 1 as slice and frame."""
    named = [column for column in ("slice", "frame") if cells.get(column)]
    at = {c: max(to_number(where, c, cells[c], "number") - 1, 0.0) for c in named}
    used = {axis for image in images for axis in image.plane}
    if "frame" in at:
        return {"z": at.get("slice", 0.0), "t": at["frame"]}
    if "slice" in at:
        return {"t" if used == {"t"} else "z": at["slice"]}
    return {}


def _pixel_sizes(
    path: Path, rows: Sequence[ClickRow], unit: str, shape_of: ShapeOf, notes: list[str]
) -> dict[tuple[str, int | None], Mapping[str, float]]:
    """Return axis -> size of a pixel in the unit of the positions, by `image_in_file`."""
    sizes: dict[tuple[str, int | None], Mapping[str, float]] = {}
    by_image: dict[tuple[str, int | None], list[ClickRow]] = defaultdict(list)
    for row in rows:
        by_image[image_in_file(row.images[0])].append(row)
    for key, mine in by_image.items():
        ref = mine[0].images[0]
        known = _micrometers(ref)
        if unit == "px" or (not unit and not known):
            sizes[key] = {}
            told = "" if unit else "positions were taken for pixels: else give --unit"
        elif unit:
            factor = in_micrometers({"x": (1.0, unit)})["x"]
            if not known:
                raise InputError(
                    f"{path.name}: its positions are in {unit}, but image '{ref.name}' does not "
                    "say how large a pixel is: save the table in pixels (in Fiji: Image > "
                    "Properties, unit pixel, size 1), or give --unit px if they are."
                )
            sizes[key] = {axis: size / factor for axis, size in known.items()}
            told = f"positions in {unit} were turned into pixels of {known['x']:g} um"
        else:
            height, width = shape_of(ref)[-2:]
            far = any(
                row.position["y"] > height * known["y"] or row.position["x"] > width * known["x"]
                for row in mine
            )
            if not far:
                raise InputError(
                    f"{path.name}: it does not say whether its positions are in pixels or in um, "
                    f"and image '{ref.name}' has pixels of {known['x']:g} um: give --unit px or "
                    "--unit um."
                )
            sizes[key] = {}
            told = f"positions are pixels: in um some would lie outside of '{ref.name}'"
        notes += [told] if told and told not in notes else []
    return sizes


def _micrometers(ref: ImageRef) -> dict[str, float]:
    """Return axis -> size of a pixel in micrometers; nothing where it is not known."""
    if ref.pixel_size is None:
        return {}
    lengths = zip("zyx"[-len(ref.pixel_size) :], ref.pixel_size, strict=True)
    known = in_micrometers({axis: (size, ref.unit) for axis, size in lengths})
    return known if {"y", "x"} <= known.keys() and math.isfinite(known["y"]) else {}


def _in_pixels(
    row: ClickRow,
    sizes: Mapping[tuple[str, int | None], Mapping[str, float]],
    offsets: Mapping[str, float],
    measured: Collection[str],
) -> dict[str, float]:
    """Return a position in pixels; its place along axes that are not `measured` stays."""
    size, at = sizes[image_in_file(row.images[0])], dict(row.position)
    if size and "z" in measured and "z" in at and "z" not in size:
        raise InputError(
            f"{row.where}: z is a length, but image '{row.images[0].name}' does not say how far "
            "its planes are apart: give the number of the plane in a column slice, without z."
        )
    return at | {a: at[a] / size.get(a, 1.0) - offsets[a] for a in measured if a in at}
