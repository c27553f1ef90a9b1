"""From a napari layer or a file to an image of the project, and back to pixels to show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.images.stacks import StackUse, is_volume
from napari_synthseg.storage.images import open_pixels

if TYPE_CHECKING:
    from napari.layers import Image, Layer

MAX_CHANNELS = 5
"""Length up to which a leading axis is read as channels, unless its label says otherwise."""

UNITS = {"micrometer": "um", "nanometer": "nm", "millimeter": "mm"}
"""napari's names of the units that classes know."""


@dataclass(frozen=True, eq=False)
class LayerPixels:
    """What is taken from a layer: an array with a letter of "czyx" for each axis.

    `whole` says that the layer itself shows just this.
    """

    array: Any
    axes: str
    name: str
    whole: bool

    @property
    def ndim(self) -> int:
        """Number of spatial axes."""
        return 3 if "z" in self.axes else 2


def finest_level(layer: Layer) -> Any:
    """Return the array of a layer, of several resolutions the finest one."""
    return layer.data[0] if layer.multiscale else layer.data


def sample_name(layer: Layer) -> str:
    """Return the name of the sample that a layer shows, or ''."""
    mark = layer.metadata.get("napari_synthseg", {})
    return str(mark.get("sample", "")) if isinstance(mark, dict) else ""


def source_file(layer: Image) -> Path | None:
    """Return the file that a plain 2D layer was read from, or None."""
    path = layer.source.path
    plain = layer.ndim == 2 and not layer.multiscale
    return Path(path) if path and plain and Path(path).exists() else None


def layer_pixels(layer: Image, step: tuple[int, ...], stack: StackUse = "auto") -> LayerPixels:
    """Return the pixels of a layer to work on; nothing is computed or copied yet.

    The last axis before y and x, unless it is called a time, is z if that makes a volume. Of other
    stacks the plane at the viewer's current `step` is taken; a short leading axis is taken as
    channels.
    """
    data = finest_level(layer)
    if layer.ndim < 2:
        raise InputError(f"Layer '{layer.name}' has one axis only: choose an image.")
    letters = _letters(layer, stack)
    offset = len(step) - layer.ndim
    index = tuple(
        slice(None) if letter else int(step[offset + axis]) for axis, letter in enumerate(letters)
    )
    plane = tuple(i for i in index if isinstance(i, int))
    axes = "".join(letters) + ("c" if layer.rgb else "")
    array = _sliced(data, (*index, slice(0, 3)) if layer.rgb else index)
    # of a stack of channel images, other layers could not lie on its last axes
    whole = not plane and not ("z" in axes and axes.find("c") == axes.find("z") + 1)
    return LayerPixels(array, axes, _plane_name(layer.name, plane), whole)


def _sliced(data: Any, index: tuple[int | slice, ...]) -> Any:
    """Return a part of an array; of one on disk, nothing is read before it is asked for."""
    if not isinstance(data, np.ndarray):
        import dask.array

        data = data if isinstance(data, dask.array.Array) else dask.array.from_array(data)  # type: ignore[no-untyped-call]
    return data[index]


def planes_of(layer: Image) -> int:
    """Return how many planes a layer has along z; 1 if it is flat."""
    _, depth = _stack_axes(layer)
    return 1 if depth is None else int(np.shape(finest_level(layer))[depth])


def is_volume_layer(layer: Image, stack: StackUse) -> bool:
    """Return whether a layer's planes would be used as one volume."""
    return "z" in _letters(layer, stack)


def _letters(layer: Image, stack: StackUse) -> list[str]:
    """Return the letter of each axis, without a layer's colors; "" for those fixed at a step."""
    letters = [""] * (layer.ndim - 2) + ["y", "x"]
    channel, depth = _stack_axes(layer)
    if channel is not None:
        letters[channel] = "c"
    spacing = layer.scale[depth] / layer.scale[-1] if depth is not None else 1.0
    if depth is not None and is_volume(planes_of(layer), spacing, stack):
        letters[depth] = "z"
    return letters


def _stack_axes(layer: Image) -> tuple[int | None, int | None]:
    """Return the axes of channels and of depth, before y and x."""
    names = [str(label).lower() for label in layer.axis_labels]
    axes = range(layer.ndim - 2)
    channel = next((a for a in axes if names[a] in ("c", "channel", "channels")), None)
    few = len(axes) == 1 and np.shape(finest_level(layer))[0] <= MAX_CHANNELS
    if channel is None and few and names[0] not in ("z", "t", "time", "depth"):
        channel = 0
    if layer.rgb:
        channel = None
    free = [a for a in axes if a != channel and names[a] not in ("t", "time")]
    return channel, free[-1] if free else None


def physical_size(layer: Image, ndim: int = 2) -> tuple[tuple[float, ...] | None, str]:
    """Return a layer's pixel size along its last `ndim` axes and its unit.

    Where it has no length as unit, the size of a volume's pixels is still returned, in pixels along
    the finest axis, if it is not the same along all.
    """
    units = {UNITS.get(str(unit)) for unit in layer.units[-ndim:]}
    scale = tuple(float(abs(s)) for s in layer.scale[-ndim:])
    if len(units) == 1 and (unit := units.pop()) is not None:
        return scale, unit
    if ndim == 3 and max(scale) > min(scale):
        return tuple(s / min(scale) for s in scale), "px"
    return None, "px"


def read_image(ref: ImageRef, folder: Path) -> tuple[np.ndarray, bool]:
    """Return the pixels of a whole image as napari shows them, and whether as RGB.

    One channel gives ([z,] y, x), RGB (y, x, 3), other numbers (channel, [z,] y, x).
    """
    pixels = open_pixels(ref.model_copy(update={"region": None}), folder).read()
    if len(pixels) == 1:
        return pixels[0], False
    if len(pixels) == 3 and ref.axes.endswith("c"):
        return np.clip(np.moveaxis(pixels, 0, -1), 0, 1), True
    return pixels, False


def _plane_name(name: str, plane: tuple[int, ...]) -> str:
    return f"{name} [{', '.join(str(int(p)) for p in plane)}]" if plane else name
