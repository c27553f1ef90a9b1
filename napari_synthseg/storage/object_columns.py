"""Tables of found objects as arrays, a column each, and back.

Tens of thousands of objects are so written and read without one call that lets no other thread in.
Files of strangers are read, too: columns are checked before they are taken into memory.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import Region, region_shape
from napari_synthseg.core.predictions import FoundObject, FoundPoint
from napari_synthseg.io.images.stored_array import check_budget
from napari_synthseg.storage.tensors import Arrays

FEW_OBJECTS = 10_000
"""So many may be known of an image of any size; of larger ones one for each pixel."""

DTYPES = {"id": "I64", "cls": "I64", "score": "F64", "center": "F64", "box": "F64"}
"""Name of a column -> what safetensors calls its type."""


def columns_of(table: str, objects: Sequence[FoundPoint], ndim: int, *, boxes: bool) -> Arrays:
    """Return the columns of a table of objects, by names that start with the table's."""
    count = len(objects)
    columns: Arrays = {
        "id": np.array([one.id for one in objects], np.int64),
        "cls": np.array([one.cls for one in objects], np.int64),
        "score": np.array([one.score for one in objects], np.float64),
        "center": np.array([one.center for one in objects], np.float64).reshape(count, ndim),
    }
    if boxes:
        edges = [one.box for one in objects if isinstance(one, FoundObject)]
        columns["box"] = np.array(edges, np.float64).reshape(count, ndim, 2)
    return {f"{table}.{name}": column for name, column in columns.items()}


def read_columns(file: Any, tables: Sequence[str], region: Region, *, boxes: bool) -> Arrays:
    """Return the columns of some tables from an open file of tensors, which holds nothing else.

    Raises
    ------
    ValueError
        If it does not hold them.
    """
    ndim = len(region)
    extents: dict[str, list[int]] = {"id": [], "cls": [], "score": [], "center": [ndim]}
    if boxes:
        extents["box"] = [ndim, 2]
    expected = {f"{table}.{name}": (table, name) for table in tables for name in extents}
    if set(file.keys()) != expected.keys():
        raise ValueError("other columns")
    most = max(math.prod(region_shape(region)), FEW_OBJECTS)
    columns: Arrays = {}
    for key, (table, name) in expected.items():
        part = file.get_slice(key)
        count = (file.get_slice(f"{table}.id").get_shape() or [0])[0]
        shape = [count, *extents[name]]
        if part.get_dtype() != DTYPES[name] or part.get_shape() != shape or count > most:
            raise ValueError(f"no column {key} of an image of this size")
        check_budget(key, math.prod(shape), 8)
        columns[key] = file.get_tensor(key)
    return columns


def objects_of(
    table: str, columns: Arrays, region: Region, classes: Collection[int]
) -> tuple[FoundPoint, ...]:
    """Return the objects of a table.

    Raises
    ------
    InputError
        If one has no score, does not lie on the image, or is of none of the `classes`.
    """
    ids, kinds, scores, centers = (
        columns[f"{table}.{name}"] for name in ("id", "cls", "score", "center")
    )
    boxes = columns.get(f"{table}.box")
    is_placed = np.isfinite(scores).all() and np.isfinite(centers).all()
    if boxes is not None:
        low, high = np.array(region).T
        start, stop = boxes[..., 0], boxes[..., 1]
        is_placed &= ((low <= start) & (start <= stop) & (stop <= high)).all()
    if not is_placed:
        raise InputError("an object that cannot be on its image")
    if not np.isin(kinds, sorted(classes)).all():
        raise InputError("an object of a class that its model does not know")
    points = zip(ids.tolist(), kinds.tolist(), scores.tolist(), _rows(centers), strict=True)
    if boxes is None:
        return tuple(FoundPoint(*point) for point in points)
    edges = zip(*(_rows(boxes[:, axis]) for axis in range(len(region))), strict=True)
    return tuple(FoundObject(*point, box) for point, box in zip(points, edges, strict=True))


def _rows(array: NDArray[np.float64]) -> Iterator[tuple[Any, ...]]:
    """Give each row; lists of lists would keep the garbage collector busy."""
    return zip(*(column.tolist() for column in array.T), strict=True)
