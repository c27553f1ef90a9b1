"""The layer that shows what a model finds while it is trained, and the part it is found in."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels, Layer, Points, Vectors

from napari_synthseg.core.geometry import full_region, intersect, region_shape
from napari_synthseg.core.predictions import InstancePrediction, Prediction, RegionPrediction
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.presenters.images.pictures import ImageKey
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage
from napari_synthseg.ui.viewer.image_layers import ImageLayers
from napari_synthseg.ui.viewer.output_layers import make_prediction_layers
from napari_synthseg.ui.viewer.quick_layers import show_lines
from napari_synthseg.ui.viewer.view import remove_layer
from napari_synthseg.workflow.runs.live_view import MOST_PLANES, Field

if TYPE_CHECKING:
    from napari import Viewer

NAME = "Live: what the model finds so far"

LEAST_PX = 16
"""A part that is narrower is not looked at."""


class LiveLayer:
    """One layer on the image in view, replaced in place at each look, and removed at the end.

    Attributes
    ----------
    layer
        None while there is nothing to see, or where the user removed it.
    is_wanted
        Whether it may be shown; it is not once the user has removed it.
    """

    def __init__(self, viewer: Viewer, layers: ImageLayers, controller: SessionController) -> None:
        self.layer: Layer | None = None
        self.is_wanted = False
        self._key: ImageKey | None = None
        self._viewer, self._layers, self._controller = viewer, layers, controller

    def show(self, prediction: Prediction, image: DisplayedImage) -> None:
        """Show what was found on an image, soon, in place of what was found before."""
        if not self.is_wanted or self._controller.job("display") is not None:
            return  # the next look comes in a few seconds
        classes = self._controller.project.classes
        has_pixels = isinstance(prediction, (InstancePrediction, RegionPrediction))
        origin = prediction.region_origin if has_pixels else (0,) * len(image.shape)

        def make() -> Layer | None:
            longest = max(image.shape)
            made = make_prediction_layers(prediction, classes, NAME, image.placement, longest)
            return made[0] if made else None

        def add(fresh: Layer | None) -> None:
            if fresh is None or not self.is_wanted:
                return
            if type(self.layer) is type(fresh) and self._key == image.key:
                _take_over(self.layer, fresh)
                self._layers.move(self.layer, image, origin)
                return
            self._remove()
            active = self._viewer.layers.selection.active
            fresh.name = NAME
            self.layer, self._key = fresh, image.key
            self._layers.add(fresh, image, origin)
            self._viewer.layers.selection.active = active  # the user goes on marking

        self._controller.compute("show the live view", make, add)

    def clear(self) -> None:
        """Remove the layer, and show none any more."""
        self.is_wanted = False
        self._remove()

    def close(self) -> None:
        """Leave the layer to the user."""
        self.layer, self.is_wanted = None, False

    def forget(self, gone: Layer) -> None:
        """Note that a layer was removed; the user's removal ends the showing."""
        if gone is self.layer:
            self.layer = None
            self.is_wanted = False

    def _remove(self) -> None:
        layer, self.layer = self.layer, None
        remove_layer(self._viewer, layer)

    def field(self, image: DisplayedImage | None) -> Field | None:
        """Return the part of an image that is in view, of the part of the project there."""
        if image is None or not image.refs:
            return None
        region = visible_region(self._viewer, image)
        whole = full_region(image.shape)
        best: tuple[int, Field] | None = None
        for ref in image.refs:
            part = intersect(region, ref.region or whole)
            if part is None or min(region_shape(part)[-2:]) < LEAST_PX:
                continue
            size = int(np.prod(region_shape(part)))
            if best is None or size > best[0]:
                best = size, Field(ref, part)
        return best[1] if best is not None else None


def visible_region(viewer: Viewer, image: DisplayedImage) -> tuple[tuple[int, int], ...]:
    """Return the part ([z,] y, x) of an image that the canvas shows, pixels.

    Of volumes these are planes around the one that is shown; in 3D all of it.
    """
    whole = full_region(image.shape)
    dims, camera = viewer.dims, viewer.scene.camera
    if dims.ndisplay == 3:
        return whole
    axes = list(dims.displayed)[-2:]
    center, reach = np.array(camera.center[-2:]), np.array(viewer.canvas.size) / (2 * camera.zoom)
    corners = []
    for signs in product((-1, 1), repeat=2):
        world = np.array(dims.point, float)
        world[axes] = center + signs * reach
        corners.append(np.array(image.layer.world_to_data(world))[-len(whole) :])
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    if len(whole) == 3:
        low[0], high[0] = low[0] - MOST_PLANES // 2, high[0] + MOST_PLANES // 2
    return tuple(
        (min(max(int(np.floor(a)), 0), stop - 1), max(min(int(np.ceil(b)) + 1, stop), 1))
        for a, b, (_, stop) in zip(low, high, whole, strict=True)
    )


def _take_over(layer: Layer | None, fresh: Layer) -> None:
    """Show what a fresh layer shows; visibility and opacity stay as the user left them."""
    match layer, fresh:
        case Labels(), Labels():
            layer.data = fresh.data
            if not np.array_equal(layer.features.get("class"), fresh.features.get("class")):
                layer.colormap = fresh.colormap
                layer.features = fresh.features
        case Vectors(), Vectors():
            show_lines(layer, fresh.data, fresh.edge_color)
        case Points(), Points():
            layer.data = fresh.data
            layer.features = fresh.features
            layer.face_color = fresh.face_color
