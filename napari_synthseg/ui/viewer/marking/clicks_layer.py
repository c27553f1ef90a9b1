"""The Clicks layer: napari's own point tools edit the session's clicks, and the other way round.

One Points layer shows all clicks of the image that is shown, the negative ones as crosses. After
any edit of the layer its rows are compared with the session's clicks, and the difference becomes
one edit of the session.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points
from numpy.typing import NDArray
from qtpy.QtCore import QTimer, Signal

from napari_synthseg.core.annotations import NOT_AN_OBJECT, Click, ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import contains, full_region
from napari_synthseg.core.project import Project
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.keys import bind_layer_keys
from napari_synthseg.ui.control.notices import warn
from napari_synthseg.ui.presenters.marking import negative_color
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage
from napari_synthseg.ui.viewer.marking.click_rows import ClickRows
from napari_synthseg.ui.viewer.marking.marking_layer import MarkingLayer
from napari_synthseg.ui.viewer.quick_layers import ManyPoints
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
"""Of the ring of a click, as a share of its diameter."""

NEGATIVE_SIZE = 0.5
"""Size of negative clicks, as a share of the smallest diameter."""

LOOK = ("symbol", "size", "border_color", "face_color")
"""Attributes of the layer, of each row, by which classes are told apart."""

RING_OPACITY, FACE_OPACITY = 0x80, 0x18
"""Of clicks on objects, of 255: the outline of the object, in the same color, is told from the ring
where both cross.
"""

ONLY_IN_PLANES = (
    "Clicks are made and moved in planes, as a place in the 3D view has no depth: press Ctrl+Y."
)


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
        self._shown: tuple[Project, ClickRows] | None = None

    # --- showing -----------------------------------------------------------------------------

    def show(self, image: DisplayedImage) -> None:
        """Show the clicks on an image, in a new layer."""
        self.hide()
        self.image, self._shown = image, None
        # colors are given to rows: from a cycle napari looks up those of all at each edit
        layer = ManyPoints(
            np.empty((0, len(image.shape))),
            name="Clicks",
            features=self._features(self._rows),
            feature_defaults=self._defaults(),
            size=UNKNOWN_DIAMETER_PX,
            border_width=RING_WIDTH,
            projection_mode="rescale_linear" if len(image.shape) == 3 else "none",
            **image.placement.kwargs(),
        )
        self.layer = layer
        self._write()
        self._viewer.add_layer(layer)  # gives back a proxy; we hold the layer itself
        self._keep_in_place(image)
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
        edited, gone = ClickRows.of_layer(self.layer).differences(self._rows)
        known = self._clicks_of(edited.values())
        clicks, refused = self._read(edited, known)
        changed = [c for c in clicks.values() if known.get(c.id) != c]
        ok = self._edit(changed, gone, known)
        if ok and not refused:
            self._fill(clicks)
        else:  # not now: napari is still in the middle of its own edit
            QTimer.singleShot(0, self._write)
        if refused:
            warn(refused)

    def _on_features_changed(self) -> None:
        """Take over classes edited in the features table; also called at each step of a drag."""
        if self._is_own_change or self.layer is None:
            return
        if ClickRows.of_layer(self.layer).renames(self._rows):
            self._on_layer_edited()

    def _on_selection_changed(self, *_: Any) -> None:
        """Take over pasted points, of which napari tells only by selecting them."""
        if self._is_own_change or self.layer is None:
            return
        if len(self.layer.data) != len(self._rows):
            self._on_layer_edited()

    def _edit(self, changed: list[Click], gone: list[str], known: Mapping[str, Click]) -> bool:
        if not changed and not gone:
            return True
        project = self._controller.project
        kept = project.without_clicks(gone) if gone else project
        with self._own_change():
            return self._controller.edit(
                kept.with_clicks(*changed), _describe(changed, gone, known)
            )

    def _read(
        self, edited: Mapping[int, str], known: Mapping[str, Click]
    ) -> tuple[dict[int, Click], str]:
        """Return rows as clicks, and why rows were left out ('' if none was).

        Parameters
        ----------
        edited
            Row -> id of its click, '' for a new one.
        known
            Id -> click, as it was.
        """
        assert self.layer is not None and self.image is not None
        values = {name: value for value, name in self._controller.project.click_names.items()}
        parts = [(ref, ref.region or full_region(self.image.shape)) for ref in self.image.refs]
        table = self.layer.features.iloc[list(edited)]
        places = self.layer.data[list(edited)].tolist()
        clicks: dict[int, Click] = {}
        refused = ""
        for (row, ident), given, name, place in zip(
            edited.items(), table["id"].tolist(), table["class"].tolist(), places, strict=True
        ):
            value = self.next_class if given == "" else values.get(name)
            ref = next((ref for ref, region in parts if contains(region, place)), None)
            if value is None:
                refused = f"There is no class '{name}'. Add it to the list of classes first."
            elif ref is None:
                refused = "That point lies outside the image, so it was not taken."
            elif self._viewer.dims.ndisplay == 3 and not _is_at(known.get(ident), place):
                refused = ONLY_IN_PLANES
            elif ident:
                clicks[row] = known[ident].placed(ref.id, tuple(place), value)
            else:
                clicks[row] = Click(image=ref.id, position=tuple(place), cls=value)
        return clicks, refused

    def _fill(self, clicks: Mapping[int, Click]) -> None:
        """Give rows of the layer, which says what the session does, the ids and looks of clicks."""
        layer, rows, names = self.layer, list(clicks), self._controller.project.click_names
        if layer is None:
            return
        if rows:
            layer.features.loc[rows, "id"] = [c.id for c in clicks.values()]
            before = [getattr(layer, name)[rows] for name in LOOK]
            self._set_look(rows, [c.cls for c in clicks.values()])
            if any((getattr(layer, n)[rows] != b).any() for n, b in zip(LOOK, before, strict=True)):
                layer.refresh()
        shown = ClickRows.of_layer(layer)
        if all(shown.names[row] == names[c.cls] for row, c in clicks.items()):
            self._shown = self._controller.project, shown

    def _reclass(self, rows: list[int], value: int) -> None:
        assert self.layer is not None
        known = self._clicks_of(self.layer.features["id"].iloc[rows].tolist())
        changed = [c.placed(c.image, c.position, value) for c in known.values() if c.cls != value]
        if self._edit(changed, [], known):
            self._write()

    # --- session -> layer --------------------------------------------------------------------

    def _on_project_changed(self, new: Project, old: Project) -> None:
        fields = ("clicks", "negatives", "classes")
        edited = any(getattr(new, name) is not getattr(old, name) for name in fields)
        if edited and not self._is_own_change and not self._remove_last(new, old):
            self._write()

    def _remove_last(self, new: Project, old: Project) -> bool:
        """Remove the rows of the last clicks where these alone are gone: one of many was undone.

        Returns
        -------
        Whether that was all that changed.
        """
        layer, gone = self.layer, _cut_off(new, old)
        if layer is None or self._shown is None or self._shown[0] is not old or not gone:
            return False
        left, _ = self._shown[1].without(gone)
        self._shown = new, left
        _, rows = ClickRows.of_layer(layer).without(gone)
        with self._own_change():
            layer.selected_data = set()
            layer.remove(rows)
        return True

    def _write(self) -> None:
        """Make the layer show the session's clicks and class colors."""
        layer, image = self.layer, self.image
        if layer is None or image is None or not image.refs:
            return
        clicks = self._clicks()
        rows = self._rows_of(clicks)
        self._shown = self._controller.project, rows
        with self._own_change():
            layer.selected_data = set()
            with layer.events.set_data.blocker():  # draw once, when all is set
                if not np.array_equal(layer.data, rows.places):
                    layer.data = rows.places.copy()
            layer.features = self._features(rows)
            layer.feature_defaults = self._defaults()
            self._set_look(slice(None), [click.cls for click in clicks])
            self._set_current_look()
            layer.refresh()
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

    def _set_look(self, rows: list[int] | slice, values: list[int]) -> None:
        """Give rows the look of the class values that they mark."""
        marked = np.array(values, int)
        for name, of_value in self._looks().items():
            getattr(self.layer, name)[rows] = of_value[marked]

    def _set_current_look(self) -> None:
        """Let the next click, and its swatch in napari's controls, look like its class."""
        layer, value = self.layer, self.next_class
        if layer is not None and value in self._controller.project.click_names:
            with layer.block_update_properties():
                for name, of_value in self._looks().items():
                    setattr(layer, f"current_{name}", of_value[value])

    def _looks(self) -> dict[str, NDArray[Any]]:
        """Return attribute of the layer -> what it is for each class value."""
        assert self.layer is not None
        classes = self._controller.project.classes
        count = 1 + max((c.value for c in classes), default=NOT_AN_OBJECT)
        symbol = type(self.layer.current_symbol)
        symbols, sizes = np.full(count, symbol(RING), object), np.zeros(count)
        borders, faces = np.zeros((2, count, 4), np.float32)
        for cls in classes:
            sizes[cls.value] = self._diameter(cls)
            borders[cls.value] = _rgba(cls.color, RING_OPACITY)
            faces[cls.value] = _rgba(cls.color, FACE_OPACITY)
        smallest = min((sizes[c.value] for c in classes), default=UNKNOWN_DIAMETER_PX)
        symbols[NOT_AN_OBJECT] = symbol(CROSS)
        sizes[NOT_AN_OBJECT] = NEGATIVE_SIZE * smallest
        borders[NOT_AN_OBJECT] = faces[NOT_AN_OBJECT] = _rgba(negative_color(classes))
        return dict(zip(LOOK, (symbols, sizes, borders, faces), strict=True))

    # --- small things ------------------------------------------------------------------------

    def _clicks(self) -> list[Click]:
        shown = {ref.id for ref in self.image.refs} if self.image else set()
        project = self._controller.project
        return [c for c in (*project.clicks, *project.negatives) if c.image in shown]

    def _clicks_of(self, ids: Collection[str]) -> dict[str, Click]:
        """Return id -> click, of the clicks of these ids."""
        wanted = set(ids) - {""}
        return {c.id: c for c in self._clicks() if c.id in wanted} if wanted else {}

    @property
    def _rows(self) -> ClickRows:
        """The rows that show the session's clicks, in any order."""
        project = self._controller.project
        if self._shown is None or self._shown[0] is not project:
            self._shown = project, self._rows_of(self._clicks())
        return self._shown[1]

    def _rows_of(self, clicks: Sequence[Click]) -> ClickRows:
        assert self.image is not None
        names = self._controller.project.click_names
        return ClickRows.of_clicks(clicks, names, len(self.image.shape))

    def _diameter(self, cls: ObjectClass) -> float:
        assert self.image is not None
        try:
            return cls.diameter_px(self.image.refs[0])
        except InputError:  # a length, but no pixel size: the page of step 1 says so
            return UNKNOWN_DIAMETER_PX

    def _defaults(self) -> dict[str, str]:
        return {"class": self._controller.project.click_names.get(self.next_class, ""), "id": ""}

    def _features(self, rows: ClickRows) -> pd.DataFrame:
        import pandas as pd  # here: it loads in half a second, and is not needed to open the panel

        names = list(self._controller.project.click_names.values())
        column = pd.Categorical(rows.names, categories=names)
        return pd.DataFrame({"class": column, "id": np.array(rows.ids, object)})


def _is_at(click: Click | None, place: Sequence[float]) -> bool:
    """Tell whether there is a click and it lies at a place."""
    return click is not None and click.position == tuple(place)


def _cut_off(new: Project, old: Project) -> set[str]:
    """Return the ids of the last clicks where these alone are gone; none where more differs."""
    if new.classes is not old.classes or new.images is not old.images:
        return set()
    cut: list[Click] = []
    for now, before in ((new.clicks, old.clicks), (new.negatives, old.negatives)):
        if before[: len(now)] != now:
            return set()
        cut += before[len(now) :]
    return {click.id for click in cut}


def _rgba(color: str, opacity: int = 255) -> list[float]:
    """Return red, green, blue and opacity, 0 to 1, of a color "#rrggbb"."""
    return [part / 255 for part in (*bytes.fromhex(color.removeprefix("#")), opacity)]


def _describe(changed: list[Click], gone: list[str], known: Mapping[str, Click]) -> str:
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
