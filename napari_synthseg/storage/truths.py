"""A project's ground truth as labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef, Truth
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import full_region, region_shape, region_slices
from napari_synthseg.core.labels import UNKNOWN, Labels
from napari_synthseg.io.labels import (
    UNKNOWN_VALUE,
    as_instances,
    as_integers,
    as_regions,
    check_region_values,
    is_binary,
    label_boxes,
    read_whole,
    refuse_binary,
)
from napari_synthseg.storage.arrays import save_array
from napari_synthseg.storage.images import open_pixels, open_stored
from napari_synthseg.storage.uris import ARRAYS_PREFIX


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
        values = as_integers(np.where(array == UNKNOWN, UNKNOWN_VALUE, array), name)
        check_region_values(values, name)
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
    whole = read_whole(stored, name)
    values = as_integers(_fitting(whole, name, ref, folder), name)
    if truth.kind == "semantic":
        # in arrays that this project wrote, 255 has one meaning
        binary = not truth.source.startswith(ARRAYS_PREFIX) and is_binary(whole)
        return as_regions(values, binary, name)
    refuse_binary(values, name)
    return as_instances(values, truth.classes)


def _held_in(truth: Truth, ref: ImageRef, folder: Path) -> Labels:
    """Return what a truth itself says of the image's region."""
    region = ref.region or full_region(open_pixels(ref, folder).shape[1:])
    shape = region_shape(region)
    if truth.kind == "image_labels":
        return Labels(np.full(shape, UNKNOWN, np.int32), present=frozenset(truth.shown))
    if len(shape) != 2:
        raise InputError(f"Image '{ref.name}' is a volume: boxes are of flat images.")
    return label_boxes(truth.boxes, region)


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
