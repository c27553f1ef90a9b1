"""Going through suggestions: which is the current one, and what an answer does.

The suggestions are those of the session; which of them are open follows from the project, so that
undo brings an answered one back. Here is only where the user is among them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Layer
from qtpy.QtCore import QObject, Signal

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.geometry import Region
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.patches.suggesting.suggestion import Suggestion
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.keys import Actions
from napari_synthseg.ui.presenters.suggesting import edit_name
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage
from napari_synthseg.ui.viewer.suggesting.suggestions_layer import SuggestionsLayer
from napari_synthseg.ui.viewer.view import center_on, look_at_point
from napari_synthseg.workflow.suggesting import Suggestions, accept, reject

if TYPE_CHECKING:
    from napari import Viewer

LARGE_PX = 4 * 2**20
"""Of larger images only the visible part is searched."""

LEAST_SHOWN_PX = 24
"""An object that is smaller on the canvas is brought closer."""

CONTEXT_DIAMETERS = 4.0
"""How much is shown around an object that is brought closer."""


class SuggestionReview(QObject):
    """The open suggestions on the image in view, one of which is the current one."""

    changed = Signal()
    """There are other suggestions, another one is current, or others are selected."""
    ended = Signal()
    """All are answered, or shown no more: what was done before can go on."""

    def __init__(self, viewer: Viewer, controller: SessionController) -> None:
        super().__init__()
        self.layer = SuggestionsLayer(viewer)
        self._viewer, self._controller = viewer, controller
        self._image: DisplayedImage | None = None
        self._current = ""
        self._is_on = False
        self._seen: tuple[object, ...] = ()
        self._open: list[Suggestion] = []
        self.layer.chosen.connect(self._on_chosen)
        self.layer.removed.connect(self.stop)
        controller.project_changed.connect(self._on_project_changed)
        controller.session_changed.connect(self.stop)

    # --- what there is -----------------------------------------------------------------------

    @property
    def found(self) -> list[Suggestions]:
        """What was suggested on the image in view."""
        session = self._controller.session
        refs = self._image.refs if self._image is not None else ()
        if session is None:
            return []
        return [session.suggestions[ref.id] for ref in refs if ref.id in session.suggestions]

    @property
    def is_on(self) -> bool:
        """Whether suggestions are shown."""
        return self._is_on

    @property
    def open(self) -> list[Suggestion]:
        """The suggestions that are not answered yet, in the order of looking at them."""
        found, project = self.found, self._controller.project
        seen = (*found, project.clicks, project.negatives, project.classes, project.images)
        if len(seen) != len(self._seen) or any(
            a is not b for a, b in zip(seen, self._seen, strict=True)
        ):
            self._seen = seen  # asked for often, and slow among many clicks
            self._open = [one for each in found for one in each.open(project)]
        return self._open

    @property
    def current(self) -> Suggestion | None:
        """The one that is ringed."""
        return next((one for one in self.open if one.id == self._current), None)

    @property
    def chosen(self) -> list[Suggestion]:
        """What an answer is for: the selected ones where there are several, else the current."""
        selected = set(self.layer.selected)
        several = [one for one in self.open if one.id in selected]
        if len(several) > 1:
            return several
        return [one for one in (self.current,) if one is not None]

    # --- asking ------------------------------------------------------------------------------

    def ask(self, ref: ImageRef, run: TrainingRun | None = None) -> None:
        """Look for objects on an image in view, by a run's model or by the clicks; show them."""
        part = self._visible_part() if self._is_large else None

        def show(found: Suggestions) -> None:
            self._is_on = True
            self._current = ""
            self._show()
            self.layer.activate()
            self.go(0)

        self._controller.start(lambda session: session.suggest(ref, run, part), show)

    def set_image(self, image: DisplayedImage | None) -> None:
        """Follow the image in view."""
        if image is not self._image:
            self._image, self._current = image, ""
            self._show()

    def stop(self) -> None:
        """Show suggestions no more; they are kept."""
        self._is_on = False
        self._current = ""
        self.layer.hide()
        self.changed.emit()
        self.ended.emit()

    def resume(self) -> None:
        """Show again what was suggested."""
        self._is_on = True
        self._show()
        self.layer.activate()
        self.go(0)

    # --- going through -----------------------------------------------------------------------

    def go(self, step: int) -> None:
        """Make the suggestion `step` places on the current one, and bring it into view."""
        ids = [one.id for one in self.open]
        if not ids:
            return
        at = ids.index(self._current) + step if self._current in ids else 0
        self._current = ids[at % len(ids)]
        self.layer.mark(self._current)
        self._bring_into_view()
        self.changed.emit()

    def accept(self) -> None:
        """Make clicks of what is chosen."""
        self._answer(self.chosen, "accept")

    def reject(self) -> None:
        """Make negative clicks of what is chosen."""
        self._answer(self.chosen, "reject")

    def answer_visible(self, verb: str) -> None:
        """Accept or reject ("accept", "reject") all suggestions that are drawn at once."""
        self._answer(self.layer.in_view, verb)

    def _answer(self, chosen: Sequence[Suggestion], verb: str) -> None:
        if not chosen:
            return
        ids = [one.id for one in self.open]
        gone = {one.id for one in chosen}
        first = ids.index(chosen[0].id)
        left = [i for i in (*ids[first:], *ids[:first]) if i not in gone]
        before, self._current = self._current, left[0] if left else ""
        answer = accept if verb == "accept" else reject
        new = answer(self._controller.project, chosen)
        if not self._controller.edit(new, edit_name(verb, len(chosen))):
            self._current = before
        self._bring_into_view()
        if not self.open:
            self.ended.emit()

    # --- showing -----------------------------------------------------------------------------

    def _show(self) -> None:
        image, left = self._image, self.open
        if image is None or not self._is_on or not self.found:
            self.layer.hide()
        else:
            self.layer.show(image, left, self._current, self._actions())
        self.changed.emit()

    def _actions(self) -> Actions:
        """Return what the keys of the layer do, by name."""
        return {
            "accept": self.accept,
            "reject": self.reject,
            "next": lambda: self.go(1),
            "back": lambda: self.go(-1),
            "undo": self._controller.undo,
            "redo": self._controller.redo,
        }

    def _bring_into_view(self) -> None:
        """Center the current one; come closer where it is too small to be judged."""
        one, points = self.current, self.layer.points
        if one is None or points is None or self._image is None:
            return
        world = points.data_to_world(one.position)
        # of a part of an object, as at the image's edge, what lies around it is shown, too
        usual = [2 * radius for radius in (one.radius, self._usual_radius)]
        width = max(usual) * abs(self._image.placement.scale[-2])
        if width * float(self._viewer.scene.camera.zoom) < LEAST_SHOWN_PX:
            look_at_point(self._viewer, world, CONTEXT_DIAMETERS * width)
        else:
            center_on(self._viewer, world)

    @property
    def _usual_radius(self) -> float:
        return float(np.median([one.radius for one in self._open])) if self._open else 0.0

    @property
    def _is_large(self) -> bool:
        return self._image is not None and math.prod(self._image.shape[-2:]) > LARGE_PX

    def _visible_part(self) -> Region | None:
        """Return what of the image the canvas shows, whole planes of a volume; None if unclear."""
        if self._image is None:
            return None
        layer = self._image.layer
        corners = np.array(layer.corner_pixels, float)[:, -2:]
        if layer.multiscale:
            corners *= np.array(layer.downsample_factors)[layer.data_level][-2:]
        low, high = np.floor(corners[0]), np.ceil(corners[1]) + 1
        shape = self._image.shape
        low, high = np.maximum(low, 0), np.minimum(high, shape[-2:])
        if (high <= low).any():
            return None
        rest = tuple((0, n) for n in shape[:-2])
        return (*rest, *((int(a), int(b)) for a, b in zip(low, high, strict=True)))

    # --- following ---------------------------------------------------------------------------

    def follow(self) -> None:
        """Move the layers along with their image."""
        self.layer.follow()

    def forget(self, gone: Layer) -> None:
        """Note that a layer was removed."""
        self.layer.forget(gone)

    def close(self) -> None:
        """Let go of the viewer."""
        self.blockSignals(True)
        self.layer.blockSignals(True)
        self.layer.let_go()

    def _on_chosen(self) -> None:
        selected = self.layer.selected
        if len(selected) == 1 and selected[0] != self._current:
            self._current = selected[0]
            self.layer.mark(self._current)
        self.changed.emit()

    def _on_project_changed(self, new: Project, old: Project) -> None:
        names = ("clicks", "negatives", "classes", "images")
        if self._is_on and any(getattr(new, n) is not getattr(old, n) for n in names):
            if self._image is not None and not self._image.refs:
                return  # it is being taken away
            ids = {one.id for one in self.open}
            if self._current not in ids:
                self._current = next(iter(one.id for one in self.open), "")
            self._show()
