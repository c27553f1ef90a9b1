"""Where masks come from: the method of each class, or the user's own masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from napari.layers import Labels as LabelsLayer
from qtpy.QtWidgets import QLabel, QPushButton, QWidget

from napari_synthseg.core.annotations import ImageRef, ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.patches.masks.registry import MASK_METHODS, NETWORK
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.notices import show_input_errors
from napari_synthseg.ui.viewer.labels_menu import (
    LabelsMenu,
    ask_label_file,
    plane_in_view,
    require_on_image,
    values_in_view,
)
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.parts import ChoiceBox, column_in, row_of
from napari_synthseg.workflow.jobs import Job


class MasksBox(QWidget):
    """The mask method of the active class, and a way to use masks that are there already."""

    def __init__(self, controller: SessionController, layers: Layers) -> None:
        super().__init__()
        self.controller, self.layers = controller, layers
        self.title, self.method = QLabel(), ChoiceBox()
        self.method.chosen.connect(self._on_method)
        self.take_button = QPushButton("Use my own masks…")
        self.take_button.setToolTip(
            "Cut patches by the objects of a Labels layer or a label image; objects without a "
            "click get one"
        )
        self.menu = LabelsMenu(self.take_button, layers, self.take_layer, self.choose_file)
        self.choice = row_of(self.title, self.method, stretch=self.method)
        column_in(self, self.choice, self.take_button)
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
        words = {m.name: (m.title, m.hint) for m in MASK_METHODS.values()}
        name = cls.mask_method if cls else NETWORK.name
        words.setdefault(name, (name, "This method is not installed"))
        self.choice.setVisible(len(words) > 1)
        tips = {each: tip for each, (_, tip) in words.items()}
        self.method.fill({each: title for each, (title, _) in words.items()}, tips)
        self.method.choose(name)
        self.method.setToolTip(tips[name])

    # --- choosing a method -------------------------------------------------------------------

    def _active_class(self) -> ObjectClass | None:
        classes, active = self.controller.project.classes, self.layers.clicks.active_class
        return next((c for c in classes if c.value == active), classes[0] if classes else None)

    def _on_method(self, name: str) -> None:
        if (cls := self._active_class()) is not None:
            changed = cls.model_copy(update={"mask_method": name})
            new = self.controller.project.with_classes(changed)
            self.controller.edit(new, f"change mask method of {cls.name}")
            self.refresh()

    # --- using masks that are there already ----------------------------------------------------

    def take_layer(self, layer: LabelsLayer) -> None:
        """Cut patches by the objects of a Labels layer, of a stack those of the shown planes."""

        def take() -> None:
            image = self._image()
            if self.layers.image is not None:
                require_on_image(layer, self.layers.image)
            plane = plane_in_view(layer, self.layers.point, image.ndim)

            def read() -> InstanceLabels:
                values = values_in_view(layer, plane, image.ndim)
                return InstanceLabels(np.ascontiguousarray(values, np.int32))

            job = Job.of(f"read {layer.name}", read)
            self.controller.run(job, lambda labels: self._give(image, labels))

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
                lambda session: session.import_labels(
                    image, source, "patch_masks", value, by_clicks=True
                ),
                cut,
            )

    def _image(self) -> ImageRef:
        refs = self.layers.image.refs if self.layers.image else ()
        image = next((r for r in refs if r.role == "train"), None)
        if image is None:
            raise InputError("No training image is shown: show the image that the masks belong to.")
        return image
