"""The Clicks layer: napari's own point tools edit the session's clicks, and the other way round.

One Points layer shows all clicks of the image that is shown, the negative ones as crosses. Each row
carries its click's id in the features table, so that no index is tracked: after any edit of the
layer its rows are compared with the session's clicks, and the difference becomes one edit of the
session.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points
from qtpy.QtCore import QTimer, Signal

from napari_synthseg.core.annotations import (
    NEGATIVE_NAME,
    NOT_AN_OBJECT,
    Click,
    ObjectClass,
)
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import contains, full_region
from napari_synthseg.core.project import Project
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.keys import bind_layer_keys
from napari_synthseg.ui.control.notices import warn
from napari_synthseg.ui.presenters.marking import negative_color
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage
from napari_synthseg.ui.viewer.marking.marking_layer import MarkingLayer
from napari_synthseg.ui.viewer.view import see_through

if TYPE_CHECKING:
    import pandas as pd
    from napari import Viewer

UNFINISHED = ("adding", "changing", "removing")
"""Events that announce an edit of the layer; another follows when it is done."""

UNKNOWN_DIAMETER_PX = 10.0
"""Size of clicks whose class has a length as diameter, on images without a pixel size."""

RING, CROSS = "disc", "x"
"""Symbols of clicks on objects, and of negative clicks."""

RING_WIDTH = 0.05
"""Of the ring of a click, as a share of its diameter: the outline beside it is to be seen."""

NEGATIVE_SIZE = 0.5
"""Size of negative clicks, as a share of the smallest diameter."""


class ClicksLayer(MarkingLayer):
    """Shows and edits the clicks on one image."""

    active_class_changed = Signal()
    removed = Signal()

    layer: Points | None = None
    mode = "add"

    def __init__(self, viewer: Viewer, controller: SessionController) -> None:
        super().__init__(viewer, controller)
        self._active = 1
        self._is_negative = False

    # --- showing -----------------------------------------------------------------------------

    def show(self, image: DisplayedImage) -> None:
        """Show the clicks on an image, in a new layer."""
        self.hide()
        classes = self._controller.project.classes
        layer = Points(
            np.empty((0, len(image.shape))),
            name="Clicks",
            features=self._features(()),
            feature_defaults=self._defaults(),
            border_color="class",
            border_color_cycle=_color_cycle(classes, "ff"),
            face_color="class",
            face_color_cycle=_color_cycle(classes, "18"),
            border_width=RING_WIDTH,
            projection_mode="rescale_linear" if len(image.shape) == 3 else "none",
            **image.placement.kwargs(),
        )
        self.layer, self.image = layer, image
        self._write()
        self._viewer.add_layer(layer)  # gives back a proxy; we hold the layer itself
        self._listening.add(self._on_layer_edited, layer.events.data)
        self._listening.add(self._on_features_changed, layer.events.features)
        self._listening.add(self._on_defaults_changed, layer.events.current_properties)
        self._listening.add(self._on_selection_changed, layer.selected_data.events.items_changed)
        bind_layer_keys(
            layer,
            "clicks",
            {
                "class": self._class_actions(self.choose_class),
                **self._image_actions(),
                "negative": partial(self.choose_class, NOT_AN_OBJECT),
                "undo": self._controller.undo,
                "redo": self._controller.redo,
            },
        )
        layer.mode = self.mode
        self._show_nearby()

    def forget(self) -> None:
        """Let go of the layer, and show no clicks of other planes any more."""
        layer = self.layer
        super().forget()
        if layer is not None:
            if layer.ndim == 3:
                see_through(self._viewer, 0.0)
            self.removed.emit()

    def follow(self) -> None:
        """Move the layer to where its image lies now."""
        super().follow()
        self._show_nearby()

    def settle(self) -> None:
        """Deselect all points and draw once, before the layer goes."""
        if self.layer is not None and self.layer.selected_data:
            with self._own_change():
                self.layer.selected_data = set()
        super().settle()

    @property
    def active_class(self) -> int:
        """Value of the class that was chosen last."""
        known = [c.value for c in self._controller.project.classes]
        if self._active not in known and known:
            self._active = known[0]
        return self._active

    @property
    def next_class(self) -> int:
        """What the next click gets: the active class, or `NOT_AN_OBJECT`."""
        return NOT_AN_OBJECT if self._is_negative else self.active_class

    def choose_class(self, value: int) -> None:
        """Choose what the next click gets; points selected in select mode change to it."""
        self._is_negative = value == NOT_AN_OBJECT
        if not self._is_negative:
            self._active = value
        layer = self.layer
        if layer is not None:
            layer.feature_defaults = self._defaults()
            self._set_current_look()
            if layer.mode == "select" and layer.selected_data:
                self._reclass(sorted(layer.selected_data), value)
        self.active_class_changed.emit()

    # --- layer -> session --------------------------------------------------------------------

    def _on_layer_edited(self, event: Any = None) -> None:
        action = getattr(event, "action", None)
        if self._is_own_change or self.layer is None or str(action) in UNFINISHED:
            return
        clicks, refused = self._read()
        known = {c.id: c for c in self._clicks()}
        kept = {c.id for c in clicks}
        gone = [i for i in known if i not in kept]
        changed = [c for c in clicks if known.get(c.id) != c]
        ok = self._edit(changed, gone, known)
        if ok and not refused:
            self.layer.features.loc[:, "id"] = [c.id for c in clicks]
            self._set_look(clicks)
        else:  # not now: napari is still in the middle of its own edit
            QTimer.singleShot(0, self._write)
        if refused:
            warn(refused)

    def _on_features_changed(self) -> None:
        """Take over classes edited in the features table; also called at each step of a drag."""
        if self._is_own_change or self.layer is None:
            return
        names = self._controller.project.click_names
        known = {c.id: names[c.cls] for c in self._clicks()}
        table = self.layer.features
        rows = zip(table["id"].tolist(), table["class"].tolist(), strict=True)
        if any(ident in known and known[ident] != name for ident, name in rows):
            self._on_layer_edited()

    def _on_selection_changed(self, *_: Any) -> None:
        """Take over pasted points, of which napari tells only by selecting them."""
        if self._is_own_change or self.layer is None:
            return
        if len(self.layer.data) != len(self._clicks()):
            self._on_layer_edited()

    def _edit(self, changed: list[Click], gone: list[str], known: dict[str, Click]) -> bool:
        if not changed and not gone:
            return True
        project = self._controller.project
        kept = project.without_clicks(gone) if gone else project
        with self._own_change():
            return self._controller.edit(
                kept.with_clicks(*changed), _describe(changed, gone, known)
            )

    def _read(self) -> tuple[list[Click], str]:
        """Return the layer's rows as clicks, and why rows were left out ('' if none was)."""
        assert self.layer is not None and self.image is not None
        known = {c.id: c for c in self._clicks()}
        values = {name: value for value, name in self._controller.project.click_names.items()}
        table = self.layer.features
        parts = [(ref, ref.region or full_region(self.image.shape)) for ref in self.image.refs]
        clicks: list[Click] = []
        seen: set[str] = set()
        refused = ""
        rows = zip(
            self.layer.data.tolist(), table["id"].tolist(), table["class"].tolist(), strict=True
        )
        for position, ident, name in rows:
            click = known.get(ident) if ident not in seen else None
            value = self.next_class if ident == "" else values.get(name)
            ref = next((ref for ref, region in parts if contains(region, position)), None)
            if value is None:
                refused = f"There is no class '{name}'. Add it to the list of classes first."
            elif ref is None:
                refused = "That point lies outside the image, so it was not taken."
            else:
                at = tuple(position)
                if click is None:
                    click = Click(image=ref.id, position=at, cls=value)
                elif (click.image, click.position, click.cls) != (ref.id, at, value):
                    click = click.placed(ref.id, at, value)
                clicks.append(click)
                seen.add(click.id)
        return clicks, refused

    def _reclass(self, rows: list[int], value: int) -> None:
        assert self.layer is not None
        chosen = {self.layer.features["id"].iloc[row] for row in rows}
        known = {c.id: c for c in self._clicks()}
        clicks = [known[i] for i in chosen if i in known]
        changed = [c.placed(c.image, c.position, value) for c in clicks]
        if self._edit([c for c in changed if known[c.id] != c], [], known):
            self._write()

    # --- session -> layer --------------------------------------------------------------------

    def _on_project_changed(self, new: Project, old: Project) -> None:
        fields = ("clicks", "negatives", "classes")
        edited = any(getattr(new, name) is not getattr(old, name) for name in fields)
        if edited and not self._is_own_change:
            self._write()

    def _write(self) -> None:
        """Make the layer show the session's clicks and class colors."""
        layer, image = self.layer, self.image
        if layer is None or image is None or not image.refs:
            return
        classes, clicks = self._controller.project.classes, self._clicks()
        positions = np.array([c.position for c in clicks], float)
        with self._own_change():
            layer.selected_data = set()
            layer.data = positions.reshape(-1, len(image.shape))
            layer.border_color_cycle = _color_cycle(classes, "ff")
            layer.face_color_cycle = _color_cycle(classes, "18")
            layer.features = self._features(clicks)
            layer.feature_defaults = self._defaults()
            self._set_look(clicks)
            self._set_current_look()
        self._show_nearby()

    def _show_nearby(self) -> None:
        """Let the clicks of a volume be seen, smaller, as far from their plane as objects reach."""
        image, classes = self.image, self._controller.project.classes
        if image is None or len(image.shape) == 2 or not image.refs or not classes:
            return
        spacing = image.refs[0].spacing
        planes = max(self._diameter(c) for c in classes) / 2 / spacing[0]
        see_through(self._viewer, planes * image.placement.scale[0])

    def _on_defaults_changed(self) -> None:
        """Undo what selecting a point does to the class of the next one."""
        layer = self.layer
        if layer is None or self._is_own_change:
            return
        wanted = self._defaults()
        if any(layer.feature_defaults[key].iloc[0] != value for key, value in wanted.items()):
            layer.feature_defaults = wanted
            self._set_current_look()

    def _set_look(self, clicks: Sequence[Click]) -> None:
        """Give each point the symbol and the size of what it marks."""
        layer, looks = self.layer, self._looks()
        if layer is None or not clicks:
            return
        symbols, sizes = zip(*(looks[c.cls] for c in clicks), strict=True)
        if layer.symbol.tolist() != list(symbols):
            layer.symbol = list(symbols)
        if layer.size.tolist() != list(sizes):
            layer.size = np.array(sizes)

    def _set_current_look(self) -> None:
        """Let the next click, and its swatch in napari's controls, look like its class."""
        layer, looks, project = self.layer, self._looks(), self._controller.project
        if layer is not None and self.next_class in looks:
            name = project.click_names[self.next_class]
            with layer.block_update_properties():
                layer.current_symbol, layer.current_size = looks[self.next_class]
                layer.current_border_color = _color_cycle(project.classes, "ff")[name]
                layer.current_face_color = _color_cycle(project.classes, "18")[name]

    def _looks(self) -> dict[int, tuple[str, float]]:
        """Return class value -> symbol and size."""
        diameters = {c.value: self._diameter(c) for c in self._controller.project.classes}
        small = NEGATIVE_SIZE * min(diameters.values(), default=UNKNOWN_DIAMETER_PX)
        return {**{v: (RING, d) for v, d in diameters.items()}, NOT_AN_OBJECT: (CROSS, small)}

    # --- small things ------------------------------------------------------------------------

    def _clicks(self) -> tuple[Click, ...]:
        shown = {ref.id for ref in self.image.refs} if self.image else set()
        project = self._controller.project
        return tuple(c for c in (*project.clicks, *project.negatives) if c.image in shown)

    def _diameter(self, cls: ObjectClass) -> float:
        assert self.image is not None
        try:
            return cls.diameter_px(self.image.refs[0])
        except InputError:  # a length, but no pixel size: the page of step 1 says so
            return UNKNOWN_DIAMETER_PX

    def _defaults(self) -> dict[str, str]:
        return {"class": self._controller.project.click_names.get(self.next_class, ""), "id": ""}

    def _features(self, clicks: Sequence[Click]) -> pd.DataFrame:
        import pandas as pd  # here: it loads in half a second, and is not needed to open the panel

        names = self._controller.project.click_names
        column = pd.Categorical([names[c.cls] for c in clicks], categories=list(names.values()))
        ids = np.array([c.id for c in clicks], dtype=object)
        return pd.DataFrame({"class": column, "id": ids})


def _color_cycle(classes: Sequence[ObjectClass], alpha: str) -> dict[str, str]:
    """Return name -> color, of which those of classes have this opacity."""
    colors = {c.name: c.color + alpha for c in classes} or {"": "#ffffff" + alpha}
    return {**colors, NEGATIVE_NAME: negative_color(classes)}


def _describe(changed: list[Click], gone: list[str], known: dict[str, Click]) -> str:
    """Name an edit for the undo button."""
    old = [known[c.id] for c in changed if c.id in known]
    if gone:
        what, number = "delete", len(gone)
    elif len(old) < len(changed):
        what, number = "add", len(changed) - len(old)
    else:
        same_class = all(c.cls == before.cls for c, before in zip(changed, old, strict=True))
        what, number = "move" if same_class else "change class of", len(changed)
    return f"{what} click" if number == 1 else f"{what} {number} clicks"
