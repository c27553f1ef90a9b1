"""A napari layer as it is when it is chosen, and the pixels of images to show."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.io.images.axes import axis_words
from napari_synthseg.storage.images import open_pixels

if TYPE_CHECKING:
    from napari.layers import Image, Layer

UNITS = {"micrometer": "um", "nanometer": "nm", "millimeter": "mm"}
"""napari's names of the units that classes know."""

BUILT_IN_READER = "napari"


@dataclass(frozen=True, eq=False)
class LayerView:
    """What is known of a layer without reading a pixel.

    Attributes
    ----------
    name
        The layer's name.
    array
        Its pixels at the finest resolution; those of an RGB layer end in the axis of colors.
    rgb
        Whether it does.
    index
        Where the viewer's sliders stand, in pixels of the layer along each of its axes.
    scale, units
        Size of a pixel along each axis, and its unit as napari names it.
    file
        The file that it was read from, if there is one still.
    is_built_in
        Whether napari itself read that file, not a plugin.
    """

    name: str
    array: Any
    rgb: bool
    index: tuple[int, ...]
    scale: tuple[float, ...]
    units: tuple[str, ...]
    file: Path | None
    is_built_in: bool

    @classmethod
    def of(cls, layer: Image, point: tuple[float, ...]) -> LayerView:
        """Return a layer as it is now; `point` is where the sliders stand, in the world."""
        return cls(
            name=layer.name,
            array=finest_level(layer),
            rgb=layer.rgb,
            index=slider_index(layer, point),
            scale=tuple(float(abs(s)) for s in layer.scale),
            units=tuple(str(unit) for unit in layer.units),
            file=source_file(layer),
            is_built_in=layer.source.reader_plugin == BUILT_IN_READER,
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return tuple(int(n) for n in np.shape(self.array))

    def plane(self, letters: str, axes: str) -> dict[str, int]:
        """Return the shown index along each of `axes`; `letters` are those of the array.

        Raises
        ------
        InputError
            If the sliders stand where the layer has no plane.
        """
        found = {}
        for axis in axes:
            number = letters.index(axis)
            if not 0 <= self.index[number] < self.shape[number]:
                raise InputError(
                    f"Layer '{self.name}' has {axis_words(axis, self.shape[number])}, and the "
                    "viewer's slider stands beyond them: move the slider until the layer is seen."
                )
            found[axis] = self.index[number]
        return found

    def sliced(self, letters: str, plane: Mapping[str, int]) -> Any:
        """Return the array at a plane, without alpha; of one on disk nothing is read yet."""
        index: list[int | slice] = [plane.get(axis, slice(None)) for axis in letters]
        if self.rgb:
            index[-1] = slice(0, 3)
        data = self.array
        if not isinstance(data, np.ndarray):
            import dask.array

            data = data if isinstance(data, dask.array.Array) else dask.array.from_array(data)  # type: ignore[no-untyped-call]
        return data[tuple(index)]

    def pixel_size(self, letters: str, spatial: str) -> tuple[tuple[float, ...] | None, str]:
        """Return the size of a pixel along each of the axes `spatial`, and its unit.

        Where the layer has no length as unit, the proportions of pixels are still returned, in
        pixels along the finest axis, if they are not the same along all.
        """
        places = [letters.index(axis) for axis in spatial]
        return pixel_size([self.scale[n] for n in places], [self.units[n] for n in places])


def pixel_size(
    scale: Sequence[float], units: Sequence[object]
) -> tuple[tuple[float, ...] | None, str]:
    """Return the size of a pixel along some axes, and its unit; see `LayerView.pixel_size`."""
    known = {UNITS.get(str(unit)) for unit in units}
    sizes = tuple(float(abs(s)) for s in scale)
    if len(known) == 1 and (unit := known.pop()) is not None:
        return sizes, unit
    if max(sizes) > min(sizes):
        return tuple(s / min(sizes) for s in sizes), "px"
    return None, "px"


def finest_level(layer: Layer) -> Any:
    """Return the array of a layer, of several resolutions the finest one."""
    return layer.data[0] if layer.multiscale else layer.data


def slider_index(layer: Layer, point: tuple[float, ...]) -> tuple[int, ...]:
    """Return where a point of the world lies in a layer, in pixels; it may lie outside."""
    world = point[-layer.ndim :] if len(point) >= layer.ndim else (0.0,) * layer.ndim
    return tuple(round(float(n)) for n in layer.world_to_data(world))


def sample_name(layer: Layer) -> str:
    """Return the name of the sample that a layer shows, or ''."""
    mark = layer.metadata.get("napari_synthseg", {})
    return str(mark.get("sample", "")) if isinstance(mark, dict) else ""


def source_file(layer: Layer) -> Path | None:
    """Return the file that a layer was read from, or None."""
    path = layer.source.path
    return Path(path) if path and Path(path).exists() else None


def read_image(ref: ImageRef, folder: Path) -> Generator[Progress, None, tuple[np.ndarray, bool]]:
    """Return the pixels of a whole image as napari shows them, and whether as RGB.

    One channel gives ([z,] y, x), RGB (y, x, 3), other numbers (channel, [z,] y, x).
    """
    work = open_pixels(ref.model_copy(update={"region": None}), folder).read_whole()
    pixels = yield from subprogress(work, message=f"reading {ref.name}")
    if len(pixels) == 1:
        return pixels[0], False
    if len(pixels) == 3 and ref.axes.endswith("c"):
        return np.clip(np.moveaxis(pixels, 0, -1), 0, 1), True
    return pixels, False
