"""One shape drawn on the image: a rectangle, a polygon or a line that the panel asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from napari.layers import Shapes
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from napari_synthseg.ui.control.keys import bind_layer_keys
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage
from napari_synthseg.ui.viewer.subscriptions import Subscriptions
from napari_synthseg.ui.viewer.view import remove_layer

if TYPE_CHECKING:
    from napari import Viewer

ShapeKind = Literal["rectangle", "polygon", "line"]

EDGE_SHARE = 1 / 300
"""Width of the line that is drawn, as a share of the image's longer edge."""

COLOR = "#00c8ff"

Taker = Callable[[NDArray[np.float64]], object]
"""Takes the vertices (vertex, 2) of a shape: y, x in pixels, centers at whole numbers."""


class ShapeDrawing(QObject):
    """Lets the user draw one shape, in a layer that is there for no longer.

    Attributes
    ----------
    layer
        The layer while something is to be drawn, else None.
    purpose
        What the shape is for, as `start` was told; '' while none is to be drawn.
    """

    changed = Signal()
    """Drawing started or ended."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.layer: Shapes | None = None
        self.purpose = ""
        self._viewer = viewer
        self._listening = Subscriptions()
        self._take: Taker | None = None

    def start(self, image: DisplayedImage, kind: ShapeKind, purpose: str, take: Taker) -> None:
        """Let the user draw a shape on an image; `take` gets it once it is finished."""
        self.stop()
        width = max(image.shape[-2:]) * EDGE_SHARE
        layer = Shapes(
            ndim=2,
            name="Draw here",
            edge_color=COLOR,
            face_color="#00c8ff20",
            edge_width=width,
            **image.placement.plane().kwargs(),
        )
        layer.current_edge_width = width
        layer.current_edge_color, layer.current_face_color = COLOR, COLOR + "20"
        self.layer, self.purpose, self._take = layer, purpose, take
        self._viewer.add_layer(layer)  # gives back a proxy; we hold the layer itself
        self._viewer.layers.selection.active = layer
        layer.mode = f"add_{kind}"
        self._listening.add(self._on_data, layer.events.data)
        bind_layer_keys(layer, "drawing", {"stop": self.stop})
        self.changed.emit()

    def stop(self) -> None:
        """End drawing, and take the layer away."""
        layer = self.layer
        self.forget()
        if layer is not None and layer in self._viewer.layers:
            layer.selected_data = set()
            layer.mode = "pan_zoom"
            self._viewer.screenshot(canvas_only=True, flash=False)  # see `MarkingLayer.settle`
            remove_layer(self._viewer, layer)

    def forget(self) -> None:
        """Let go of the layer."""
        was_drawing = self.layer is not None
        self._listening.end()
        self.layer, self._take, self.purpose = None, None, ""
        if was_drawing:
            self.changed.emit()

    def _on_data(self, event: Any = None) -> None:
        action = str(getattr(event, "action", ""))
        if self.layer is None or "added" not in action.lower() or not len(self.layer.data):
            return
        vertices = np.array(self.layer.data[-1], float)[:, -2:]
        take = self._take
        self._listening.end()

        def finish() -> None:  # not now: napari is in the middle of its own edit
            self.stop()
            if take is not None:
                take(vertices)

        QTimer.singleShot(0, finish)
