"""Where the pixels of a layer are taken from: its file, if it shows what that holds; else itself.

A layer may have been cropped, inverted or given other data since it was read, or napari may have
read its file in another way than the file says. So the pixels are compared, in the background.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.progress import Progress
from napari_synthseg.io.images.files import open_file
from napari_synthseg.io.images.stacks import StackUse
from napari_synthseg.io.images.stored_array import Index, StoredArray, check_stored
from napari_synthseg.ui.presenters.layer_axes import LayerAxes
from napari_synthseg.ui.viewer.reading.layer_view import BUILT_IN_READER, LayerView

BLOCK_BYTES = 64 * 2**20
"""What is compared at once."""


@dataclass(frozen=True, eq=False)
class LayerSource:
    """What is added to a project for a layer.

    Attributes
    ----------
    source
        A file, or an array.
    name
        What the image is called, where it is an array.
    axes
        Letters of its axes; None for those that the file says.
    plane
        The only plane that is used; None for every one.
    stack
        Whether planes along z are a volume.
    pixel_size, unit
        As the layer says; None where it says nothing.
    is_aligned
        Whether the layer's last axes are those of the image, so that both lie in one place.
    is_shown
        Whether the layer itself shows just this.
    note
        What the user must know; '' for nothing.
    """

    source: Path | Any
    name: str
    axes: str | None
    plane: dict[str, int] | None
    stack: StackUse
    pixel_size: tuple[float, ...] | None
    unit: str
    is_aligned: bool
    is_shown: bool
    note: str = ""


def find_source(
    view: LayerView, axes: LayerAxes, stack: StackUse, *, every_plane: bool
) -> Generator[Progress, None, LayerSource]:
    """Choose between the file of a layer and its own pixels.

    Parameters
    ----------
    view
        The layer.
    axes
        What its axes stand for.
    stack
        Whether planes along z are a volume.
    every_plane
        Take each time and plane as an image, not the shown one only.

    Raises
    ------
    InputError
        If it cannot be an image, or the sliders stand where it has no plane.
    """
    yield Progress(0.0, f"looking at {view.name}")
    check_stored(
        StoredArray(view.name, view.shape, axes.letters, np.dtype(view.array.dtype), _no_read)
    )
    stacked = axes.planes(stack)
    plane = None if every_plane else view.plane(axes.letters, stacked)
    spatial = "".join(a for a in "zyx" if a in axes.letters and a not in stacked)
    size, unit = view.pixel_size(axes.letters, spatial)
    order = axes.letters.removesuffix("c") if view.rgb else axes.letters
    fields: dict[str, Any] = {
        "stack": "volume" if "z" in spatial else "planes",
        "pixel_size": size,
        "unit": unit,
        "is_aligned": order.endswith(spatial),
        "is_shown": not stacked and order.endswith(spatial),
    }
    note = ""
    if view.file is not None and (stored := _opened(view.file)) is not None:
        index = plane or {}
        if (yield from _is_same(view, axes.letters, index, stored)):
            return LayerSource(view.file, "", axes.letters, plane, note="", **fields)
        if view.is_built_in and (yield from _is_as_napari_reads(view)):
            note = (
                f"napari does not show '{view.file.name}' as the file says that it is to be read, "
                "so it is shown again, in a layer of its own, as it is used."
            )
            return _as_the_file_says(view, stored, index, fields, note)
        note = (
            f"Layer '{view.name}' does not show what its file '{view.file.name}' holds, so a copy "
            "of what it shows is used."
        )
    array = view.sliced(axes.letters, plane or {})
    left = "".join(a for a in axes.letters if a not in (plane or {}))
    name = f"{view.name} [{', '.join(map(str, plane.values()))}]" if plane else view.name
    return LayerSource(array, name, left, None, note=note, **fields)


def _as_the_file_says(
    view: LayerView, stored: StoredArray, plane: Mapping[str, int], fields: Any, note: str
) -> LayerSource:
    """Return a file to be shown anew: the plane in view, where the file has such planes."""
    known = {a: n for a, n in plane.items() if n < stored.size(a)}
    lost = {"pixel_size": None, "unit": "px", "is_aligned": False, "is_shown": False}
    return LayerSource(view.file, "", None, known or None, note=note, **{**fields, **lost})


def _opened(path: Path) -> StoredArray | None:
    try:
        return open_file(path)
    except InputError:  # a format that only a plugin of napari reads
        return None


def _is_same(
    view: LayerView, letters: str, plane: Mapping[str, int], stored: StoredArray
) -> Generator[Progress, None, bool]:
    """Tell whether a layer shows what its file holds; where planes are chosen, on these."""
    seen = (*view.shape[:-1], min(view.shape[-1], 3)) if view.rgb else view.shape
    if seen != stored.shape:
        return False
    array = view.sliced(letters, plane)
    whole: Index = tuple(plane.get(a, slice(0, n)) for a, n in zip(letters, seen, strict=True))
    for done, part in _blocks(whole, stored):
        yield Progress(done, f"comparing {view.name} with its file")
        try:
            there = stored.read(part)
        except InputError:
            return False
        kept = tuple(p for p in part if isinstance(p, slice))
        if not _equal(np.asarray(array[kept]), there):
            return False
    return True


def _blocks(whole: Index, stored: StoredArray) -> Iterator[tuple[float, Index]]:
    """Yield parts along the first axis that is not fixed; a file that is decoded whole in one."""
    axis, length = next((n, part.stop) for n, part in enumerate(whole) if isinstance(part, slice))
    size = math.prod(p.stop for p in whole if isinstance(p, slice)) * stored.dtype.itemsize
    step = length if stored.whole else max(1, length * BLOCK_BYTES // max(size, 1))
    for start in range(0, length, step):
        part = slice(start, min(start + step, length))
        yield start / length, (*whole[:axis], part, *whole[axis + 1 :])


def _is_as_napari_reads(view: LayerView) -> Generator[Progress, None, bool]:
    """Tell whether a layer shows what napari reads from its file."""
    import npe2

    yield Progress(0.5, f"comparing {view.name} with its file")
    try:
        read = npe2.read([str(view.file)], stack=False, plugin_name=BUILT_IN_READER)
    except Exception:  # noqa: BLE001 - what is read by others fails in countless ways
        return False
    arrays = (layer[0][0] if isinstance(layer[0], list) else layer[0] for layer in read)
    found = next((a for a in arrays if np.shape(a) == view.shape), None)
    return found is not None and _equal(np.asarray(view.array), np.asarray(found))


def _equal(first: np.ndarray, second: np.ndarray) -> bool:
    floats = first.dtype.kind == second.dtype.kind == "f"
    return bool(np.array_equal(first, second, equal_nan=floats))


def _no_read(index: Index) -> Any:
    raise NotImplementedError
