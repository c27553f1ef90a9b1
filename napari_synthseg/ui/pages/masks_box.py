"""Where masks come from: the method of each class, or the user's own masks."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import numpy as np
from napari.layers import Labels as LabelsLayer
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QComboBox, QGridLayout, QLabel, QPushButton, QWidget

from napari_synthseg.core.annotations import ImageRef, ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.progress import Progress
from napari_synthseg.patches.masks.registry import AUTO, MASK_METHODS
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.notices import show_input_errors
from napari_synthseg.ui.viewer.labels_menu import LabelsMenu, ask_label_file
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.parts import fit_narrow
from napari_synthseg.workflow.jobs import Job

TOOL_TIP = Qt.ItemDataRole.ToolTipRole


class MasksBox(QWidget):
    """The mask method of the active class, and a way to use masks that are there already."""

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
        self.menu = LabelsMenu(self.take_button, layers, self.take_layer, self.choose_file)
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
            layers.clicks.active_class_changed,
        ):
            signal.connect(self.refresh)
        self.refresh()

    def refresh(self, *_: object) -> None:
        """Show the active class."""
        cls = self._active_class()
        self.setEnabled(cls is not None)
        self.title.setText(f"Masks of {cls.name}" if cls else "Masks")
        if cls is not None:
            with QSignalBlocker(self.method):
                if self.method.findData(cls.mask_method) < 0:
                    name = cls.mask_method
                    self._add_method(name, name, "This method is not installed")
                self.method.setCurrentIndex(self.method.findData(cls.mask_method))
            self.method.setToolTip(self.method.currentData(TOOL_TIP))

    def _add_method(self, name: str, title: str, hint: str) -> None:
        self.method.addItem(title, name)
        self.method.setItemData(self.method.count() - 1, hint, TOOL_TIP)

    # --- choosing a method -------------------------------------------------------------------

    def _active_class(self) -> ObjectClass | None:
        classes, active = self.controller.project.classes, self.layers.clicks.active_class
        return next((c for c in classes if c.value == active), classes[0] if classes else None)

    def _on_method(self, index: int) -> None:
        if (cls := self._active_class()) is not None:
            changed = cls.model_copy(update={"mask_method": self.method.itemData(index)})
            new = self.controller.project.with_classes(changed)
            self.controller.edit(new, f"change mask method of {cls.name}")
            self.refresh()

    # --- using masks that are there already ----------------------------------------------------

    def take_layer(self, layer: LabelsLayer) -> None:
        """Cut patches by the objects of a Labels layer, of a stack those of the shown planes."""

        def take() -> None:
            image = self._image()
            step, ndim = self.layers.step, image.ndim

            def read() -> Generator[Progress, None, InstanceLabels]:
                yield Progress(0.0, f"reading {layer.name}")
                return _labels_of(layer, step, ndim)

            self.controller.run(
                Job(read(), f"read {layer.name}"), lambda labels: self._give(image, labels)
            )

        show_input_errors(take)

    def choose_file(self) -> None:
        """Ask for a label image, and cut patches by its objects."""
        path = ask_label_file(self, "Masks of the objects")
        if path is not None:
            show_input_errors(lambda: self._give(self._image(), path))

    def _give(self, image: ImageRef, source: Path | InstanceLabels) -> None:
        def cut(_: object) -> None:
            self.controller.start(lambda session: session.cut_patches())

        if (cls := self._active_class()) is not None:
            value = cls.value
            self.controller.start(
                lambda session: session.import_labels(image, source, "patch_masks", value), cut
            )

    def _image(self) -> ImageRef:
        refs = self.layers.image.refs if self.layers.image else ()
        image = next((r for r in refs if r.role == "train"), None)
        if image is None:
            raise InputError("No training image is shown: show the image that the masks belong to.")
        return image


def _labels_of(layer: LabelsLayer, step: tuple[int, ...], ndim: int) -> InstanceLabels:
    """Return a layer's masks along its last `ndim` axes; `step` is where the sliders stand."""
    data = layer.data[0] if layer.multiscale else layer.data
    own = step[-np.ndim(data) :][: np.ndim(data) - ndim]
    plane = np.asarray(data[tuple(own)])
    return InstanceLabels(np.ascontiguousarray(plane, np.int32))
