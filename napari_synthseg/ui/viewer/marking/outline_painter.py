"""Painting the outline of one object with napari's brush, in a small layer around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_synthseg.core.geometry import Region, region_slices
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.keys import bind_layer_keys
from napari_synthseg.ui.control.notices import show_input_errors
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage
from napari_synthseg.ui.viewer.place_keeper import PlaceKeeper
from napari_synthseg.ui.viewer.subscriptions import Subscriptions
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
        self._saved: NDArray[np.uint8] = np.empty((0, 0), np.uint8)
        self._listening = Subscriptions()
        self._place: PlaceKeeper | None = None
        controller.closing.connect(self._save)

    def start(self, one: ClickOutline, image: DisplayedImage, color: str) -> None:
        """Let the user paint an outline, beginning with the one that was found."""
        if self._one is not None and self._one.click == one.click:
            self._viewer.layers.selection.active = self.layer
            return
        self.leave()
        window = _room_around(one, image.shape)
        painted = np.zeros([b - a for a, b in window], np.uint8)
        outline = one.outline
        if outline.area:
            painted[region_slices(outline.window, [a for a, _ in window])][outline.mask] = 1
        self._one, self._origin = one, tuple(a for a, _ in window)
        self._saved = painted.copy()
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
        self._place = PlaceKeeper(layer, image.placement.at(self._origin), self._listening)
        self.changed.emit()

    def finish(self) -> None:
        """Take what is painted for the outline."""
        if self._take():
            self.cancel()

    def leave(self) -> None:
        """End painting, as another click or image comes; strokes are taken for the outline."""
        self._save()
        self.cancel()

    def _save(self) -> None:
        """Take what was painted since it was taken last, if anything."""
        if self.layer is not None and not np.array_equal(self.layer.data, self._saved):
            self._saved = np.array(self.layer.data)
            self._take()

    def _take(self) -> bool:
        layer, one, session = self.layer, self._one, self._controller.session
        if layer is None or one is None or session is None:
            return False
        mask = np.asarray(layer.data) > 0
        return show_input_errors(lambda: session.paint_outline(one.click, mask, self._origin))

    def cancel(self) -> None:
        """Take the layer away; the outline stays as it is."""
        layer = self.layer
        if layer is None:
            return
        self._let_go()
        if layer in self._viewer.layers:
            # what is still to be drawn of a brush must not outlive its layer; see `MarkingLayer`
            layer.mode = "pan_zoom"
            self._viewer.screenshot(canvas_only=True, flash=False)
            remove_layer(self._viewer, layer)
        self.changed.emit()

    def forget(self, layer: Any) -> None:
        """Let go of the layer, where it is the one that the user deleted."""
        if self.layer is not None and layer is self.layer:
            self._let_go()
            self.changed.emit()

    def _let_go(self) -> None:
        self._listening.end()
        self.layer = self._one = self._place = None


def _room_around(one: ClickOutline, shape: tuple[int, ...]) -> Region:
    """Return the window in which an outline is painted, inside the image."""
    room = max(LEAST_ROOM_PX, round(ROOM_DIAMETERS * one.diameter))
    return tuple(
        (max(0, a - room), min(n, b + room))
        for (a, b), n in zip(one.outline.window, shape, strict=True)
    )
