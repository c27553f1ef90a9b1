"""Shapes of a layer of napari, as it saves them: a table with a row for each vertex.

Positions have pixel centers at whole numbers. The last two axes are y and x.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from math import hypot

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.outlines.areas import Area, EllipseArea, PolygonArea, rectangle
from napari_synthseg.io.outlines.base import (
    NO_AREA,
    Found,
    LeftOut,
    ListedOutline,
    OutlinedImage,
    OutlineFormat,
    SizeOf,
    check_places,
)
from napari_synthseg.io.sniffing import SniffedFile
from napari_synthseg.io.tables import Columns, TableRow, read_rows, to_number

AXIS = re.compile(r"axis-\d+")

VERTEX_COLUMNS = ("index", "shape-type", "vertex-index")

PLANE_AXES: dict[int, tuple[str, ...]] = {0: (), 1: ("slice",), 2: ("t", "z")}
"""What axes before y and x are: one may be a time or a plane, as the image has it."""

TOLERANCE_PX = 1e-3
"""By how much vertices of one plane, or of one side of a box, may differ."""


class NapariShapesFormat(OutlineFormat):
    """Shapes of napari. They name no image; a column "class" may name the class."""

    name = "napari-shapes"
    title = "napari shapes (CSV)"

    def recognizes(self, file: SniffedFile) -> bool:
        """Return whether it is a table of vertices."""
        return {*VERTEX_COLUMNS, "axis-0"} <= set(file.header)

    def read(self, file: SniffedFile, size_of: SizeOf) -> tuple[OutlinedImage, ...]:
        """Read all shapes; see `OutlineFormat.read`."""
        name = file.path.name
        axes = sorted((c for c in file.header if AXIS.fullmatch(c)), key=lambda c: int(c[5:]))
        if len(axes) - 2 not in PLANE_AXES:
            raise InputError(f"{name}, row 1: shapes have 2 to 4 axes here, not {len(axes)}.")
        columns = Columns((*VERTEX_COLUMNS, *axes), numbers=frozenset(axes), others=True)
        return (OutlinedImage.of(name, None, _shapes(read_rows(file.path, columns), axes)),)


def _shapes(rows: Iterator[TableRow], axes: list[str]) -> Iterator[Found]:
    for _, group in groupby(rows, key=lambda row: row[1]["index"]):
        vertices = list(group)
        where, first = vertices[0]
        places = [[to_number(place, a, cells[a]) for a in axes] for place, cells in vertices]
        yield _read(where, first, np.array(places))


def _read(where: str, cells: Mapping[str, str], vertices: NDArray[np.float64]) -> Found:
    kind, cls = cells["shape-type"].lower(), cells.get("class", "")
    if kind in ("line", "path"):
        return LeftOut("line(s) and path(s)", cls)
    leading = vertices[:, :-2]
    if np.ptp(leading, axis=0).max(initial=0) > TOLERANCE_PX:
        return LeftOut("shape(s) that lie across planes", cls)
    names = PLANE_AXES[leading.shape[1]]
    plane = {a: round(float(i)) for a, i in zip(names, leading[0], strict=True)}
    ring = check_places(where, vertices[:, -2:] + 0.5)
    area, is_box = _area(where, kind, ring)
    if area is None:
        return LeftOut(NO_AREA, cls)
    return ListedOutline(where, cls, area, is_box, plane)


def _area(where: str, kind: str, ring: NDArray[np.float64]) -> tuple[Area | None, bool]:
    """Return the area of a shape, and whether it is an upright rectangle."""
    if kind == "polygon":
        return (PolygonArea(((ring,),)) if len(ring) > 2 else None), False
    if kind not in ("rectangle", "ellipse"):
        return None, False
    if len(ring) != 4:
        raise InputError(f"{where}: a {kind} has 4 corners, not {len(ring)}: delete it there.")
    sides = ring[1] - ring[0], ring[3] - ring[0]
    lengths = [hypot(*side) for side in sides]
    if min(lengths) == 0:
        return None, False
    if kind == "ellipse":
        turn = float(np.arctan2(sides[0][0], sides[0][1]))
        y, x = ring.mean(axis=0).tolist()
        return EllipseArea((y, x), (lengths[1] / 2, lengths[0] / 2), turn), False
    low, high = ring.min(axis=0), ring.max(axis=0)
    away = np.minimum(np.abs(ring - low), np.abs(ring - high))
    if away.max() <= TOLERANCE_PX:
        (ymin, xmin), (ymax, xmax) = low.tolist(), high.tolist()
        return rectangle((ymin, xmin, ymax, xmax)), True
    return PolygonArea(((ring,),)), False
