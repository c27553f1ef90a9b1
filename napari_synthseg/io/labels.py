"""Label images: what their values mean, whoever wrote them.

What 255 means depends on the kind of file, and is decided here alone:

======================================================  ===================================
file                                                    255
======================================================  ===================================
masks of objects                                        the object 255
masks of objects, nothing but 0 and 255                 one object; several pieces are refused
masks of regions                                        unknown
masks of regions, nothing but 0 and 255                 class 1, as 128 or 65535 in its place
regions in the project's arrays, and those we write     unknown
regions scored by folder (`score --task semantic`)      a class value
the same, nothing but 0 and 255 in all files            class 1, see `means_class_one`
======================================================  ===================================

In memory unknown pixels are `UNKNOWN` (-1). The layer in which regions are painted has its own
code, `workflow.painting.GROUND`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import Region, region_shape
from napari_synthseg.core.labels import UNKNOWN, BoxLabels, InstanceLabels, RegionLabels
from napari_synthseg.io.images.files import open_file
from napari_synthseg.io.images.stored_array import StoredArray, check_budget

WHITE_VALUES = (128, 255, 65535)
"""What stands for white in files that know only black and white."""

FEW_VALUES = 10
"""Files with at most so many values may hold classes or scribbles where ids are expected."""

CRUMB_SHARE = 0.02
"""Pieces that are smaller than this share of the largest one of the same value do not count."""

PIECES_PER_ID = 3.0
"""Ids that lie in so many pieces each, on average, are no ids; objects that cross are in fewer."""

HOW_TO_SPLIT = (
    "split it into connected pieces (--split), import it as semantic masks (--semantic), or save "
    "an id for each object"
)
HOW_TO_SCORE = (
    "save an id for each object (in Fiji by Analyze Particles, Show: Count Masks), or score it by "
    "--task semantic"
)
"""What to do about masks that hold no ids, where they are imported and where they are scored."""

MAX_TABLE_ID = 2**22
"""Ids above this are renumbered, so that tables indexed by id stay small."""

MAX_CLASS_VALUE = 254

UNKNOWN_VALUE = 255
"""Stands for `UNKNOWN` in label images of regions."""


def label_boxes(boxes: Boxes, region: Region) -> BoxLabels:
    """Return labels of a region (y, x) that consist of boxes in pixels of the whole image."""
    shape = region_shape(region)
    placed = boxes.shifted([-start for start, _ in region])
    starts, ends = placed.corners[:, :2], placed.corners[:, 2:]
    inside = np.flatnonzero(((ends > 0) & (starts < shape)).all(axis=1))
    return BoxLabels(placed.take(inside), shape)


def read_class_file(path: Path) -> NDArray[np.int64]:
    """Read the class of each pixel from a label image that belongs to no project.

    Returns
    -------
    Class values, shape ([z,] y, x): 0 or more, or `UNKNOWN` where the file says -1.

    Raises
    ------
    InputError
        If the file is missing or holds no class values; the message names it.
    """
    name = f"'{path.name}'"
    stored = read_whole(open_file(path, as_ids=True), name)
    if stored.dtype.kind not in "if":
        return as_integers(stored, name)
    unknown = stored == UNKNOWN
    return np.where(unknown, UNKNOWN, as_integers(np.where(unknown, 0, stored), name))


def read_label_file(path: Path) -> InstanceLabels:
    """Read the instance ids of a label image that belongs to no project, all of class 1.

    Raises
    ------
    InputError
        If the file is missing or holds no ids; the message names it.
    """
    name = f"'{path.name}'"
    values = as_integers(read_whole(open_file(path, as_ids=True), name), name)
    require_ids(values, name, HOW_TO_SCORE, strict=False)
    return as_instances(values, {})


def read_region_file(path: Path) -> RegionLabels:
    """Read the class values of a label image that belongs to no project; see `open_labels`.

    Raises
    ------
    InputError
        If the file is missing or holds no class values; the message names it.
    """
    name = f"'{path.name}'"
    whole = read_whole(open_file(path, as_ids=True), name)
    return decode_regions(as_integers(whole, name), is_binary(whole), name)


def check_classes(labels: RegionLabels, known: Collection[int], name: str) -> None:
    """Refuse regions of a class that is not known.

    Parameters
    ----------
    known
        Class values that there are.
    name
        Of the masks, for messages.

    Raises
    ------
    InputError
        If there is another one; the message names it and the masks.
    """
    if unknown := labels.class_values_shown() - set(known):
        have = ", ".join(str(value) for value in sorted(known)) or "none"
        raise InputError(
            f"The masks {name} hold the value {min(unknown)}, which is no class of the project "
            f"(its classes have the values {have}; 0 is background): add the class, or correct the "
            "masks."
        )


def read_whole(stored: StoredArray, name: str) -> NDArray[Any]:
    """Return all stored values, without a channel axis."""
    return read_part(stored, name, tuple(slice(0, n) for n in shape_without_channels(stored)))


def shape_without_channels(stored: StoredArray) -> tuple[int, ...]:
    """Return the extents of a stored array along its axes other than channels."""
    return tuple(n for n, axis in zip(stored.shape, stored.axes, strict=True) if axis != "c")


def read_part(stored: StoredArray, name: str, part: tuple[slice, ...]) -> NDArray[Any]:
    """Return the stored values in a part, a slice for each axis other than channels.

    Raises
    ------
    InputError
        If they do not fit into memory, or are of several colors.
    """
    slices = list(part)
    if "c" in stored.axes:
        place = stored.axes.index("c")
        slices.insert(place, slice(0, stored.shape[place]))
    check_budget(name, math.prod(s.stop - s.start for s in slices), stored.dtype.itemsize)
    array = stored.read(tuple(slices))
    if "c" not in stored.axes:
        return array
    first, *others = np.moveaxis(array, stored.axes.index("c"), 0)
    if not all(np.array_equal(first, other) for other in others):
        raise InputError(
            f"The masks {name} are colored: save them as one channel with an id for each object."
        )
    return np.asarray(first)


def as_integers(array: NDArray[Any], name: str) -> NDArray[np.int64]:
    """Return ids as integers; refuse fractions and negative ids, naming the masks."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError(
            f"The masks {name} hold pixels without a number (NaN or infinite): save 0 there, where "
            "it is background."
        )
    if array.dtype.kind == "f" and not np.equal(np.mod(array, 1), 0).all():
        raise InputError(
            f"{name} is no label image: it holds fractions instead of ids. Save the ids of the "
            "objects, not an image or probabilities."
        )
    if array.size and array.min() < 0:
        raise InputError(
            f"The masks {name} hold the negative id {array.min()}: ids start at 1, and the "
            "background is 0. Save 0 in place of negative ids."
        )
    if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise InputError(f"The masks {name} hold the id {array.max()}: renumber the objects.")
    return array.astype(np.int64)


