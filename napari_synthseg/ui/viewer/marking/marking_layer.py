"""What the layers have in common in which the user marks: clicks, or painted regions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_synthseg.core.project import Project
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.presenters.shortcuts import CLASS_KEYS
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage
from napari_synthseg.ui.viewer.place_keeper import PlaceKeeper
from napari_synthseg.ui.viewer.subscriptions import Subscriptions
from napari_synthseg.ui.viewer.view import remove_layer

if TYPE_CHECKING:
    from napari import Viewer


class MarkingLayer(QObject):
    """A layer of ours that the user edits, and the session with it.

    Attributes
    ----------
    layer
        napari's layer, or None.
    image
        The image that is marked, or None.
    """

    image_wanted = Signal(int)
    """A key asked for another image: 1 for the next one, -1 for the one before."""

    layer: Any = None
    image: DisplayedImage | None = None
    mode: str
    """The layer's mode in which the user marks."""

    def __init__(self, viewer: Viewer, controller: SessionController) -> None:
        super().__init__()
        self._viewer, self._controller = viewer, controller
        self._listening = Subscriptions()
        self._place: PlaceKeeper | None = None
        self._is_own_change = False
        controller.project_changed.connect(self._on_project_changed)

    def hide(self) -> None:
        """Take the layer away; what is marked stays in the session."""
        remove_layer(self._viewer, self.layer)
        self.forget()

    def activate(self) -> None:
        """Make the layer the active one, ready for marking."""
        if self.layer is not None:
            self.layer.visible = True
            self._viewer.layers.selection.active = self.layer
            if self.layer.editable:
                self.layer.mode = self.mode

    def forget(self) -> None:
        """Let go of the layer: where it stays in the viewer, editing it does nothing to us."""
        self._listening.end()
        if self.layer is not None:
            self.layer.keymap.clear()
        self.layer = self.image = self._place = None

    def follow(self) -> None:
        """Move the layer to where its image lies now."""
        if self._place is not None and self.image is not None:
            self._place.place(self.image.placement)

    def _keep_in_place(self, image: DisplayedImage) -> None:
        """Keep the layer on its image, whoever moves it."""
        self._place = PlaceKeeper(self.layer, image.placement, self._listening)

    def settle(self) -> None:
        """Get the layer ready to be removed, and draw once.

        Seen with napari 0.9.2 and vispy 0.17: where the highlight of a Points layer, or the brush
        of a Labels layer, is still to be drawn when the layer goes, the next such layer crashes the
        program in its first draw.
        """
        self._viewer.screenshot(canvas_only=True, flash=False)

    @contextmanager
    def _own_change(self) -> Iterator[None]:
        """Ignore the events that our own change of layer or session causes."""
        before, self._is_own_change = self._is_own_change, True
        try:
            yield
        finally:
            self._is_own_change = before

    def _on_project_changed(self, new: Project, old: Project) -> None:
        """Show what changed."""

    def _class_actions(self, choose_class: Callable[[int], object]) -> list[Callable[[], object]]:
        """Return what the keys of classes do: each chooses the class of its number."""

        def choose(number: int) -> None:
            classes = self._controller.project.classes
            if number < len(classes):
                choose_class(classes[number].value)

        return [partial(choose, number) for number in range(len(CLASS_KEYS))]

    def _image_actions(self) -> dict[str, Callable[[], object]]:
        """Return what the keys of images do: each asks for another image."""
        return {
            "next_image": lambda: self.image_wanted.emit(1),
            "previous_image": lambda: self.image_wanted.emit(-1),
        }
