"""Where masks come from: the method of each class, or the user's own masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Labels as LabelsLayer
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QGridLayout,
    QLabel,
    QPushButton,
    QWidget,
)

from napari_synthseg.core.annotations import ImageRef, ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.patches.masks.registry import AUTO, MASK_METHODS
from napari_synthseg.ui.app.controller import SessionController
from napari_synthseg.ui.app.notices import show_input_errors
from napari_synthseg.ui.viewer.labels_menu import LabelsMenu, ask_label_file
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.parts import fit_narrow

TOOL_TIP = Qt.ItemDataRole.ToolTipRole


class MasksBox(QWidget):
    """The mask method of the class chosen last, and a way to bring masks along."""

    def __init__(self, controller: SessionController, layers: Layers) -> None:
        super().__init__()
        self.controller, self.layers = controller, layers
        self.title, self.method = QLabel(), QComboBox()
        self._add_method(
            AUTO, "Automatic", "The method whose masks look best is chosen, image by image"
        )
        for method in MASK_METHODS.values():
            self._add_method(method.name, method.title, method.hint)
        fit_narrow(self.method)
        self.method.currentIndexChanged.connect(self._on_method)
        self.take_button = QPushButton("Use my own masks…")
        self.take_button.setToolTip(
            "Cut patches by the objects of a Labels layer or a label image; objects without a "
            "click get one"
        )
        self.menu = LabelsMenu(
            self.take_button,
            layers,
            self.take_layer,
            self.choose_file,
        )
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self.title, 0, 0)
        grid.addWidget(self.method, 0, 1)
        grid.addWidget(self.take_button, 1, 0, 1, 2)
        grid.setColumnStretch(1, 1)
        for signal in (
            controller.session_changed,
            controller.project_changed,
            layers.image_changed,
        ):
            signal.connect(self.refresh)
        layers.clicks.active_class_changed.connect(self.refresh)
        self.refresh()

    def refresh(self, *_: object) -> None:
        """Show the class of now."""
        cls = self._active_class()
        self.setEnabled(cls is not None)
        if cls is None:
            self.title.setText("Masks")
            return
        self.title.setText(f"Masks of {cls.name}")
        with QSignalBlocker(self.method):
            if self.method.findData(cls.mask_method) < 0:
                self._add_method(cls.mask_method, cls.mask_method, "This method is not installed")
            self.method.setCurrentIndex(self.method.findData(cls.mask_method))
        self.method.setToolTip(self.method.currentData(TOOL_TIP))

    # --- choosing a method -------------------------------------------------------------------

    def _add_method(self, name: str, title: str, hint: str) -> None:
        self.method.addItem(title, name)
        self.method.setItemData(self.method.count() - 1, hint, TOOL_TIP)

    def _active_class(self) -> ObjectClass | None:
        session = self.controller.session
        classes = session.project.classes if session else ()
        active = self.layers.clicks.active_class
        return next((c for c in classes if c.value == active), classes[0] if classes else None)

    def _on_method(self, index: int) -> None:
        session, cls = self.controller.session, self._active_class()
        if session is None or cls is None:
            return
        changed = cls.model_copy(update={"mask_method": self.method.itemData(index)})
        new = session.project.with_classes(changed)
        show_input_errors(lambda: session.edit(new, f"find masks of {cls.name} otherwise"))
        self.refresh()

    # --- taking masks ------------------------------------------------------------------------

    def take_layer(self, layer: LabelsLayer) -> None:
        """Cut patches by the objects of a Labels layer."""
        show_input_errors(lambda: self._take(self._labels_of(layer)))

    def choose_file(self) -> None:
        """Ask for a label image, and cut patches by its objects."""
        path = ask_label_file(self, "Masks of the objects")
        if path is not None:
            show_input_errors(lambda: self._take(path))

    def _take(self, source: Path | InstanceLabels) -> None:
        session, cls, image = self.controller.session, self._active_class(), self._image()
        if session is not None and cls is not None:
            job = session.import_labels(image, source, "patch_masks", cls.value)
            self.controller.run(job, self._on_taken)

    def _on_taken(self, _: Any) -> None:
        session = self.controller.session
        if session is not None:
            show_input_errors(lambda: self.controller.run(session.cut_patches()))

    def _image(self) -> ImageRef:
        refs = self.layers.field.refs if self.layers.field else ()
        image = next((r for r in refs if r.role == "train"), None)
        if image is None:
            raise InputError("No training image is shown: show the image that the masks belong to.")
        return image

    def _labels_of(self, layer: LabelsLayer) -> InstanceLabels:
        """Return a layer's masks, of a stack those of the planes that are shown."""
        ndim = self._image().ndim
        data = layer.data[0] if layer.multiscale else layer.data
        step = self.layers.step[-np.ndim(data) :]
        plane = np.asarray(data[tuple(step[: np.ndim(data) - ndim])])
        return InstanceLabels(np.ascontiguousarray(plane, np.int32))
