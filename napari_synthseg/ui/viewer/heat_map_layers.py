"""Heat maps in the viewer: one additive layer a class, on one scale, over a darkened image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Layer, Points
from napari.utils.colormaps import Colormap

from napari_synthseg.core.predictions import HeatMaps
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.presenters.found.heat_maps import ShownRange, shown_range
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage
from napari_synthseg.ui.viewer.found.canvas_clicks import CanvasClicks
from napari_synthseg.ui.viewer.image_layers import ImageLayers
from napari_synthseg.ui.viewer.placement import Placement
from napari_synthseg.ui.viewer.subscriptions import Subscriptions
from napari_synthseg.ui.viewer.view import remove_layer

if TYPE_CHECKING:
    from napari import Viewer

DARKENING = 0.6
"""Opacity of the black layer over the image: colors then show on bright images, too."""


class HeatMapLayers:
    """The heat maps of one image that are shown; new ones replace them.

    Attributes
    ----------
    layers
        Class value -> layer, for those that the user has not removed.
    ranges
        Class value -> values of its map that are shown dark and in full color.
    """

    def __init__(self, viewer: Viewer, layers: ImageLayers, controller: SessionController) -> None:
        self.layers: dict[int, Image] = {}
        self.ranges: dict[int, ShownRange] = {}
        self._image: DisplayedImage | None = None
        self._is_dark = True
        self._darkening: Image | None = None
        self._place_mark: Points | None = None
        self._viewer, self._layers, self._controller = viewer, layers, controller
        self._canvas = CanvasClicks(viewer)
        self._listening = Subscriptions()

    def show(
        self, maps: HeatMaps, name: str, image: DisplayedImage, then: Callable[[], object]
    ) -> None:
        """Show the maps of an image, soon; then call `then`.

        Only the first class is visible: several at once are hard to read.
        """
        classes = [c for c in self._controller.project.classes if c.value in maps.maps]
        placement = image.placement.at(maps.region_origin)

        def make() -> tuple[Image, dict[int, Image], dict[int, ShownRange]]:
            ranges = {c.value: shown_range(maps.maps[c.value]) for c in classes}
            layers = {
                c.value: Image(
                    maps.maps[c.value],
                    name=f"Heat map: {c.name}, {name}",
                    colormap=Colormap(["#000000", c.color], name=c.color),
                    blending="additive",
                    contrast_limits=ranges[c.value],
                    visible=c is classes[0],
                    **placement.kwargs(),
                )
                for c in classes
            }
            shape = next(iter(maps.maps.values())).shape
            return _make_darkening(shape, placement), layers, ranges

        def add(made: tuple[Image, dict[int, Image], dict[int, ShownRange]]) -> None:
            self.clear()
            self._image = image
            self._darkening, self.layers, self.ranges = made
            self._darkening.visible = self._is_dark
            for layer in (self._darkening, *self.layers.values()):
                self._layers.add(layer, image, maps.region_origin)
            self.activate()
            then()

        self._controller.compute("show the heat maps", make, add)

    @property
    def is_in_view(self) -> bool:
        """Whether there are maps, of the image that is shown."""
        image = self._image
        return bool(self.layers) and image is not None and self._layers.is_shown(image)

    def on_visible(self, value: int, call: Callable[[bool], object]) -> None:
        """Tell from now on whether the map of a class is visible, whoever hides it."""
        layer = self.layers[value]
        self._listening.add(lambda: call(layer.visible), layer.events.visible)

    def activate(self) -> None:
        """Make a map the active layer, so that a click on the canvas edits nothing."""
        if self.is_in_view:
            layer = next(reversed(self.layers.values()))
            self._viewer.layers.selection.active = layer
            layer.mode = "pan_zoom"

    def set_top(self, share: float) -> None:
        """Show less than the highest values in full color; the share is that of the range."""
        for value, layer in self.layers.items():
            layer.contrast_limits = self.ranges[value].lowered(share)

    def show_only(self, value: int) -> None:
        """Show the map of one class, and hide those of others."""
        for each, layer in self.layers.items():
            layer.visible = each == value

    def set_dark(self, dark: bool) -> None:
        """Darken the image below the maps, or not."""
        self._is_dark = dark
        if self._darkening is not None:
            self._darkening.visible = dark

    def values_at(self, world: Sequence[float]) -> dict[int, float]:
        """Return the value of each class's map at a place of the world; empty outside."""
        found = {}
        for value, layer in self.layers.items():
            index = np.round(layer.world_to_data(list(world)[-layer.ndim :])).astype(int)
            if ((index >= 0) & (index < layer.data.shape)).all():
                found[value] = float(layer.data[tuple(index)])
        return found

    # --- the place that is asked about -------------------------------------------------------

    def listen(self, on_click: Callable[[tuple[float, ...]], object] | None) -> None:
        """Report clicks on the canvas from now on, as world positions; None ends it."""
        self._canvas.listen(on_click)
        if on_click is not None:
            self.activate()

    def mark(self, world: Sequence[float]) -> None:
        """Mark a place with a ring."""
        if not self.layers:
            return
        layer = next(iter(self.layers.values()))
        point = np.asarray(list(world)[-layer.ndim :], float)[None]
        if self._place_mark is None:
            extent = layer.extent.world
            self._place_mark = Points(
                point,
                name="Heat map: place",
                symbol="ring",
                face_color="white",
                border_color="white",
                size=float(np.ptp(extent[:, -2:], axis=0).max()) / 40,
                units=layer.units,
            )
            self._viewer.add_layer(self._place_mark)
            self.activate()
        else:
            self._place_mark.data = point

    # --- removing ----------------------------------------------------------------------------

    def owns(self, layer: Layer) -> bool:
        """Return whether a layer was made here."""
        return any(layer is mine for mine in self._all())

    def unmark(self) -> None:
        """Remove the ring at the place that was asked about."""
        remove_layer(self._viewer, self._place_mark)

    def clear(self) -> None:
        """Remove maps, darkening and mark."""
        self._listening.end()
        for layer in self._all():
            remove_layer(self._viewer, layer)

    def forget(self, gone: Layer) -> None:
        """Note that a layer was removed."""
        self.layers = {v: layer for v, layer in self.layers.items() if layer is not gone}
        if gone is self._darkening:
            self._darkening = None
        if gone is self._place_mark:
            self._place_mark = None

    def close(self) -> None:
        """Listen no more to the canvas and to the layers, which stay."""
        self.listen(None)
        self._listening.end()

    def _all(self) -> tuple[Layer | None, ...]:
        return (*self.layers.values(), self._darkening, self._place_mark)


def _make_darkening(shape: tuple[int, ...], placement: Placement) -> Image:
    """Return a black layer as large as an image, of hardly any pixels."""
    black = np.broadcast_to(np.uint8(0), shape)
    return Image(
        black, name="Heat map: darkened image", opacity=DARKENING, contrast_limits=(0, 1),
        blending="translucent_no_depth", **placement.kwargs(),
    )  # fmt: skip
