"""The Regions layer: what the user paints in it is kept in the project, and the other way round.

A Labels layer of our own whose values are those of the classes. Each finished stroke, and each
undo of one, is kept a moment later by a job, never on the GUI thread; what is not kept yet is kept
when the layer, the panel or the viewer goes. Every keeping writes a new array, so that the
session's undo finds the old ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QTimer, Signal

from napari_synthseg.core.annotations import ImageRef, new_id
from napari_synthseg.core.project import Project
from napari_synthseg.storage.arrays import remove_array
from napari_synthseg.ui.app.controller import SessionController
from napari_synthseg.ui.app.notices import show_input_errors, warn
from napari_synthseg.ui.viewer.class_colors import class_colormap
from napari_synthseg.ui.viewer.clicks_layer import ClicksLayer
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage
from napari_synthseg.ui.viewer.marking_layer import MarkingLayer
from napari_synthseg.ui.viewer.painting import (
    GROUND,
    KeptRegions,
    Painted,
    keep_regions,
    read_regions,
    with_regions,
)
from napari_synthseg.workflow.jobs import Job, Outcome

if TYPE_CHECKING:
    from napari import Viewer

PAUSE_MS = 500
"""So long after the last stroke it is kept."""

LONGEST_WAIT = 3.0
"""Seconds after which strokes are kept even if painting goes on."""

OPACITY = 0.5
BRUSH = 20


class RegionsLayer(MarkingLayer):
    """Shows and edits the painted regions of one image."""

    changed = Signal()
    """The layer came or went, or other shares are painted."""

    def __init__(self, viewer: Viewer, controller: SessionController, clicks: ClicksLayer) -> None:
        super().__init__(viewer, controller)
        self.layer: Labels | None = None
        self.rest_unknown = False
        self.shares: dict[int, float] = {}
        self._clicks = clicks
        self._known: dict[str, str | None] = {}
        self._written: set[str] = set()
        self._waiting: list[Callable[[], None]] = []
        self._visit = object()
        self._last_layer: Labels | None = None
        self._dirty = False
        self._first_stroke = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.keep)
        controller.closing.connect(self.flush)
        viewer.layers.events.removing.connect(self._on_layer_removing)
        clicks.active_class_changed.connect(self._show_active)

    # --- showing -----------------------------------------------------------------------------

    @property
    def field(self) -> DisplayedImage | None:
        """The image that is painted on."""
        return self.image

    def show(self, image: DisplayedImage, then: Callable[[], object] = lambda: None) -> None:
        """Read what was painted on an image and show it in a new layer, then call `then`."""
        self.hide()
        self.image = image

        def add(painted: Painted) -> None:
            self._add(painted)
            then()

        self._read(add)

    def hide(self) -> None:
        """Keep what was painted, and take the layer away."""
        layer = self.layer
        self._leave()
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def forget(self) -> None:
        """Note that the user removed the layer; what was painted stays in the project."""
        self._leave()

    def _on_layer_removing(self, event: Any) -> None:
        """Put the brush away and draw once, before the layer goes.

        Seen with napari 0.9.2 and vispy 0.17: when a Labels layer goes whose brush is still to be
        drawn, the next Labels layer crashes the program in its first stroke.
        """
        going = self._viewer.layers[event.index]
        layer = self._last_layer
        if layer is not None and layer is getattr(going, "__wrapped__", going):
            self._last_layer = None
            layer.mode = "pan_zoom"
            self._viewer.screenshot(canvas_only=True, flash=False)

    def _leave(self) -> None:
        if self._dirty:
            self.keep()
        self.layer = self.image = None
        self.shares = {}
        self._visit = object()
        self.changed.emit()

    def _read(self, then: Callable[[Painted], object]) -> None:
        """Read what was painted on the image; call `then`, unless another is shown by then."""
        visit = self._visit

        def start() -> None:
            session, image = self._controller.session, self.image
            if session is None or image is None or self._visit is not visit:
                return
            project = session.project
            self._known = {ref.id: _truth_id(project, ref) for ref in image.refs}
            work = read_regions(project, session.folder, image.refs, image.shape)
            self._controller.run(Job(work, "read the regions"), take, lane="regions", on_end=end)

        def take(painted: Painted) -> None:
            if self._visit is visit:
                then(painted)

        def end(outcome: Outcome[Any]) -> None:
            if outcome.state != "done" and self._visit is visit and self.layer is None:
                self._leave()
            self._pump()

        self._waiting.append(start)
        self._pump()

    def _add(self, painted: Painted) -> None:
        image = self.image
        assert image is not None
        if any(self._known.values()):
            self.rest_unknown = painted.rest_unknown
        layer = Labels(
            painted.values,
            name="Regions",
            opacity=OPACITY,
            colormap=class_colormap(self._project.classes),
            **image.placement.kwargs(),
        )
        layer.brush_size = BRUSH
        layer.n_edit_dimensions = 2
        self._viewer.add_layer(layer)  # gives back a proxy; we hold the layer itself
        self.layer = self._last_layer = layer
        self.shares = dict(painted.shares)
        session = self._controller.session
        layer.editable = session is not None and not session.read_only
        layer.events.paint.connect(self._on_painted)
        layer.events.data.connect(self._on_painted)
        layer.events.selected_label.connect(self._on_label_chosen)
        self._bind_keys(layer)
        layer.bind_key("0", lambda _: self.choose_ground(), overwrite=True)
        self._show_active()
        self.changed.emit()

    # --- layer -> session --------------------------------------------------------------------

    @property
    def painted(self) -> bool:
        """Whether anything is painted on the image that is shown."""
        return bool(self.shares)

    @property
    def unkept(self) -> bool:
        """Whether something was painted that is not in the project yet."""
        return self._dirty or bool(self._waiting) or self._controller.job("regions") is not None

    def replace(self, painted: Painted) -> None:
        """Put other regions into the layer; they are kept like strokes."""
        if self.layer is not None:
            self.rest_unknown = painted.rest_unknown
            self.layer.data = painted.values

    def set_rest_unknown(self, unknown: bool) -> None:
        """Choose what the rest is that is not painted: unknown, or background."""
        if unknown != self.rest_unknown:
            self.rest_unknown = unknown
            if self.painted:
                self._on_painted()
            self.changed.emit()

    def undo(self) -> None:
        """Undo the last stroke."""
        if self.layer is not None:
            self.layer.undo()
            self._on_painted()

    def redo(self) -> None:
        """Paint the last stroke again that was undone."""
        if self.layer is not None:
            self.layer.redo()
            self._on_painted()

    def _on_painted(self, event: Any = None) -> None:
        if self._is_own_change or self.layer is None:
            return
        now = time.monotonic()
        if not self._dirty:
            self._dirty, self._first_stroke = True, now
        if now - self._first_stroke < LONGEST_WAIT or not self._timer.isActive():
            self._timer.start(PAUSE_MS)

    def keep(self) -> None:
        """Keep what is painted now, in the background."""
        layer, image = self.layer, self.image
        self._timer.stop()
        self._dirty = False
        if layer is None or image is None or self._controller.session is None:
            return
        refs, values, unknown = image.refs, np.asarray(layer.data), self.rest_unknown
        self._waiting.append(lambda: self._keep(refs, values, unknown))
        self._pump()

    def _keep(self, refs: Sequence[ImageRef], values: np.ndarray, rest_unknown: bool) -> None:
        session = self._controller.session
        if session is None or session.read_only:
            return
        ids = {ref.id: new_id() for ref in refs}
        work = keep_regions(refs, ids, values, rest_unknown, session.folder)

        def take(kept: KeptRegions) -> None:
            self._written.update(t.source for t in kept.truths)
            new = with_regions(session.project, refs, kept.truths)
            with self._own_change():
                show_input_errors(lambda: session.edit(new, "paint regions"))
            if not self._dirty and self.layer is not None:
                self.shares = dict(kept.shares)
                self.changed.emit()

        def end(outcome: Outcome[Any]) -> None:
            if outcome.state == "failed":
                self._dirty = True  # tried again with the next stroke, and before the end
            self._pump()

        self._controller.run(Job(work, "keep the regions"), take, lane="regions", on_end=end)

    def _pump(self) -> None:
        """Start what waits next, if nothing runs."""
        while self._waiting and self._controller.job("regions") is None:
            self._waiting.pop(0)()

    def flush(self) -> None:
        """Keep here and now what is not kept yet: the session is about to close."""
        if self._dirty:
            self.keep()
        while self._waiting or self._controller.job("regions") is not None:
            self._controller.finish("regions")
            self._pump()
        session = self._controller.session
        if session is not None and not session.read_only:
            for uri in self._written - {t.source for t in session.project.truths}:
                remove_array(uri, session.folder)  # only undo could have brought it back
        self._written.clear()

    # --- session -> layer --------------------------------------------------------------------

    def _on_project_changed(self, new: Project, old: Project) -> None:
        super()._on_project_changed(new, old)
        if self.image is None or self.layer is None:
            return
        if new.classes is not old.classes:
            self._on_classes_changed(self.layer, new, old)
        if new.truths is not old.truths:
            self._on_truths_changed(self.image, new)

    def _on_classes_changed(self, layer: Labels, new: Project, old: Project) -> None:
        layer.colormap = class_colormap(new.classes)
        gone = {c.value for c in old.classes} - {c.value for c in new.classes}
        if gone & set(self.shares):
            layer.data = np.where(np.isin(layer.data, list(gone)), 0, layer.data)
        self._show_active()

    def _on_truths_changed(self, image: DisplayedImage, project: Project) -> None:
        before = self._known
        self._known = {ref.id: _truth_id(project, ref) for ref in image.refs}
        if self._known != before and not self._is_own_change:
            # undone, done again, or brought along: strokes since then are void
            self._timer.stop()
            self._dirty = False
            self._read(self._reload)

    def _reload(self, painted: Painted) -> None:
        if self.layer is None:
            return
        with self._own_change():
            self.layer.data = painted.values
        if painted.shares:
            self.rest_unknown = painted.rest_unknown
        self.shares = dict(painted.shares)
        self.changed.emit()

    # --- classes -----------------------------------------------------------------------------

    def _show_active(self) -> None:
        """Let the brush paint the active class."""
        if self.layer is not None and self._project.classes:
            self.layer.selected_label = self._clicks.active_class

    def choose_ground(self) -> None:
        """Let the brush paint background, where the rest is unknown."""
        if self.layer is not None:
            self.layer.selected_label = GROUND if self.rest_unknown else 0

    def _on_label_chosen(self, event: Any = None) -> None:
        """Follow a class that was chosen in napari's own controls."""
        if self.layer is None:
            return
        value = int(self.layer.selected_label)
        if value in (0, GROUND) or value == self._clicks.active_class:
            return
        if value in {c.value for c in self._project.classes}:
            self._clicks.choose_class(value)
            return
        warn(f"There is no class with the value {value}: add one in the panel first.")
        QTimer.singleShot(0, self._show_active)

    def choose_class(self, value: int) -> None:
        """Paint this class from now on."""
        self._clicks.choose_class(value)
        if self.layer is not None and self.layer.mode in ("erase", "pick", "pan_zoom"):
            self.layer.mode = "paint"


def _truth_id(project: Project, ref: ImageRef) -> str | None:
    truth = project.truth_of(ref, "semantic")
    return truth.id if truth else None