def as_instances(values: NDArray[np.integer[Any]], named: Mapping[int, int]) -> InstanceLabels:
    """Return ids, and the class of each, as labels; large ids as `stored_ids`.

    `named` is by the ids that are given. Where it has none, as in projects of version 0.1, it is
    class 1.
    """
    present = np.unique(values)
    present = present[present > 0]
    original = present.tolist()
    stored: dict[int, int] = {}
    if original and original[-1] > MAX_TABLE_ID:
        values = np.where(values > 0, np.searchsorted(present, values) + 1, 0)
        stored = dict(enumerate(original, start=1))
    classes = {i: named.get(stored.get(i, i), 1) for i in stored or original}
    return InstanceLabels(np.ascontiguousarray(values, np.int32), classes, stored_ids=stored)


def require_ids(
    values: NDArray[np.integer[Any]], name: str, remedy: str, *, strict: bool = True
) -> None:
    """Refuse masks whose objects share their values: classes, scribbles, black and white, images.

    What tells is that few values each lie in several separate pieces. An object may be in several
    pieces, too, where others lie on it, so that of more than two values it takes `PIECES_PER_ID`.

    Parameters
    ----------
    values
        Shape ([z,] y, x), 0 for background.
    name, remedy
        Of the masks, and what to do about it, for the message.
    strict
        Whether one value in two pieces, or two in four, are too many as well. What a model found
        may be so.

    Raises
    ------
    InputError
        If they are.
    """
    found = pieces_by_value(values)
    count, pieces = len(found), sum(found.values())
    least = 2.0 if count <= 2 and strict else PIECES_PER_ID
    if not count or pieces < least * count:
        return
    some = ", ".join(str(value) for value in sorted(found)[:5]) + (", ..." if count > 5 else "")
    if count == 1:
        what = f"one value, {some}, in {pieces} separate pieces"
    else:
        what = f"{count} values ({some}) in {pieces} separate pieces"
    like = "classes or scribbles" if count <= FEW_VALUES else "an image"
    like = "black and white" if count == 1 else f"{like}, not ids of objects"
    raise InputError(f"The masks {name} hold {what}, which looks like {like}: {remedy}.")


