"""The menu of a button that uses masks of a Labels layer, or of a label image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Labels as LabelsLayer
from numpy.typing import NDArray
from qtpy.QtWidgets import QFileDialog, QMenu, QPushButton, QWidget

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.viewer.reading.layer_view import finest_level, slider_index

LABEL_FILES = "Label images (*.tif *.tiff *.png);;All files (*)"


class LabelsMenu(QMenu):
    """Offers the Labels layers of the viewer, and a file; opens from a button."""

    def __init__(
        self,
        button: QPushButton,
        layers: Layers,
        take_layer: Callable[[LabelsLayer], object],
        choose_file: Callable[[], object],
    ) -> None:
        super().__init__(button)
        self._layers, self._take_layer, self._choose_file = layers, take_layer, choose_file
        self.aboutToShow.connect(self.fill)
        button.setMenu(self)
        button.setObjectName("menu")

    def fill(self) -> None:
        """List what the viewer holds now."""
        self.clear()
        for layer in self._layers.label_layers():
            action = self.addAction(f"Layer: {layer.name}")
            action.triggered.connect(lambda _=False, chosen=layer: self._take_layer(chosen))
        self.addSeparator()
        self.addAction("From a label image…").triggered.connect(lambda: self._choose_file())


def ask_label_file(parent: QWidget, title: str) -> Path | None:
    """Ask for a label image; return None where nothing was chosen."""
    path, _ = QFileDialog.getOpenFileName(parent, title, "", LABEL_FILES)
    return Path(path) if path else None


def values_in_view(layer: LabelsLayer, plane: tuple[int, ...], ndim: int) -> NDArray[Any]:
    """Return a layer's values along its last `ndim` axes; `plane` is that of `plane_in_view`.

    A layer of fewer axes gives all that it has. Reading takes a moment: not for the GUI thread.
    """
    return np.asarray(finest_level(layer)[plane[: max(layer.ndim - ndim, 0)]])


def objects_in_view(layer: LabelsLayer, plane: tuple[int, ...], ndim: int) -> InstanceLabels:
    """Return the objects of a layer, of no class yet; see `values_in_view`.

    Raises
    ------
    InputError
        If an id does not fit into 32 bits, where another object's may be the same.
    """
    values, limits = values_in_view(layer, plane, ndim), np.iinfo(np.int32)
    for ident in (values.min(initial=0), values.max(initial=0)):
        if not limits.min <= ident <= limits.max:
            raise InputError(
                f"Layer '{layer.name}' holds the id {ident}, and those of layers must lie "
                f"between {limits.min} and {limits.max}: save it as TIFF, and import the file."
            )
    return InstanceLabels(np.ascontiguousarray(values, np.int32))


def require_on_image(layer: LabelsLayer, image: DisplayedImage) -> None:
    """Refuse a layer of the shape of an image, or of a part of it, that lies elsewhere.

    Raises
    ------
    InputError
        If a corner of it lies more than half a pixel from where it belongs.
    """
    ndim = len(image.shape)
    extents = np.shape(finest_level(layer))[-ndim:]
    corners = [
        [start for start, _ in ref.region]
        for ref in image.refs
        if ref.region is not None and tuple(stop - a for a, stop in ref.region) == extents
    ]
    corners = [[0] * ndim] if extents == tuple(image.shape) else corners
    ends = [np.zeros(len(extents)), np.subtract(extents, 1)]
    if corners and not any(
        all(_apart(layer, end, image, np.add(end, corner)) <= 0.5 for end in ends)
        for corner in corners
    ):
        raise InputError(
            f"Layer '{layer.name}' does not lie on image '{image.layer.name}': give it the image's "
            "scale, translation and rotation if its pixels are those of the image, or save it and "
            "take it as a label image."
        )


def _apart(layer: LabelsLayer, pixel: Any, image: DisplayedImage, place: Any) -> float:
    """Return how far a layer's pixel lies from a place on an image, in pixels of the image."""
    ndim = len(pixel)
    world = layer.data_to_world([0] * (layer.ndim - ndim) + list(pixel))[-ndim:]
    there = image.layer.world_to_data([0] * max(image.layer.ndim - ndim, 0) + list(world))
    return float(np.abs(np.subtract(there[-ndim:], place)).max())


def plane_in_view(layer: LabelsLayer, point: tuple[float, ...], ndim: int) -> tuple[int, ...]:
    """Return where a point of the world lies in a layer, in pixels along each axis.

    Raises
    ------
    InputError
        If the layer has no such plane, before its last `ndim` axes.
    """
    index, shape = slider_index(layer, point), np.shape(finest_level(layer))
    for axis in range(max(layer.ndim - ndim, 0)):
        if not 0 <= index[axis] < shape[axis]:
            raise InputError(
                f"Layer '{layer.name}' has {shape[axis]} planes, and the viewer's slider stands "
                "beyond them: move the slider until the layer is seen."
            )
    return index
