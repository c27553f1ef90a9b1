"""Ground truth as labels: masks from label images, boxes, and what an image shows."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.boxes import Boxes, BoxRow
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import Region, full_region, region_shape, region_slices
from napari_synthseg.core.labels import UNKNOWN, Labels
from napari_synthseg.core.project import ImageRef, Truth
from napari_synthseg.store.images import open_file, open_pixels, open_stored, save_array
from napari_synthseg.store.stored import StoredArray, check_budget
from napari_synthseg.store.uris import ARRAYS_PREFIX

FIRST_CLASS = 1
"""Class value of instances whose class nobody named."""

LARGEST_ID = 2**22
"""Ids above this are numbered anew, so that tables indexed by id stay small."""

LARGEST_CLASS = 254
"""The largest class value."""

UNKNOWN_VALUE = 255
"""Stands for `UNKNOWN` in label images of regions."""


def save_labels(labels: Labels, folder: Path, id: str) -> str:
    """Keep labels in the project's arrays; return their name, ``arrays:ID``.

    Of regions the class values are kept, `UNKNOWN` as 255; else the instance ids, whose classes
    belong into the `Truth` that names the array.

    Raises
    ------
    InputError
        If regions hold a value that no class can have.
    """
    array: NDArray[Any] = labels.ids
    if labels.regions:
        name = "in memory"
        values = _integers(np.where(array == UNKNOWN, UNKNOWN_VALUE, array), name)
        _check_values(values, name)
        array = values.astype(np.uint8)
    return save_array(array, "yx" if array.ndim == 2 else "zyx", folder, id)


def open_labels(truth: Truth, ref: ImageRef, folder: Path) -> Labels:
    """Read the ground truth of an image, cut to the image's region.

    The masks may have the shape of the whole image, of its region, or of the whole stack where
    the image is one plane of it. Ids without a class of their own belong to class 1. Of a
    semantic truth the result has `Labels.regions`; 255 is `UNKNOWN` there, but class 1 in a file
    that holds nothing but 0 and 255. Of boxes the result has `Labels.outlines`, of image labels
    `Labels.present`.

    Raises
    ------
    InputError
        If the file is missing, holds no ids, or does not fit the image; the message names both.
    """
    if truth.kind == "points":
        raise InputError(f"The points of image '{ref.name}' are no labels.")
    if truth.kind in ("boxes", "image_labels"):
        return _held_in(truth, ref, folder)
    stored = open_stored(truth.source, folder, as_ids=True)
    name = f"'{truth.source}'"
    whole = _whole(stored, name)
    values = _integers(_fitting(whole, name, ref, folder), name)
    if truth.kind == "semantic":
        # in arrays that this project wrote, 255 has one meaning
        binary = not truth.source.startswith(ARRAYS_PREFIX) and _is_binary(whole)
        return _regions(values, binary, name)
    _refuse_binary(values, name)
    return _instances(values, truth.classes)


def _held_in(truth: Truth, ref: ImageRef, folder: Path) -> Labels:
    """Return what a truth itself says of the image's region."""
    region = ref.region or full_region(open_pixels(ref, folder).shape[1:])
    shape = region_shape(region)
    if truth.kind == "image_labels":
        return Labels(np.full(shape, UNKNOWN, np.int32), present=frozenset(truth.shown))
    if len(shape) != 2:
        raise InputError(f"Image '{ref.name}' is a volume: boxes are of flat images.")
    return label_boxes(truth.boxes, region)


def label_boxes(boxes: Sequence[BoxRow], region: Region) -> Labels:
    """Return labels of a region that consist of boxes.

    Parameters
    ----------
    boxes
        ymin, xmin, ymax, xmax, class value of each, pixels of the whole image.
    region
        The part of the image (y, x) that the labels are of.
    """
    shape = region_shape(region)
    placed = Boxes.of([row[:4] for row in boxes], [row[4] for row in boxes] or 1)
    placed = placed.shifted([-start for start, _ in region])
    starts, ends = placed.corners[:, :2], placed.corners[:, 2:]
    inside = np.flatnonzero(((ends > 0) & (starts < shape)).all(axis=1))
    return Labels(np.zeros(shape, np.int32), outlines=placed.take(inside))


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
    stored = _whole(open_file(path, as_ids=True), name)
    if stored.dtype.kind not in "if":
        return _integers(stored, name)
    unknown = stored == UNKNOWN
    return np.where(unknown, UNKNOWN, _integers(np.where(unknown, 0, stored), name))


def read_label_file(path: Path) -> Labels:
    """Read the instance ids of a label image that belongs to no project, all of class 1.

    Raises
    ------
    InputError
        If the file is missing or holds no ids; the message names it.
    """
    name = f"'{path.name}'"
    values = _integers(_whole(open_file(path, as_ids=True), name), name)
    _refuse_binary(values, name)
    return _instances(values, {})


def read_region_file(path: Path) -> Labels:
    """Read the class values of a label image that belongs to no project; see `open_labels`.

    Raises
    ------
    InputError
        If the file is missing or holds no class values; the message names it.
    """
    name = f"'{path.name}'"
    whole = _whole(open_file(path, as_ids=True), name)
    return _regions(_integers(whole, name), _is_binary(whole), name)


