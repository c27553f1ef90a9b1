"""OME-Zarr images (0.1 to 0.5) and plain zarr arrays, read by region at full resolution."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.images.axes import axis_letter, fill_axes
from napari_synthseg.io.images.lengths import in_micrometers, lost_lengths
from napari_synthseg.io.images.stored_array import (
    Index,
    StoredArray,
    check_budget,
    choose_series,
)

if TYPE_CHECKING:
    import zarr
    from zarr.storage import LocalStore

METADATA_NAMES = ("zarr.json", ".zattrs", ".zgroup", ".zarray")

_AXES_BY_NUMBER = {2: "yx", 3: "zyx", 4: "czyx", 5: "tczyx"}


def is_zarr(path: Path) -> bool:
    """Tell whether a folder is a zarr group or array."""
    return path.is_dir() and any((path / name).is_file() for name in METADATA_NAMES)


def local_store(path: Path) -> LocalStore:
    """Return a folder as zarr takes it; of a text it would take ``::`` for a chain of addresses."""
    from zarr.storage import LocalStore

    return LocalStore(path)


def label_images(path: Path) -> list[Path]:
    """Return the label images that lie in an OME-Zarr image, or in its folder ``labels``.

    Raises
    ------
    InputError
        If it is damaged.
    """
    import zarr

    try:
        node = zarr.open(local_store(path), mode="r")
        if not isinstance(node, zarr.Group):
            return []
        attributes: dict[str, Any] = dict(node.attrs)
        attributes = attributes.get("ome", attributes)
        if "multiscales" in attributes and "labels" in node.group_keys():
            return label_images(path / "labels")
        names = attributes.get("labels") or (node.group_keys() if path.name == "labels" else ())
        return [path / _inside(path, str(name)) for name in sorted(names)]
    except InputError:
        raise
    except Exception as error:  # a parser of damaged files fails in countless ways
        raise InputError(f"'{path}' cannot be read as OME-Zarr: {error}. Save it again.") from error


def open_ome_zarr(path: Path, number: int | None = None) -> StoredArray:
    """Open a multiscale image of an OME-Zarr folder at full resolution, or a plain zarr array.

    `number` says which image of a folder that bioformats2raw made, where it holds several.

    Raises
    ------
    InputError
        If it holds no image, several and nobody chose, a plate, or is damaged.
    """
    try:
        return _open(path, number)
    except InputError:
        raise
    except Exception as error:  # a parser of damaged files fails in countless ways
        raise InputError(
            f"'{path}' cannot be read as an OME-Zarr image: {error}. Save it again."
        ) from error


def _open(path: Path, number: int | None) -> StoredArray:
    import zarr

    node = zarr.open(local_store(path), mode="r")
    if isinstance(node, zarr.Array):
        names = getattr(node.metadata, "dimension_names", None) or ()
        if names and all(names):
            return stored_zarr(path.name, node, "".join(_letter(name) for name in names))
        axes = fill_axes([""] * node.ndim, node.shape)
        unnamed = "".join(axis for axis in axes if axis not in "yx")
        return replace(stored_zarr(path.name, node, axes), unnamed=unnamed)
    attributes: dict[str, Any] = dict(node.attrs)
    attributes = attributes.get("ome", attributes)
    if "bioformats2raw.layout" in attributes:
        inner = sorted((name for name in node.group_keys() if name.isdecimal()), key=int)
        if inner:
            chosen = inner[choose_series(path, inner, number)]
            found = replace(_open(path / chosen, None), name=path.name)
            return replace(found, series=tuple(inner) if len(inner) > 1 else ())
    if not attributes.get("multiscales"):
        raise InputError(f"'{path}' is no OME-Zarr image: {_what_else(node, attributes)}")
    image = attributes["multiscales"][0]
    dataset = image["datasets"][0]
    array = node[_inside(path, str(dataset["path"]))]
    if not isinstance(array, zarr.Array):
        raise InputError(f"'{path}': '{dataset['path']}' is no array; save the image again.")
    axes, units = _axes(image.get("axes"), array.ndim)
    scale = _scale(dataset, image, len(axes))
    given = {a: (s, u) for a, s, u in zip(axes, scale, units, strict=True) if a in "zyx"}
    stored = stored_zarr(path.name, array, axes, in_micrometers(given), _says_colors(attributes))
    return replace(stored, notes=(*stored.notes, *lost_lengths(given)))


def stored_zarr(
    name: str,
    array: zarr.Array[Any],
    axes: str,
    sizes: Mapping[str, float] | None = None,
    four_are_colors: bool = False,
) -> StoredArray:
    """Return a zarr array as a `StoredArray`; numbers only, and no codec that runs code.

    Three channels along the last axis are colors; four are only where that is known, and the last
    of them, how opaque a pixel is, is left out.
    """
    from napari_synthseg.io.checked_zarr import with_checked_chunks

    metadata = json.dumps(dict(array.metadata.to_dict(), attributes=None), default=str)
    if "pickle" in metadata:
        raise InputError(f"'{name}' holds Python objects, which are never loaded.")
    try:
        array = with_checked_chunks(array)
    except InputError as error:
        raise InputError(f"'{name}' is not read: {error}") from None
    chunk = tuple(array.shards or array.chunks)
    check_budget(name, math.prod(chunk), array.dtype.itemsize)

    def read(index: Index) -> NDArray[Any]:
        try:
            return np.asarray(array[index])
        except Exception as error:  # any codec may fail on damaged chunks
            raise InputError(f"'{name}' is damaged: {error}. Copy or save it again.") from error

    sizes = sizes or {}
    channels = array.shape[-1] if axes.endswith("c") else 0
    color = channels == 3 or (channels == 4 and four_are_colors)
    notes = {
        (4, True): ("its fourth channel, how opaque a pixel is, is left out",),
        (4, False): ("its four channels are not taken for colors, which it does not say they are",),
    }
    return StoredArray(
        name=name,
        shape=(*array.shape[:-1], 3) if color else tuple(array.shape),  # without alpha
        axes=axes,
        dtype=np.dtype(array.dtype),
        read=read,
        is_color=color,
        chunk=chunk,
        pixel_size=sizes,
        unit="um" if sizes else "px",
        notes=notes.get((channels, color), ()),
    )


def _says_colors(attributes: Mapping[str, Any]) -> bool:
    """Tell whether the first channels are said to be shown in red, green and blue."""
    channels = attributes.get("omero", {}).get("channels", [])
    shown = [str(channel.get("color", "")).upper() for channel in channels[:3]]
    return shown == ["FF0000", "00FF00", "0000FF"]


def _axes(axes: Sequence[Any] | None, ndim: int) -> tuple[str, list[str]]:
    """Return one letter and one unit for each axis, as versions 0.1 to 0.5 write them."""
    if axes is None:  # 0.1 and 0.2 had five axes, always
        axes = list(_AXES_BY_NUMBER.get(ndim, ""))
    named = [axis if isinstance(axis, Mapping) else {"name": axis} for axis in axes]
    return "".join(_letter(a["name"]) for a in named), [str(a.get("unit", "")) for a in named]


def _letter(name: object) -> str:
    """Return the letter of an axis, which may be written in capitals or in words."""
    bare = str(name).strip().lower()
    return axis_letter(bare) or (bare if len(bare) == 1 else "?")


def _scale(dataset: Mapping[str, Any], image: Mapping[str, Any], ndim: int) -> list[float]:
    """Return the size of a pixel along each axis: the level's scale times the image's."""
    total = [1.0] * ndim
    for owner in (dataset, image):
        for transform in owner.get("coordinateTransformations", ()):
            if transform.get("type") == "scale":
                total = [t * float(s) for t, s in zip(total, transform["scale"], strict=True)]
    return total


def _inside(path: Path, name: str) -> str:
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or name.startswith("/") or "\\" in name:
        raise InputError(f"'{path}' names '{name}' as its pixels, which lies outside it.")
    return name


def _what_else(node: zarr.Group, attributes: Mapping[str, Any]) -> str:
    if "plate" in attributes or "well" in attributes:
        return "it is a plate or a well; choose the folder of one image inside."
    inner = sorted(name for name, _ in node.members())
    if inner:
        return f"choose a folder inside it ({', '.join(inner[:5])})."
    return "it is empty."
