"""Painting the outline of one object with napari's brush, in a small layer around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtCore import QObject, Signal

from napari_synthseg.core.geometry import Region, region_slices
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.keys import bind_layer_keys
from napari_synthseg.ui.control.notices import show_input_errors
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage
from napari_synthseg.ui.viewer.view import remove_layer

if TYPE_CHECKING:
    from napari import Viewer

    from napari_synthseg.workflow.outlining.image_outliner import ClickOutline

ROOM_DIAMETERS, LEAST_ROOM_PX = 1.0, 8
"""How far beyond the outline there is room to paint."""

BRUSH_DIAMETERS = 0.25


class OutlinePainter(QObject):
    """A Labels layer in which one object is painted; then it is the object's outline."""

    changed = Signal()
    """Painting began or ended."""

    def __init__(self, viewer: Viewer, controller: SessionController) -> None:
        super().__init__()
        self.layer: Labels | None = None
        self._viewer, self._controller = viewer, controller
        self._one: ClickOutline | None = None
        self._origin: tuple[int, ...] = ()

    def start(self, one: ClickOutline, image: DisplayedImage, color: str) -> None:
        """Let the user paint an outline, beginning with the one that was found."""
        self.cancel()
        window = _room_around(one, image.shape)
        painted = np.zeros([b - a for a, b in window], np.uint8)
        outline = one.outline
        if outline.area:
            painted[region_slices(outline.window, [a for a, _ in window])][outline.mask] = 1
        self._one, self._origin = one, tuple(a for a, _ in window)
        layer = Labels(
            painted,
            name="Paint this outline",
            opacity=0.5,
            colormap=DirectLabelColormap(color_dict={None: "transparent", 1: color}),
            **image.placement.at(self._origin).kwargs(),
        )
        layer.brush_size = max(1, round(BRUSH_DIAMETERS * (one.diameter or len(painted) / 3)))
        bind_layer_keys(layer, "outline", {"done": self.finish, "cancel": self.cancel})
        self._viewer.add_layer(layer)  # gives back a proxy; we hold the layer itself
        self._viewer.layers.selection.active = layer
        layer.mode = "paint"
        self.layer = layer
        self.changed.emit()

    def finish(self) -> None:
        """Take what is painted for the outline."""
        layer, one, session = self.layer, self._one, self._controller.session
        if layer is None or one is None or session is None:
            return
        mask = np.asarray(layer.data) > 0
        if show_input_errors(lambda: session.paint_outline(one.click, mask, self._origin)):
            self.cancel()

    def cancel(self) -> None:
        """Take the layer away; the outline stays as it is."""
        layer = self.layer
        if layer is None:
            return
        self.layer = self._one = None
        if layer in self._viewer.layers:
            # what is still to be drawn of a brush must not outlive its layer; see `MarkingLayer`
            layer.mode = "pan_zoom"
            self._viewer.screenshot(canvas_only=True, flash=False)
            remove_layer(self._viewer, layer)
        self.changed.emit()

    def forget(self, layer: Any) -> None:
        """Let go of the layer, where it is the one that the user deleted."""
        if self.layer is not None and layer is self.layer:
            self.layer = self._one = None
            self.changed.emit()


def _room_around(one: ClickOutline, shape: tuple[int, ...]) -> Region:
    """Return the window in which an outline is painted, inside the image."""
    room = max(LEAST_ROOM_PX, round(ROOM_DIAMETERS * one.diameter))
    return tuple(
        (max(0, a - room), min(n, b + room))
        for (a, b), n in zip(one.outline.window, shape, strict=True)
    )
