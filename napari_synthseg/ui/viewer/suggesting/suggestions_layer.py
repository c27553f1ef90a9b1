"""The layers of suggestions: outlines colored by confidence, and points to select.

They only show: whatever the user does to the points but select them is taken back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Layer, Points, Vectors
from qtpy.QtCore import QObject, QTimer, Signal

from napari_synthseg.patches.suggesting.suggestion import Suggestion
from napari_synthseg.ui.control.keys import Actions, bind_layer_keys
from napari_synthseg.ui.presenters.outlines import line_width_px
from napari_synthseg.ui.presenters.suggesting import confidence_color
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage
from napari_synthseg.ui.viewer.place_keeper import PlaceKeeper
from napari_synthseg.ui.viewer.quick_layers import show_lines
from napari_synthseg.ui.viewer.subscriptions import Subscriptions
from napari_synthseg.ui.viewer.suggesting.outline_segments import outline_segments
from napari_synthseg.ui.viewer.view import is_on_canvas, remove_layer

if TYPE_CHECKING:
    from napari import Viewer

SAME_WIDTH = 1.3
"""Lines are drawn anew where the zoom asks for lines wider or thinner than by this factor."""

POINT_RADII, CURRENT_RADII = 0.5, 3.0
"""Sizes of the point of a suggestion, and of the ring around the current one, in its radii."""


class SuggestionsLayer(QObject):
    """Shows the suggestions on one image; `chosen` tells when the user selects some."""

    chosen = Signal()
    removed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.points: Points | None = None
        self.outlines: Vectors | None = None
        self.image: DisplayedImage | None = None
        self._viewer = viewer
        self._shown: tuple[Suggestion, ...] = ()
        self._current = ""
        self._segments: dict[str, Any] = {}
        self._places: tuple[PlaceKeeper, ...] = ()
        self._listening = Subscriptions()
        self._is_own_change = False

    def owns(self, layer: Layer) -> bool:
        """Return whether a layer is one of these."""
        return layer is self.points or layer is self.outlines

    @property
    def selected(self) -> list[str]:
        """Ids of the selected suggestions."""
        if self.points is None:
            return []
        return [
            self._shown[n].id for n in sorted(self.points.selected_data) if n < len(self._shown)
        ]

    @property
    def in_view(self) -> list[Suggestion]:
        """The suggestions that are drawn on the canvas; in a volume those near the shown plane."""
        points, dims = self.points, self._viewer.dims
        if points is None:
            return []
        missing = dims.ndim - points.ndim
        hidden = [axis - missing for axis in dims.not_displayed if axis >= missing]
        point = np.array(dims.point)
        ends = [
            np.array(points.world_to_data(end))[hidden]
            for end in (point - dims.margin_left, point + dims.margin_right)
        ]
        low, high = np.minimum(*ends), np.maximum(*ends)
        half = np.isclose(low, high) / 2  # napari draws a slice without margins one pixel thick
        places = points.data[:, hidden]
        near = (places >= low - half) & (places <= high + half)
        return [
            one
            for one, is_near in zip(self._shown, near.all(axis=1), strict=True)
            if is_near and is_on_canvas(self._viewer, points.data_to_world(one.position))
        ]

    def show(
        self,
        image: DisplayedImage,
        suggestions: Sequence[Suggestion],
        current: str,
        actions: Actions,
    ) -> None:
        """Show suggestions, in layers that are made where there are none yet."""
        if self.points is None or self.image is not image:
            self._make_layers(image, actions)
        self._shown, self._current = tuple(suggestions), current
        self._write()

    def mark(self, current: str) -> None:
        """Ring another one."""
        self._current = current
        self._write_points()
        self._fit_width()

    def activate(self) -> None:
        """Make the points the active layer, ready for selecting."""
        if self.points is not None:
            self._viewer.layers.selection.active = self.points
            self.points.mode = "select"

    def hide(self) -> None:
        """Take the layers away."""
        points, outlines = self.points, self.outlines
        if points is not None and points.selected_data:
            with self._own():
                points.selected_data = set()
        if points is not None:
            # the highlight of points is drawn before they go: see `MarkingLayer.settle`
            self._viewer.screenshot(canvas_only=True, flash=False)
        self._forget()
        for layer in (points, outlines):
            remove_layer(self._viewer, layer)

    def let_go(self) -> None:
        """Listen to the layers no more; they stay plain layers in the viewer."""
        self._forget()

    def forget(self, gone: Layer) -> None:
        """Note that a layer was removed; one does not stay without the other."""
        if not self.owns(gone):
            return
        other = self.outlines if gone is self.points else self.points
        self._forget()
        # napari may be in the middle of removing both
        QTimer.singleShot(0, lambda: remove_layer(self._viewer, other))
        self.removed.emit()

    def follow(self) -> None:
        """Move the layers to where their image lies now."""
        for each in self._places:
            if self.image is not None:
                each.place(self.image.placement)

    def _forget(self) -> None:
        self._listening.end()
        if self.points is not None:
            self.points.keymap.clear()
        self.points = self.outlines = self.image = None
        self._shown, self._segments, self._places = (), {}, ()

    # --- making and filling ------------------------------------------------------------------

    def _make_layers(self, image: DisplayedImage, actions: Actions) -> None:
        self.hide()
        ndim = len(image.shape)
        self.image = image
        self.outlines = Vectors(
            np.zeros((0, 2, ndim), np.float32),
            name="Suggested outlines",
            vector_style="line",
            **image.placement.kwargs(),
        )
        self.points = Points(
            np.empty((0, ndim)),
            name="Suggestions",
            symbol="disc",
            border_width=0.08,
            features={"sure": [], "by": []},
            **image.placement.kwargs(),
        )
        for layer in (self.outlines, self.points):
            self._viewer.add_layer(layer)
        self._places = tuple(
            PlaceKeeper(layer, image.placement, self._listening)
            for layer in (self.outlines, self.points)
        )
        self._listening.add(self._fit_width, self._viewer.scene.camera.events.zoom)
        self._listening.add(self._on_edited, self.points.events.data)
        self._listening.add(self._on_selected, self.points.selected_data.events.items_changed)
        bind_layer_keys(self.points, "suggestions", actions)

    @contextmanager
    def _own(self) -> Iterator[None]:
        """Ignore the events that our own change of the layers causes."""
        before, self._is_own_change = self._is_own_change, True
        try:
            yield
        finally:
            self._is_own_change = before

    def _write(self) -> None:
        self._write_points()
        outlines, shown = self.outlines, self._shown
        if outlines is None or self.image is None:
            return
        for one in shown:
            if one.id not in self._segments:
                plane = one.position[0] if len(one.position) == 3 else None
                self._segments[one.id] = outline_segments(one.outline, plane)
        parts = [self._segments[one.id] for one in shown]
        ndim = len(self.image.shape)
        data = np.concatenate(parts) if parts else np.zeros((0, 2, ndim), np.float32)
        colors = np.array([confidence_color(one.confidence) for one in shown]).reshape(-1, 4)
        show_lines(outlines, data, np.repeat(colors, [len(part) for part in parts], axis=0))
        if len(data):
            self._fit_width()

    def _fit_width(self, _: Any = None) -> None:
        """Draw lines of the same width on the screen, however near the objects are."""
        if self.outlines is None or self.image is None or not self._shown:
            return
        usual = 2 * float(np.median([one.radius for one in self._shown]))
        zoom = self._viewer.scene.camera.zoom * abs(self.image.placement.scale[-1])
        wanted = line_width_px([usual], float(zoom))
        if not 1 / SAME_WIDTH < self.outlines.edge_width / wanted < SAME_WIDTH:
            self.outlines.edge_width = wanted

    def _write_points(self) -> None:
        points, shown = self.points, self._shown
        if points is None or self.image is None:
            return
        is_current = np.array([one.id == self._current for one in shown], bool)
        radii = np.array([one.radius for one in shown])
        colors = np.array([confidence_color(one.confidence) for one in shown]).reshape(-1, 4)
        faces = colors.copy()
        faces[is_current, 3] = 0.0
        borders = np.where(is_current[:, None], 1.0, colors * [0.3, 0.3, 0.3, 1.0])
        with self._own():
            kept = {self._shown[n].id for n in points.selected_data if n < len(self._shown)}
            points.selected_data = set()
            data = np.array([one.position for one in shown], float)
            data = data.reshape(-1, len(self.image.shape))
            if not np.array_equal(points.data, data):
                points.data = data
            if not shown:
                return
            points.size = radii * np.where(is_current, CURRENT_RADII, POINT_RADII)
            points.face_color = faces
            points.border_color = borders
            points.features = {
                "sure": [round(one.confidence, 2) for one in shown],
                "by": [one.origin for one in shown],
            }
            points.selected_data = {n for n, one in enumerate(shown) if one.id in kept}

    # --- what the user does ------------------------------------------------------------------

    def _on_edited(self, event: Any = None) -> None:
        if not self._is_own_change:
            QTimer.singleShot(0, self._write)  # napari is in the middle of its own edit

    def _on_selected(self, *_: Any) -> None:
        if not self._is_own_change:
            self.chosen.emit()