def check_classes(labels: Labels, known: Collection[int], name: str) -> None:
    """Refuse regions of a class that is not known.

    Parameters
    ----------
    labels
        Regions.
    known
        Class values that there are.
    name
        Name of the masks, as it stands in messages.

    Raises
    ------
    InputError
        If there is another one; the message names it and the masks.
    """
    if unknown := set(labels.classes) - set(known):
        have = ", ".join(str(value) for value in sorted(known)) or "none"
        raise InputError(
            f"The masks {name} hold the value {min(unknown)}, which is no class of the project "
            f"(its classes have the values {have}; 0 is background): add the class, or correct the "
            "masks."
        )


def _whole(stored: StoredArray, name: str) -> NDArray[Any]:
    """Return all stored values, without a channel axis."""
    check_budget(name, math.prod(stored.shape), stored.dtype.itemsize)
    array = stored.read(tuple(slice(0, n) for n in stored.shape))
    if "c" in stored.axes:
        array = _one_channel(np.moveaxis(array, stored.axes.index("c"), 0), name)
    return array


def _fitting(array: NDArray[Any], name: str, ref: ImageRef, folder: Path) -> NDArray[Any]:
    """Return the values of the image's region, of whatever they were stored for."""
    pixels = open_pixels(ref, folder)
    whole, region = pixels.shape[1:], ref.region or full_region(pixels.shape[1:])
    fixed = [ref.plane[a] for a in ref.axes if a in ref.plane]
    if array.ndim == len(whole) + len(fixed) and array.shape[len(fixed) :] == whole:
        if any(index >= n for index, n in zip(fixed, array.shape, strict=False)):
            raise InputError(
                f"The masks {name} have the shape {array.shape}, without the plane {ref.plane} of "
                f"image '{ref.name}': give masks for each plane."
            )
        array = array[tuple(fixed)]
    if array.shape == whole:
        return array[region_slices(region)]
    if array.shape == region_shape(region):
        return array
    raise InputError(
        f"The masks {name} have the shape {array.shape}, image '{ref.name}' has {whole}"
        + (f" and its region {region_shape(region)}" if ref.region else "")
        + ": give masks of the same shape."
    )


def _one_channel(array: NDArray[Any], name: str) -> NDArray[Any]:
    first: NDArray[Any] = array[0]
    if any(not np.array_equal(first, other) for other in array[1:]):
        raise InputError(
            f"The masks {name} are colored: save them as one channel with an id for each object."
        )
    return first


def _integers(array: NDArray[Any], name: str) -> NDArray[np.int64]:
    if array.dtype.kind == "f" and not np.equal(np.mod(array, 1), 0).all():
        raise InputError(f"{name} is no label image: it holds fractions instead of ids.")
    if array.size and array.min() < 0:
        raise InputError(f"The masks {name} hold the negative id {array.min()}: ids start at 1.")
    if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise InputError(f"The masks {name} hold the id {array.max()}: number the objects anew.")
    return array.astype(np.int64)


def _refuse_binary(values: NDArray[np.int64], name: str) -> None:
    """Refuse a picture of black and white as instances: its objects would all be one."""
    if _is_binary(values) and values.any() and _count_parts(values) > 1:
        raise InputError(
            f"The masks {name} are black and white, without an id for each object: import them as "
            "semantic masks, or save ids."
        )


def _instances(values: NDArray[np.int64], named: Mapping[int, int]) -> Labels:
    present = np.unique(values)
    present = present[present > 0]
    original = [int(i) for i in present]
    if original and original[-1] > LARGEST_ID:
        values = np.where(values > 0, np.searchsorted(present, values) + 1, 0)
        numbered = dict(enumerate(original, start=1))
    else:
        numbered = {i: i for i in original}
    classes = {new: named.get(old, FIRST_CLASS) for new, old in numbered.items()}
    return Labels(np.ascontiguousarray(values, np.int32), classes)


def _is_binary(values: NDArray[Any]) -> bool:
    """Tell whether there is nothing but 0 and 255."""
    return not ((values != 0) & (values != 255)).any()


def _count_parts(values: NDArray[np.int64]) -> int:
    """Return the number of connected parts (by a side) of what is not background."""
    from scipy.ndimage import label

    return int(label(values > 0)[1])


def _regions(values: NDArray[np.int64], binary: bool, name: str) -> Labels:
    """Return regions from class values; where they are `binary`, 255 is class 1."""
    if binary:
        return Labels.of_classes(np.where(values > 0, FIRST_CLASS, 0))
    _check_values(values, name)
    return Labels.of_classes(np.where(values == UNKNOWN_VALUE, UNKNOWN, values))


def _check_values(values: NDArray[np.int64], name: str) -> None:
    if values.size and values.max() > UNKNOWN_VALUE:
        raise InputError(
            f"The masks {name} hold the value {values.max()}: class values of regions go from 1 to "
            f"{LARGEST_CLASS}, and {UNKNOWN_VALUE} stands for unknown. Masks with an id for each "
            "object are instance masks."
        )
