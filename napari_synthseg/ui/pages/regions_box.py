"""Tools for painting regions: brush, what the rest is, and masks that are there already."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from napari.layers import Labels as LabelsLayer
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_synthseg.core.errors import InputError
from napari_synthseg.storage.uris import relative_uri
from napari_synthseg.ui.app.controller import SessionController
from napari_synthseg.ui.app.notices import show_input_errors
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage
from napari_synthseg.ui.viewer.labels_menu import LabelsMenu, ask_label_file
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.viewer.painting import Taken, from_stored, take_array, take_file
from napari_synthseg.ui.widgets.parts import notice_label, quiet_label
from napari_synthseg.workflow.jobs import Job

TOOLS = {
    "paint": ("Brush", "Paint with the brush (key P)"),
    "polygon": ("Outline", "Click corner after corner; a double-click fills the outline"),
    "fill": ("Fill", "Fill an area of one class, or the gap inside a closed line (key F)"),
    "erase": ("Erase", "Rub out what was painted (key E)"),
}
"""Mode of the layer -> what its button says, and what it tells."""

MOST_BRUSH = 100


class RegionsBox(QWidget):
    """Shows the state of the Regions layer, and changes it."""

    def __init__(self, controller: SessionController, layers: Layers) -> None:
        super().__init__()
        self.controller, self.layers, self.regions = controller, layers, layers.regions
        self._taken: Taken | None = None
        body = QVBoxLayout(self)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(6)
        body.addLayout(self._make_tools())
        body.addLayout(self._make_brush())
        self.rest = QCheckBox("What I did not paint is background")
        self.rest.setToolTip(
            "Without the tick, what is not painted is unknown: it teaches nothing. Paint some "
            "background then, too."
        )
        self.rest.toggled.connect(lambda on: self.regions.set_rest_unknown(not on))
        body.addWidget(self.rest)
        self.ground_button = QPushButton("Paint background (0)")
        self.ground_button.clicked.connect(self._on_ground)
        body.addWidget(self.ground_button)
        self.take_button = QPushButton("Use a Labels layer or label image…")
        self.take_button.setToolTip(
            "Take over masks that are there already; their values are those of the classes"
        )
        self.menu = LabelsMenu(
            self.take_button,
            layers,
            self.take_layer,
            self.choose_file,
        )
        body.addWidget(self.take_button)
        self.problem = notice_label()
        self.make_button = QPushButton()
        self.make_button.clicked.connect(self._on_make_classes)
        for widget in (self.problem, self.make_button):
            body.addWidget(widget)
        body.addWidget(
            quiet_label(
                "Choose a class by its number key, then paint its regions. <b>Space</b> held down "
                "moves the image, <b>Ctrl+Z</b> takes back a stroke, <b>[</b> and <b>]</b> change "
                "the brush. Each stroke is saved at once."
            )
        )
        self.regions.changed.connect(self._on_layer_changed)
        self._listened: LabelsLayer | None = None
        self._say_nothing()
        self.refresh()

    def _make_tools(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(3)
        self._group = QButtonGroup(self)
        self.tools: dict[str, QPushButton] = {}
        for mode, (words, tip) in TOOLS.items():
            button = QPushButton(words)
            button.setCheckable(True)
            button.setToolTip(tip)
            button.clicked.connect(lambda _=False, m=mode: self._on_tool(m))
            self._group.addButton(button)
            self.tools[mode] = button
            row.addWidget(button)
        return row

    def _make_brush(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.slider, self.size = QSlider(Qt.Orientation.Horizontal), QSpinBox()
        for box in (self.slider, self.size):
            box.setRange(1, MOST_BRUSH)
            box.valueChanged.connect(self._on_size)
        self.size.setRange(1, 1000)
        self.size.setSuffix(" px")
        self.size.setKeyboardTracking(False)
        row.addWidget(QLabel("Brush size"))
        row.addWidget(self.slider, 1)
        row.addWidget(self.size)
        return row

    # --- showing -----------------------------------------------------------------------------

    def refresh(self, *_: object) -> None:
        """Show tools and settings as they are now."""
        layer = self.regions.layer
        for mode, button in self.tools.items():
            button.setEnabled(layer is not None and layer.editable)
            self._group.setExclusive(False)
            button.setChecked(layer is not None and str(layer.mode) == mode)
            self._group.setExclusive(True)
        if layer is not None:
            for box in (self.slider, self.size):
                with QSignalBlocker(box):
                    box.setValue(int(layer.brush_size))
        with QSignalBlocker(self.rest):
            self.rest.setChecked(not self.regions.rest_unknown)
        self.ground_button.setVisible(self.regions.rest_unknown)
        for widget in (self.slider, self.size, self.rest, self.take_button, self.ground_button):
            widget.setEnabled(layer is not None)

    def _on_layer_changed(self) -> None:
        layer = self.regions.layer
        if layer is not self._listened:
            self._listened = layer
            self._say_nothing()
            if layer is not None:
                layer.events.mode.connect(self.refresh)
                layer.events.brush_size.connect(self.refresh)
        self.refresh()

    # --- painting ----------------------------------------------------------------------------

    def _on_tool(self, mode: str) -> None:
        if self.regions.layer is not None:
            self.layers.activate_regions()
            self.regions.layer.mode = mode

    def _on_size(self, size: int) -> None:
        if self.regions.layer is not None:
            self.regions.layer.brush_size = size

    def _on_ground(self) -> None:
        self._on_tool("paint")
        self.regions.choose_ground()

    # --- taking masks ------------------------------------------------------------------------

    def take_layer(self, layer: LabelsLayer) -> None:
        """Take over the values of a Labels layer: all of it, or the plane that is shown."""
        show_input_errors(lambda: self._take_layer(layer))

    def _take_layer(self, layer: LabelsLayer) -> None:
        field = self._field()
        data = layer.data[0] if layer.multiscale else layer.data
        shown = self.layers.step[-np.ndim(data) :]
        ndim, name = len(field.shape), f"'{layer.name}'"
        plane = data[tuple(shown[: max(np.ndim(data) - ndim, 0)])]
        if np.ndim(plane) == 2 and ndim == 3:  # a flat layer over a volume: its shown plane
            whole = np.array(self.regions.layer.data)
            whole[self.layers.step[-3]] = np.asarray(plane)
            plane = whole
        self._run(Job(take_array(plane, name, field.refs, field.shape), f"take {layer.name}"))

    def choose_file(self) -> None:
        """Ask for a label image, and take its values."""
        path = ask_label_file(self, "Masks of the regions")
        if path is not None:
            show_input_errors(lambda: self.take_file(path))

    def take_file(self, path: Path) -> None:
        """Take over the values of a label image.

        Raises
        ------
        InputError
            If no image is shown.
        """
        field, session = self._field(), self.controller.need_session()
        uri = relative_uri(path, session.folder)
        work = take_file(path, session.folder, uri, field.refs, field.shape)
        self._run(Job(work, f"take {path.name}"))

    def _field(self) -> DisplayedImage:
        if self.regions.field is None or self.regions.layer is None:
            raise InputError("No image is shown: show the image that the masks belong to.")
        return self.regions.field

    def _run(self, job: Job) -> None:
        self._say_nothing()
        field = self.regions.field

        def take(taken: Taken) -> None:
            if self.regions.field is field:
                self._on_taken(taken)

        self.controller.run(job, take)

    def _on_taken(self, taken: Taken) -> None:
        session = self.controller.session
        if session is None:
            return
        missing = taken.unknown_classes(session.project)
        if not missing:
            self._say_nothing()
            self.regions.replace(from_stored(taken.stored))
            return
        self._taken = taken
        values = ", ".join(str(v) for v in missing)
        one = len(missing) == 1
        self.problem.setText(
            f"The masks {taken.name} hold the value{'' if one else 's'} {values}, for which there "
            f"is no class here. Nothing was taken yet."
        )
        self.make_button.setText(
            f"Make class {values}, and use the masks" if one
            else f"Make classes {values}, and use the masks"
        )  # fmt: skip
        self.problem.show()
        self.make_button.show()

    def _on_make_classes(self) -> None:
        taken, session = self._taken, self.controller.session
        if taken is None or session is None:
            return
        project = session.project
        for value in taken.unknown_classes(project):
            names = {c.name for c in project.classes}
            name = f"class {value}"
            while name in names:
                name += " (new)"
            new = project.next_class(name).model_copy(update={"value": value})
            project = project.with_classes(new)
        if show_input_errors(lambda: session.edit(project, "add classes of masks")):
            self._on_taken(taken)

    def _say_nothing(self) -> None:
        self._taken = None
        self.problem.hide()
        self.make_button.hide()
