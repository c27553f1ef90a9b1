"""Heat maps in the viewer: one additive layer a class, on one scale, over a darkened image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Layer, Points
from napari.utils.colormaps import Colormap

from napari_synthseg.core.predictions import HeatMaps
from napari_synthseg.core.project import Project
from napari_synthseg.ui.viewer.placement import Placement

if TYPE_CHECKING:
    from napari import Viewer

DARK = 0.6
"""How much of the image a veil hides, so that colors show on bright images, too."""


class HeatMapLayers:
    """The heat maps of one image that are shown; new ones take the place of the old ones.

    Attributes
    ----------
    layers
        Class value -> layer, for those that the user has not removed.
    top
        Evidence that is shown in full color; the same for all classes.
    """

    def __init__(self, viewer: Viewer) -> None:
        self.layers: dict[int, Image] = {}
        self.top = 1.0
        self._veil: Image | None = None
        self._place: Points | None = None
        self._viewer = viewer
        self._listener: Callable[[tuple[float, ...]], object] | None = None

    def show(
        self, maps: HeatMaps, project: Project, name: str, placement: Placement
    ) -> dict[int, Image]:
        """Show the maps of an image; return the layers by class value.

        0 is black: what speaks against a class is not shown.
        """
        self.clear()
        placed = placement.at(maps.region_origin)
        classes = {c.value: c for c in project.classes}
        values = [v for v in maps.maps if v in classes]
        self.top = max([float(maps.maps[v].max()) for v in values] + [1e-6])
        shape = next(iter(maps.maps.values())).shape
        self._veil = _make_veil(shape, placed)
        self._viewer.add_layer(self._veil)
        for value in values:
            layer = Image(
                maps.maps[value],
                name=f"Evidence: {classes[value].name}, {name}",
                colormap=Colormap(["#000000", classes[value].color], name=classes[value].color),
                blending="additive",
                contrast_limits=(0.0, self.top),
                **placed.kwargs(),
            )
            self._viewer.add_layer(layer)
            self.layers[value] = layer
        self.look()
        return dict(self.layers)

    def look(self) -> None:
        """Make a map the active layer, so that a click on the canvas changes nothing."""
        if self.layers:
            layer = next(reversed(self.layers.values()))
            self._viewer.layers.selection.active = layer
            layer.mode = "pan_zoom"

    def set_top(self, share: float) -> None:
        """Show a share of the highest evidence in full color, in all maps alike."""
        for layer in self.layers.values():
            layer.contrast_limits = (0.0, max(self.top * share, 1e-9))

    def set_dark(self, dark: bool) -> None:
        """Darken the image below the maps, or not."""
        if self._veil is not None:
            self._veil.visible = dark

    def values_at(self, world: Sequence[float]) -> dict[int, float]:
        """Return the evidence for each class at a place of the world; nothing outside."""
        found = {}
        for value, layer in self.layers.items():
            index = np.round(layer.world_to_data(list(world)[-layer.ndim :])).astype(int)
            if ((index >= 0) & (index < layer.data.shape)).all():
                found[value] = float(layer.data[tuple(index)])
        return found

    # --- the place that is asked about -----------------------------------------------------------

    def listen(self, on_click: Callable[[tuple[float, ...]], object] | None) -> None:
        """Tell of clicks on the canvas, as world positions, from now on; None ends it."""
        callbacks = self._viewer.mouse_drag_callbacks
        if self._listener is not None and self._on_mouse in callbacks:
            callbacks.remove(self._on_mouse)
        self._listener = on_click
        if on_click is not None:
            callbacks.append(self._on_mouse)
            self.look()

    def _on_mouse(self, viewer: Viewer, event: Any) -> Any:
        at, dragged = tuple(event.position), False
        yield
        while event.type == "mouse_move":
            dragged = True
            yield
        if not dragged and self._listener is not None:
            self._listener(at)

    def mark(self, world: Sequence[float]) -> None:
        """Mark a place with a ring."""
        if not self.layers:
            return
        layer = next(iter(self.layers.values()))
        point = np.asarray(list(world)[-layer.ndim :], float)[None]
        if self._place is None:
            extent = layer.extent.world
            self._place = Points(
                point,
                name="Evidence: place",
                symbol="ring",
                face_color="white",
                border_color="white",
                size=float(np.ptp(extent[:, -2:], axis=0).max()) / 40,
                units=layer.units,
            )
            self._viewer.add_layer(self._place)
            self.look()
        else:
            self._place.data = point

    # --- taking away -----------------------------------------------------------------------------

    def clear(self) -> None:
        """Take all of it away."""
        for layer in (*self.layers.values(), self._veil, self._place):
            if layer is not None and layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self.layers, self._veil, self._place = {}, None, None

    def forget(self, gone: Layer) -> None:
        """Note that a layer was removed."""
        self.layers = {v: layer for v, layer in self.layers.items() if layer is not gone}
        if gone is self._veil:
            self._veil = None
        if gone is self._place:
            self._place = None


def _make_veil(shape: tuple[int, ...], placement: Placement) -> Image:
    """Return a black layer as large as an image, of hardly any pixels."""
    dark = np.broadcast_to(np.uint8(0), shape)
    return Image(
        dark, name="Evidence: darkened image", opacity=DARK, contrast_limits=(0, 1),
        blending="translucent_no_depth", **placement.kwargs(),
    )  # fmt: skip
