"""The Outlines layer: what was found under each click stands on the image at once.

Lines are drawn as edges of a Vectors layer. The layer is only looked at: the Clicks layer stays the
active one.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points
from qtpy.QtCore import QObject, QTimer, Signal

from napari_synthseg.core.annotations import Click
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import Region
from napari_synthseg.core.project import Project
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.keys import bind_layer_keys
from napari_synthseg.ui.control.notices import tell
from napari_synthseg.ui.presenters.outlines import drawn_edges, line_width_px
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage
from napari_synthseg.ui.viewer.marking.outline_feed import OutlineFeed
from napari_synthseg.ui.viewer.marking.outline_mender import NONE_CHOSEN, OutlineMender
from napari_synthseg.ui.viewer.marking.outline_painter import OutlinePainter
from napari_synthseg.ui.viewer.quick_layers import LineVectors, show_lines
from napari_synthseg.ui.viewer.subscriptions import Subscriptions
from napari_synthseg.ui.viewer.view import remove_layer

if TYPE_CHECKING:
    from napari import Viewer

    from napari_synthseg.workflow.outlining.image_outliner import ClickOutline

CAMERA_MS = 200
"""After so long without a move of the camera, lines and outlines follow it."""

SAME_WIDTH = 1.3
"""Factor by which lines may be wider or thinner than they should be."""

FOLLOWED = ("clicks", "negatives", "classes", "images", "patch_masks")
"""Parts of a project on which outlines depend."""


class OutlinesLayer(QObject):
    """Shows the outlines of the clicks on one image."""

    changed = Signal()
    """Other outlines are shown, or none; or another click was marked last."""

    def __init__(self, viewer: Viewer, controller: SessionController) -> None:
        super().__init__()
        self.layer: LineVectors | None = None
        self.image: DisplayedImage | None = None
        self.is_wanted = True
        self.feed = OutlineFeed(controller)
        self.feed.changed.connect(self._on_outlines)
        self.mender = OutlineMender(controller, lambda: self.chosen_click)
        self.painter = OutlinePainter(viewer, controller)
        self.painter.changed.connect(self._on_painting)
        self._viewer, self._controller = viewer, controller
        self._clicks: Points | None = None
        self._last = ""
        self._camera = QTimer(self)
        self._camera.setSingleShot(True)
        self._camera.setInterval(CAMERA_MS)
        self._camera.timeout.connect(self._on_camera_rests)
        self._listening = Subscriptions()
        controller.project_changed.connect(self._on_project_changed)

    # --- showing -----------------------------------------------------------------------------

    def show(self, image: DisplayedImage) -> None:
        """Show the outlines of the clicks on an image, in a new layer."""
        self.hide()
        self.image = image
        self._listening.add(self._on_camera, self._viewer.scene.camera.events.zoom)
        self._listening.add(self._on_camera, self._viewer.scene.camera.events.center)
        if self.is_wanted:
            self._add_layer(image)
            self.feed.prepare(image.refs)
            self._ask()
        self.changed.emit()

    def attach(self, clicks: Points) -> None:
        """Follow the selection of a Clicks layer, and bind the keys for outlines to it."""
        self._clicks = clicks
        self._listening.add(self._on_selection, clicks.selected_data.events.items_changed)
        bind_layer_keys(
            clicks,
            "clicks",
            {
                "outlines": lambda: self.set_wanted(not self.is_wanted),
                "larger": lambda: self.mender.resize(1),
                "smaller": lambda: self.mender.resize(-1),
            },
        )

    def set_wanted(self, wanted: bool) -> None:
        """Show the outlines, or take them away."""
        if wanted != self.is_wanted:
            self.is_wanted = wanted
            if not wanted:
                self._remove_layer()
                self.feed.stop()
        if wanted and self.layer is None and self.image is not None:
            active = self._viewer.layers.selection.active
            self._add_layer(self.image)
            self._viewer.layers.selection.active = active
            self._ask()
        self.changed.emit()

    def hide(self) -> None:
        """Take the layer away, and everything about the image; what is painted is kept."""
        self.painter.leave()
        self.mender.stop()
        self._remove_layer()
        self._listening.end()
        self._camera.stop()
        self.feed.stop()
        self.image = self._clicks = None
        self._last = ""
        self.changed.emit()

    def forget(self, layer: object) -> None:
        """Let go of a layer that the user deleted, where it is ours."""
        self.painter.forget(layer)
        if self.layer is not None and layer is self.layer:
            self.layer = None
            self.set_wanted(False)

    def close(self) -> None:
        """Let go of the viewer; what is shown stays in it."""
        for part in (self, self.painter):
            part.blockSignals(True)
        self.mender.stop()
        self._listening.end()
        self._camera.stop()
        self.feed.stop()
        self.layer = self.image = self._clicks = None

    def follow(self) -> None:
        """Move the layer to where its image lies now."""
        if self.layer is not None and self.image is not None:
            self.image.placement.apply(self.layer)
            self._fit_width()

    def paint(self) -> None:
        """Let the user paint the outline of the chosen click."""
        one, image = self.chosen, self.image
        if one is None or image is None:
            tell(NONE_CHOSEN)
        elif one.plane is not None:
            tell("In volumes, use masks of your own instead (step 2).")
        else:
            cls = self._controller.project.object_class(one.click.cls)
            self.painter.start(one, image, cls.color)

    @property
    def chosen(self) -> ClickOutline | None:
        """The outline of the click that is selected, else of the one that was edited last."""
        wanted = self._chosen_id
        return next((one for one in self.feed.outlines.shown if one.click.id == wanted), None)

    @property
    def chosen_click(self) -> Click | None:
        """The click that is selected, else the one that was edited last."""
        if not (wanted := self._chosen_id):
            return None
        newest_first = reversed(self._controller.project.clicks)
        return next((c for c in newest_first if c.id == wanted), None)

    @property
    def _chosen_id(self) -> str:
        layer = self._clicks
        if layer is not None and len(layer.selected_data) == 1 and layer.mode == "select":
            (row,) = layer.selected_data
            if row < len(layer.features):
                return str(layer.features["id"].iloc[row])
        return self._last

    # --- the layer ---------------------------------------------------------------------------

    def _add_layer(self, image: DisplayedImage) -> None:
        layer = LineVectors(
            ndim=len(image.shape),
            name="Outlines",
            edge_width=line_width_px(self._diameters(), self._zoom()),
            vector_style="line",
            **image.placement.kwargs(),
        )
        layer.editable = False
        layers = self._viewer.layers
        above = [n for n, each in enumerate(layers) if each is self._clicks]
        layers.insert(above[0] if above else len(layers), layer)
        self.layer = layer

    def _remove_layer(self) -> None:
        layer, self.layer = self.layer, None
        remove_layer(self._viewer, layer)

    def _on_outlines(self) -> None:
        self._draw()
        self.changed.emit()

    def _draw(self) -> None:
        layer, image = self.layer, self.image
        if layer is None or image is None:
            return
        colors = {c.value: c.color for c in self._controller.project.classes}
        edges, looks = drawn_edges(self.feed.outlines.shown, colors, len(image.shape))
        show_lines(layer, edges, looks)

    def _diameters(self) -> list[float]:
        assert self.image is not None
        found = []
        for cls in self._controller.project.classes:
            try:
                found.append(cls.diameter_px(self.image.refs[0]))
            except (InputError, IndexError):  # a length, but no pixel size
                continue
        return found

    def _zoom(self) -> float:
        """Return the pixels of the screen for one of the image."""
        assert self.image is not None
        return float(self._viewer.scene.camera.zoom) * abs(self.image.placement.scale[-1])

    def _fit_width(self) -> None:
        if self.layer is None or self.image is None:
            return
        wanted = line_width_px(self._diameters(), self._zoom())
        if not 1 / SAME_WIDTH < self.layer.edge_width / wanted < SAME_WIDTH:
            self.layer.edge_width = wanted

    # --- asking ------------------------------------------------------------------------------

    def _ask(self) -> None:
        image = self.image
        if image is not None and self.layer is not None and image.refs:
            self.feed.ask(image.refs, self._in_view())

    def _in_view(self) -> Region | None:
        """Return the part of the image that the canvas shows, full-image pixels."""
        image, layer = self.image, self.layer
        if image is None or layer is None:
            return None
        camera, canvas = self._viewer.scene.camera, self._viewer.canvas.size
        half = np.array(canvas) / 2 / camera.zoom
        middle = np.array(camera.center[-2:])
        corners = [middle + half * sign for sign in ((-1, -1), (-1, 1), (1, -1), (1, 1))]
        lead = list(self._viewer.dims.point)[: self._viewer.dims.ndim - 2]
        places = np.array([layer.world_to_data([*lead, *corner]) for corner in corners])
        low, high = places[:, -2:].min(axis=0), places[:, -2:].max(axis=0)
        flat = tuple((int(a), int(b) + 1) for a, b in zip(low, high, strict=True))
        return (*((0, n) for n in image.shape[:-2]), *flat)

    def _on_project_changed(self, new: Project, old: Project) -> None:
        if self.image is None or all(getattr(new, f) is getattr(old, f) for f in FOLLOWED):
            return
        shown = {ref.id for ref in self.image.refs}
        self._last = _last_edited(new, old, shown) or self._last
        if new.clicks is not old.clicks and self._last and self.chosen_click is None:
            self._last = ""  # it is gone: nobody need look for it again
        self._ask()
        if new.classes is not old.classes:
            self._fit_width()
            self._draw()  # colors may be others
        self.changed.emit()

    # --- following the viewer ----------------------------------------------------------------

    def _on_camera(self, _: Any = None) -> None:
        self._camera.start()

    def _on_camera_rests(self) -> None:
        self._fit_width()
        if self.feed.outlines.left_out:
            self._ask()

    def _on_painting(self) -> None:
        if self.painter.layer is None and self._clicks in self._viewer.layers:
            self._viewer.layers.selection.active = self._clicks
        self.changed.emit()

    def _on_selection(self, *_: Any) -> None:
        self.changed.emit()


def _last_edited(new: Project, old: Project, images: Collection[str]) -> str:
    """Return the id of the last click on some images that was added or changed; '' for none."""
    before, now = old.clicks, new.clicks
    if now is before or len(now) < len(before):
        return ""
    edited = now[len(before) :] or [c for c, b in zip(now, before, strict=True) if c is not b]
    mine = [click.id for click in edited if click.image in images]
    return mine[-1] if mine else ""
