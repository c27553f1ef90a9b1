"""What the layers have in common in which the user marks: clicks, or painted regions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject

from napari_synthseg.core.project import Project
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage

if TYPE_CHECKING:
    from napari import Viewer

CLASS_KEYS = 9
"""Classes that a number key chooses."""


class MarkingLayer(QObject):
    """A layer of ours that the user edits, and the session with it.

    Attributes
    ----------
    image
        The image that is marked, or None.
    """

    def __init__(self, viewer: Viewer, controller: SessionController) -> None:
        super().__init__()
        self.image: DisplayedImage | None = None
        self._viewer, self._controller = viewer, controller
        self._is_own_change = False
        controller.project_changed.connect(self._on_project_changed)

    def undo(self) -> None:
        """Undo the last edit."""
        raise NotImplementedError

    def redo(self) -> None:
        """Do again what was undone."""
        raise NotImplementedError

    def choose_class(self, value: int) -> None:
        """Mark objects or regions of this class from now on."""
        raise NotImplementedError

    @contextmanager
    def _own_change(self) -> Iterator[None]:
        """Ignore the events that our own change of layer or session causes."""
        before, self._is_own_change = self._is_own_change, True
        try:
            yield
        finally:
            self._is_own_change = before

    def _on_project_changed(self, new: Project, old: Project) -> None:
        if self.image is not None and new.images is not old.images:
            self.image = self.image.in_project(new)

    def _bind_keys(self, layer: Any) -> None:
        """Bind the number keys to classes, and the keys of undo; napari hands over the layer."""
        for number in range(CLASS_KEYS):
            layer.bind_key(str(number + 1), self._class_chooser(number), overwrite=True)
        layer.bind_key("Control-Z", lambda _: self.undo(), overwrite=True)
        layer.bind_key("Control-Shift-Z", lambda _: self.redo(), overwrite=True)

    def _class_chooser(self, number: int) -> Callable[[Any], None]:
        def choose(_: Any) -> None:
            classes = self._controller.project.classes
            if number < len(classes):
                self.choose_class(classes[number].value)

        return choose