def pieces_by_value(values: NDArray[np.integer[Any]]) -> dict[int, int]:
    """Return the number of connected pieces of each value above 0, without crumbs.

    Pixels that touch at a corner are connected.
    """
    _, value_of, area = _connected(values)
    if not len(area):
        return {}
    present, index = np.unique(value_of, return_inverse=True)
    largest = np.zeros(len(present), np.int64)
    np.maximum.at(largest, index, area)
    counted = area >= CRUMB_SHARE * largest[index]
    counts = np.bincount(index[counted], minlength=len(present))
    return dict(zip(present.tolist(), counts.tolist(), strict=True))


def split_objects(
    values: NDArray[np.integer[Any]], known: Collection[int], cls: int = 1
) -> InstanceLabels:
    """Return an object for each connected piece of a value.

    Its class is the value, if all values are among the class values `known`, else `cls`. Pixels
    that touch at a corner are connected.
    """
    pieces, value_of, _ = _connected(values)
    are_classes = set(value_of.tolist()) <= set(known)
    classes = {n: v if are_classes else cls for n, v in enumerate(value_of.tolist(), start=1)}
    return InstanceLabels(np.ascontiguousarray(pieces, np.int32), classes)


def _connected(
    values: NDArray[np.integer[Any]],
) -> tuple[NDArray[np.integer[Any]], NDArray[np.int64], NDArray[np.int64]]:
    """Return connected pieces, numbered from 1, with the value and the area of each."""
    from skimage.measure import label

    pieces, count = label(values, background=0, return_num=True, connectivity=values.ndim)
    value_of = np.zeros(count + 1, np.int64)
    value_of[pieces.ravel()] = values.ravel()
    area = np.bincount(pieces.ravel(), minlength=count + 1)
    return pieces, value_of[1:], area[1:]


def is_binary(values: NDArray[Any]) -> bool:
    """Tell whether there is nothing but 0 and one of `WHITE_VALUES`."""
    white = np.max(values, initial=0)
    return white == 0 or bool(white in WHITE_VALUES and ((values == 0) | (values == white)).all())


def means_class_one(values: Collection[int], known: Collection[int]) -> bool:
    """Tell whether 255 means class 1 in files that are scored by folder.

    Programs that know only black and white save 1 so. It does if the files hold nothing but 0 and
    255 (`values`), and 1 is what the table of classes or the other side knows (`known`).
    """
    return UNKNOWN_VALUE in values and {0, UNKNOWN_VALUE} >= set(values) and {0, 1} >= set(known)


def decode_regions(values: NDArray[np.int64], binary: bool, name: str) -> RegionLabels:
    """Return regions from the values of a file; `binary` says that it is black and white.

    Raises
    ------
    InputError
        If a value is larger than any class value; the message names the masks.
    """
    if binary:
        return RegionLabels.of(np.where(values > 0, 1, 0))
    _check_region_values(values, name)
    return RegionLabels.of(np.where(values == UNKNOWN_VALUE, UNKNOWN, values))


def encode_regions(values: NDArray[np.integer[Any]], name: str = "in memory") -> NDArray[np.uint8]:
    """Return class values as they are stored, unknown pixels as `UNKNOWN_VALUE`.

    Raises
    ------
    InputError
        If a value is no class value; the message names the masks.
    """
    stored = as_integers(np.where(values == UNKNOWN, UNKNOWN_VALUE, values), name)
    _check_region_values(stored, name)
    return stored.astype(np.uint8)


def _check_region_values(values: NDArray[np.int64], name: str) -> None:
    if values.size and values.max() > UNKNOWN_VALUE:
        raise InputError(
            f"The masks {name} hold the value {values.max()}: class values of regions go from 1 to "
            f"{MAX_CLASS_VALUE}, and {UNKNOWN_VALUE} stands for unknown. Masks with an id for each "
            "object are instance masks."
        )
