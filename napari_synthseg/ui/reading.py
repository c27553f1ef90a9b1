"""From a napari layer or a file to an image of the project, and back to pixels to show."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import ImageRef
from napari_synthseg.jobs import Job
from napari_synthseg.pipeline import Progress
from napari_synthseg.session import Session

if TYPE_CHECKING:
    from napari.layers import Image, Layer

CHANNELS_AT_MOST = 5
"""A leading axis this short is taken for channels unless its label says otherwise."""


UNITS = {"micrometer": "um", "nanometer": "nm", "millimeter": "mm"}
"""napari's names of the units that classes know."""


@dataclass(frozen=True, eq=False)
class LayerPixels:
    """What is taken from a layer: an array that is (y, x), (y, x, c) or (c, y, x)."""

    array: Any
    axes: str
    name: str


def sample_name(layer: Layer) -> str:
    """Return the name of the sample that a layer shows, or ''."""
    mark = layer.metadata.get("napari_synthseg", {})
    return str(mark.get("sample", "")) if isinstance(mark, dict) else ""


def source_file(layer: Image) -> Path | None:
    """Return the file that a plain 2D layer was read from, or None."""
    path = layer.source.path
    plain = layer.ndim == 2 and not layer.multiscale
    return Path(path) if path and plain and Path(path).exists() else None


def layer_pixels(layer: Image, step: tuple[int, ...]) -> LayerPixels:
    """Return the pixels of a layer to work on; nothing is computed or copied yet.

    Of a stack, the plane at the viewer's current `step` is taken; a short leading axis is taken
    as channels.
    """
    data = layer.data[0] if layer.multiscale else layer.data
    if layer.rgb:
        plane = step[-layer.ndim :][: layer.ndim - 2]
        return LayerPixels(data[plane][..., :3], "yxc", _plane_name(layer.name, plane))
    if layer.ndim < 2:
        raise InputError(f"Layer '{layer.name}' has one axis only: choose an image.")
    labels = tuple(str(a).lower() for a in layer.axis_labels)
    channel = _channel_axis(labels, data.shape)
    others = [axis for axis in range(layer.ndim - 2) if axis != channel]
    offset = len(step) - layer.ndim
    index = tuple(step[offset + a] if a in others else slice(None) for a in range(layer.ndim))
    plane = tuple(int(step[offset + a]) for a in others)
    axes = "cyx" if channel is not None else "yx"
    return LayerPixels(data[index], axes, _plane_name(layer.name, plane))


def physical_size(layer: Image) -> tuple[tuple[float, float] | None, str]:
    """Return a layer's pixel size along (y, x) and its unit, or (None, "px") if it has none."""
    first, second = (UNITS.get(str(unit)) for unit in layer.units[-2:])
    if first is None or first != second:
        return None, "px"
    return (float(layer.scale[-2]), float(layer.scale[-1])), first


def display_image(session: Session, ref: ImageRef) -> Job:
    """Return the job that reads a whole picture to show it. Value: (pixels, rgb)."""
    whole = ref.model_copy(update={"region": None})

    def work() -> Generator[Progress, None, tuple[np.ndarray, bool]]:
        yield Progress(0.0, f"reading {ref.name}")
        pixels = session.pixels(whole).read()
        if len(pixels) == 1:
            return pixels[0], False
        if len(pixels) == 3 and ref.axes.endswith("c"):
            return np.clip(np.moveaxis(pixels, 0, -1), 0, 1), True
        return pixels, False

    return Job(work(), f"read {ref.name}")


def _channel_axis(labels: tuple[str, ...], shape: tuple[int, ...]) -> int | None:
    for axis in range(len(shape) - 2):
        if labels[axis] in ("c", "channel", "channels"):
            return axis
    named = labels and labels[0] in ("z", "t", "time", "depth")
    if len(shape) == 3 and shape[0] <= CHANNELS_AT_MOST and not named:
        return 0
    return None


def _plane_name(name: str, plane: tuple[int, ...]) -> str:
    return f"{name} [{', '.join(str(int(p)) for p in plane)}]" if plane else name
