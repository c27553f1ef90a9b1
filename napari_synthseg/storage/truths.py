"""A project's ground truth as labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import (
    ImageRef,
    ImageTagsTruth,
    InstanceTruth,
    MaskTruth,
    ObjectTruth,
    PatchMasks,
    PointTruth,
    RegionTruth,
    Truth,
)
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import full_region, region_shape, region_slices
from napari_synthseg.core.labels import (
    UNKNOWN,
    BoxLabels,
    ImageTags,
    InstanceLabels,
    Labels,
    ObjectLabels,
    PixelLabels,
    PointLabels,
    RegionLabels,
    shown_part,
)
from napari_synthseg.io.labels import (
    FEW_VALUES,
    HOW_TO_SPLIT,
    as_instances,
    as_integers,
    decode_regions,
    encode_regions,
    is_binary,
    label_boxes,
    read_part,
    read_whole,
    require_ids,
    shape_without_channels,
)
from napari_synthseg.storage.arrays import save_array
from napari_synthseg.storage.fingerprint import check_fingerprint
from napari_synthseg.storage.images import open_pixels, open_stored
from napari_synthseg.storage.uris import ARRAYS_PREFIX, IMPORT_MASKS, resolve


def save_labels(labels: PixelLabels, folder: Path, id: str) -> str:
    """Keep labels in the project's arrays; return their name, ``arrays:ID``.

    The classes of instance ids belong into the truth that names the array.

    Raises
    ------
    InputError
        If regions hold a value that no class can have.
    """
    array: NDArray[Any] = (
        encode_regions(labels.values) if isinstance(labels, RegionLabels) else labels.ids
    )
    return save_array(array, "yx" if array.ndim == 2 else "zyx", folder, id)


@overload
def open_labels(
    truth: InstanceTruth | PatchMasks, ref: ImageRef, folder: Path, name: str = ...
) -> InstanceLabels: ...
@overload
def open_labels(
    truth: RegionTruth, ref: ImageRef, folder: Path, name: str = ...
) -> RegionLabels: ...
@overload
def open_labels(truth: Truth, ref: ImageRef, folder: Path, name: str = ...) -> Labels: ...
def open_labels(truth: Truth | PatchMasks, ref: ImageRef, folder: Path, name: str = "") -> Labels:
    """Read the ground truth of an image, cut to the image's region.

    The masks may have the shape of the whole image, of its region, or of the whole stack where
    the image is one plane of it. For ids without a class of their own see `as_instances`, for the
    values of masks of regions `napari_synthseg.io.labels`. `name` is what messages call the masks,
    where the user calls them otherwise than the project. Where the image does not count, pixels are
    unknown, and objects are left out. Labels of objects say which classes are incomplete.

    Raises
    ------
    InputError
        If the file is missing, holds no ids, or does not fit the image; the message names both.
    """
    labels = _read_labels(truth, ref, folder, name)
    if isinstance(labels, ObjectLabels) and isinstance(truth, ObjectTruth):
        labels = replace(labels, incomplete=frozenset(truth.incomplete))
    return _where_it_counts(labels, ref, folder) if ref.is_limited else labels


def _where_it_counts(labels: Labels, ref: ImageRef, folder: Path) -> Labels:
    """Return labels that are unknown where an image does not count, without the objects there."""
    region = ref.region or full_region(open_pixels(ref, folder).shape[1:])
    corner = np.array([start for start, _ in region])
    counted = ref.counted(region)
    assert counted is not None
    match labels:
        case InstanceLabels(ids=ids):
            kept = shown_part(ids, counted)
            return labels.with_array(np.where(kept, ids, UNKNOWN).astype(np.int32))
        case RegionLabels(values=values):
            return RegionLabels(np.where(counted, values, UNKNOWN).astype(np.int32))
        case PointLabels(positions=positions):
            there = np.array([ref.counts_at(at) for at in (positions + corner).tolist()], bool)
            return replace(labels, positions=positions[there], classes=labels.classes[there])
        case BoxLabels():
            centers = (labels.boxes.centers() + corner).tolist()
            there = np.array([ref.counts_at(at) for at in centers], bool)
            unknown = ~counted if labels.unknown is None else labels.unknown | ~counted
            return replace(labels, boxes=labels.boxes.take(there), unknown=unknown)
    return labels


def _read_labels(truth: Truth | PatchMasks, ref: ImageRef, folder: Path, name: str) -> Labels:
    if isinstance(truth, InstanceTruth | PatchMasks):
        name = name or f"'{truth.source}'"
        if isinstance(truth, InstanceTruth):
            _require_unchanged(truth, folder)
        as_stored = isinstance(truth, InstanceTruth) and truth.as_stored
        values = read_mask_values(truth.source, ref, folder, name, as_stored)
        labels = as_instances(values, truth.classes)
        if not truth.source.startswith(ARRAYS_PREFIX) and len(labels.classes) <= FEW_VALUES:
            require_ids(labels.ids, name, HOW_TO_SPLIT, strict=False)
        return labels
    if isinstance(truth, RegionTruth):
        name = name or f"'{truth.source}'"
        _require_unchanged(truth, folder)
        stored = open_stored(truth.source, folder, as_ids=True, as_stored=truth.as_stored)
        whole = read_whole(stored, name)
        binary = not truth.source.startswith(ARRAYS_PREFIX) and is_binary(whole)
        part = whole[_fitting(whole.shape, name, ref, folder)]
        values = as_integers(_without_planes(part, ref), name)
        return decode_regions(values, binary, name)
    region = ref.region or full_region(open_pixels(ref, folder).shape[1:])
    shape = region_shape(region)
    if isinstance(truth, ImageTagsTruth):
        return ImageTags(frozenset(truth.shown), shape)
    if isinstance(truth, PointTruth):
        positions = np.array([at for at, _ in truth.points], float).reshape(-1, len(shape))
        origin = [start for start, _ in region]
        classes = np.array([cls for _, cls in truth.points], np.int64)
        return PointLabels(positions - origin, classes, shape)
    if len(shape) != 2:
        raise InputError(f"Image '{ref.name}' is a volume: boxes are of flat images.")
    return label_boxes(truth.as_boxes(), region)


def _require_unchanged(truth: MaskTruth, folder: Path) -> None:
    """Refuse masks whose file is not the one that was imported."""
    if truth.fingerprint:
        path = resolve(truth.source, folder, IMPORT_MASKS)
        check_fingerprint(path, truth.fingerprint, "masks")


def read_mask_values(
    source: str, ref: ImageRef, folder: Path, name: str, as_stored: bool = False
) -> NDArray[np.int64]:
    """Return the values of masks in the image's region, whatever they mean.

    `as_stored` is that of their truth.

    Raises
    ------
    InputError
        If they cannot be read, are no whole numbers from 0, or do not fit the image.
    """
    stored = open_stored(source, folder, as_ids=True, as_stored=as_stored)
    part = _fitting(shape_without_channels(stored), name, ref, folder)
    values = read_part(stored, name, part)
    return as_integers(_without_planes(values, ref), name)


def _without_planes(values: NDArray[Any], ref: ImageRef) -> NDArray[Any]:
    """Return the values of a part without the axes along which it is one plane."""
    return values.reshape(values.shape[values.ndim - ref.ndim :])


def _fitting(shape: tuple[int, ...], name: str, ref: ImageRef, folder: Path) -> tuple[slice, ...]:
    """Return the part of masks of the stack, the image or its region that is of the region."""
    pixels = open_pixels(ref, folder)
    whole, region = pixels.shape[1:], ref.region or full_region(pixels.shape[1:])
    fixed = [ref.plane[a] for a in ref.axes if a in ref.plane]
    before: tuple[slice, ...] = ()
    inner = shape
    if len(shape) == len(whole) + len(fixed) and shape[len(fixed) :] == whole:
        if any(index >= n for index, n in zip(fixed, shape, strict=False)):
            raise InputError(
                f"The masks {name} have the shape {shape}, without the plane {ref.plane} of "
                f"image '{ref.name}': give masks for each plane."
            )
        before, inner = tuple(slice(n, n + 1) for n in fixed), whole
    if inner == whole:
        return (*before, *region_slices(region))
    if inner == region_shape(region):
        return tuple(slice(0, n) for n in inner)
    raise InputError(
        f"The masks {name} have the shape {shape}, image '{ref.name}' has {whole}"
        + (f" and its region {region_shape(region)}" if ref.region else "")
        + ": give masks of the same shape."
    )
