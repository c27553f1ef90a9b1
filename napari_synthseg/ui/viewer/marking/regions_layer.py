"""The Regions layer: a Labels layer of our own in which the user paints; its values are classes.

It draws what a `RegionKeeper` reads, and reports each stroke to it; the keeper saves.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QTimer, Signal

from napari_synthseg.core.project import Project
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.keys import bind_layer_keys
from napari_synthseg.ui.control.notices import warn
from napari_synthseg.ui.viewer.class_colors import class_colormap
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage
from napari_synthseg.ui.viewer.marking.clicks_layer import ClicksLayer
from napari_synthseg.ui.viewer.marking.marking_layer import MarkingLayer
from napari_synthseg.ui.viewer.marking.region_keeper import RegionKeeper
from napari_synthseg.workflow.painting import GROUND, Painted, shares_of

if TYPE_CHECKING:
    from napari import Viewer

OPACITY = 0.5
BRUSH_PX = 20


class RegionsLayer(MarkingLayer):
    """Shows and edits the painted regions of one image.

    Attributes
    ----------
    layer
        napari's layer; None until the regions are read.
    shares
        Painted class value -> share of the image's pixels, 0 for painted background.
    rest_unknown
        Whether what is not painted is unknown, rather than background.
    """

    changed = Signal()
    """The layer came or went, or other shares are painted."""

    tool_changed = Signal()
    """Another tool or brush was chosen."""

    shown = Signal()
    """The layer came."""

    layer: Labels | None = None
    mode = "paint"

    def __init__(self, viewer: Viewer, controller: SessionController, clicks: ClicksLayer) -> None:
        super().__init__(viewer, controller)
        self.rest_unknown = False
        self.shares: Mapping[int, float] = {}
        self.keeper = RegionKeeper(controller)
        self.keeper.loaded.connect(self._on_loaded)
        self.keeper.saved.connect(self._on_saved)
        self._clicks = clicks
        clicks.active_class_changed.connect(self._show_active)

    # --- showing -----------------------------------------------------------------------------

    def show(self, image: DisplayedImage) -> None:
        """Read what was painted on an image and show it in a new layer."""
        self.hide()
        self.image = image
        self.keeper.show(image)

    def forget(self) -> None:
        """Let go of the layer; what is painted is saved."""
        super().forget()
        self.keeper.show(None)
        self.shares = {}
        self.changed.emit()

    def settle(self) -> None:
        """Put the brush away and draw once, before the layer goes."""
        if self.layer is not None:
            self.layer.mode = "pan_zoom"
        super().settle()

    def allow_edits(self, allowed: bool) -> None:
        """Let the user paint, or not; never in a project that is read-only."""
        session = self._controller.session
        if self.layer is not None:
            self.layer.editable = allowed and session is not None and not session.read_only

    def _on_loaded(self, painted: Painted | None) -> None:
        if painted is None:
            if self.layer is None:
                self.forget()
            return
        if painted.shares:
            self.rest_unknown = painted.rest_unknown
        self.shares = painted.shares
        if self.layer is None:
            self._add_layer(painted)
        else:
            with self._own_change():
                self.layer.data = painted.values
        self.changed.emit()

    def _add_layer(self, painted: Painted) -> None:
        assert self.image is not None
        layer = self.layer = Labels(
            painted.values,
            name="Regions",
            opacity=OPACITY,
            colormap=class_colormap(self._controller.project.classes),
            **self.image.placement.kwargs(),
        )
        layer.brush_size = BRUSH_PX
        layer.n_edit_dimensions = 2
        self._viewer.add_layer(layer)  # gives back a proxy; we hold the layer itself
        self.allow_edits(True)
        self._keep_in_place(self.image)
        self._listening.add(self._on_painted, layer.events.paint, layer.events.data)
        self._listening.add(self._on_label_chosen, layer.events.selected_label)
        self._listening.add(self._on_tool, layer.events.mode, layer.events.brush_size)
        bind_layer_keys(
            layer,
            "regions",
            {
                "class": self._class_actions(self.choose_class),
                **self._image_actions(),
                "ground": self.choose_ground,
                "undo": self.undo,
                "redo": self.redo,
            },
        )
        self._show_active()
        self.shown.emit()

    # --- painting ----------------------------------------------------------------------------

    @property
    def painted(self) -> bool:
        """Whether anything is painted on the image that is shown."""
        return bool(self.shares)

    def replace(self, painted: Painted) -> None:
        """Put other regions into the layer; they are saved like strokes."""
        if self.layer is not None:
            self.rest_unknown = painted.rest_unknown
            self.layer.data = painted.values

    def set_rest_unknown(self, unknown: bool) -> None:
        """Choose what is not painted: unknown, or background."""
        if unknown != self.rest_unknown:
            self.rest_unknown = unknown
            if self.painted:
                self._on_painted()
            self.changed.emit()

    def undo(self) -> None:
        """Undo the last stroke."""
        if self.layer is not None and self.layer.editable:
            self.layer.undo()
            self._on_painted()

    def redo(self) -> None:
        """Paint the last stroke again that was undone."""
        if self.layer is not None and self.layer.editable:
            self.layer.redo()
            self._on_painted()

    def _on_painted(self, event: Any = None) -> None:
        if self.layer is not None and not self._is_own_change:
            self.keeper.note_stroke(np.asarray(self.layer.data), self.rest_unknown)

    def _on_tool(self, event: Any = None) -> None:
        self.tool_changed.emit()

    def _on_saved(self, counts: Any) -> None:
        if self.layer is not None:
            self.shares = shares_of(counts)
            self.changed.emit()

    # --- classes -----------------------------------------------------------------------------

    def _on_project_changed(self, new: Project, old: Project) -> None:
        if self.layer is None or new.classes is old.classes:
            return
        self._show_active()  # before its class goes: napari tells the label with the colors
        self.layer.colormap = class_colormap(new.classes)
        gone = {c.value for c in old.classes} - {c.value for c in new.classes}
        if gone & set(self.shares):
            self._erase(self.layer, gone)

    def _erase(self, layer: Labels, classes: AbstractSet[int]) -> None:
        """Erase the regions of classes in the background; nothing is painted meanwhile."""
        painted = layer.data
        kept = np.arange(256, dtype=np.uint8)
        kept[list(classes)] = 0

        def show(values: np.ndarray) -> None:
            if self.layer is not None and self.layer is layer:
                self.allow_edits(True)
                layer.data = values

        self.allow_edits(False)
        self.keeper.note_stroke(painted, self.rest_unknown)  # for a project that closes meanwhile
        self._controller.compute("erase the regions of a class", lambda: kept[painted], show)

    def _show_active(self) -> None:
        """Let the brush paint the active class."""
        if self.layer is not None and self._controller.project.classes:
            self.layer.selected_label = self._clicks.active_class

    def choose_ground(self) -> None:
        """Let the brush paint background, where the rest is unknown."""
        if self.layer is not None:
            self.layer.selected_label = GROUND if self.rest_unknown else 0

    def choose_class(self, value: int) -> None:
        """Paint this class from now on."""
        self._clicks.choose_class(value)
        if self.layer is not None and self.layer.mode in ("erase", "pick", "pan_zoom"):
            self.layer.mode = "paint"

    def _on_label_chosen(self, event: Any = None) -> None:
        """Follow a class that was chosen in napari's own controls."""
        if self.layer is None:
            return
        value = int(self.layer.selected_label)
        if value in (0, GROUND) or value == self._clicks.active_class:
            return
        if value in {c.value for c in self._controller.project.classes}:
            self._clicks.choose_class(value)
            return
        warn(f"There is no class with the value {value}: add one in the panel first.")
        QTimer.singleShot(0, self._show_active)
