"""Tools for painting regions: brush, what the rest is, and masks that are there already."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from napari.layers import Labels as LabelsLayer
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QLabel, QPushButton, QSlider, QSpinBox, QWidget

from napari_synthseg.core.annotations import ObjectClass, class_color
from napari_synthseg.core.errors import InputError
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.notices import show_input_errors, warn
from napari_synthseg.ui.presenters.marking import free_name
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage
from napari_synthseg.ui.viewer.labels_menu import (
    LabelsMenu,
    ask_label_file,
    plane_in_view,
    require_on_image,
    values_in_view,
)
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.parts import (
    Notice,
    SwitchRow,
    check_box,
    column_in,
    push_button,
    quiet_label,
    row_of,
)
from napari_synthseg.workflow.jobs import Job
from napari_synthseg.workflow.painting import (
    Painted,
    masks_from_array,
    masks_from_file,
)

TOOLS = {
    "paint": ("Brush", "Paint with the brush (key P)"),
    "polygon": ("Outline", "Click corner after corner; a double-click fills the outline"),
    "fill": ("Fill", "Fill an area of one class, or the gap inside a closed line (key F)"),
    "erase": ("Erase", "Erase painted regions (key E)"),
}
"""Mode of the layer -> what its button says, and its tool tip."""

MAX_SLIDER_PX, MAX_BRUSH_PX = 100, 1000

KEYS = (
    "Choose a class by its number key, then paint its regions. <b>Space</b> held down moves the "
    "image, <b>Ctrl+Z</b> undoes a stroke, <b>[</b> and <b>]</b> change the brush. Each stroke is "
    "saved at once."
)


class RegionsBox(QWidget):
    """Shows the state of the Regions layer, and changes it."""

    def __init__(self, controller: SessionController, layers: Layers) -> None:
        super().__init__()
        self.controller, self.layers, self.regions = controller, layers, layers.regions
        self._taken: tuple[Painted, str] | None = None
        self.tools = SwitchRow(TOOLS, self._on_tool)
        self.slider, self.size = QSlider(Qt.Orientation.Horizontal), QSpinBox()
        self.slider.setRange(1, MAX_SLIDER_PX)
        self.size.setRange(1, MAX_BRUSH_PX)
        self.size.setSuffix(" px")
        self.size.setKeyboardTracking(False)
        for box in (self.slider, self.size):
            box.setToolTip("Diameter of the brush, in pixels of the image (keys [ and ])")
            box.setAccessibleName("Brush size")
            box.valueChanged.connect(self._on_size)
        self.rest = check_box(
            "What I did not paint is background",
            lambda checked: self.regions.set_rest_unknown(not checked),
            "Without the tick, what is not painted is unknown: nothing is learned from it. Paint "
            "some background then, too.",
        )
        self.ground_button = push_button(
            "Paint background", self._on_ground, "Let the brush paint background (key 0)"
        )
        self.take_button = QPushButton("Import masks…")
        self.take_button.setToolTip("Mask values must equal class values")
        self.menu = LabelsMenu(self.take_button, layers, self.take_layer, self.choose_file)
        self.problem, self.make_button = (
            Notice(),
            push_button("", self._on_make_classes, "Add a class for each mask value that has none"),
        )
        self.make_button.hide()
        column_in(
            self, self.tools,
            row_of(QLabel("Brush size"), self.slider, self.size, stretch=self.slider),
            self.rest, self.ground_button, self.take_button, self.problem, self.make_button,
            quiet_label(KEYS),
        )  # fmt: skip
        controller.edit_lock.guard(self.rest, self.ground_button, self.take_button)
        self.regions.shown.connect(self._on_layer_shown)
        self.regions.changed.connect(self.refresh)
        self.regions.tool_changed.connect(self.refresh)
        self.refresh()

    # --- showing -----------------------------------------------------------------------------

    def refresh(self, *_: object) -> None:
        """Show tools and settings as they are now."""
        layer = self.regions.layer
        self.tools.setEnabled(layer is not None and layer.editable)
        self.tools.press(str(layer.mode) if layer is not None else None)
        for box in (self.slider, self.size):
            with QSignalBlocker(box):
                box.setValue(int(layer.brush_size) if layer is not None else 1)
        with QSignalBlocker(self.rest):
            self.rest.setChecked(not self.regions.rest_unknown)
        self.ground_button.setVisible(self.regions.rest_unknown)
        for widget in (self.slider, self.size, self.rest, self.take_button, self.ground_button):
            widget.setEnabled(layer is not None)

    def _on_layer_shown(self) -> None:
        self._show_problem("")
        self.refresh()

    def _show_problem(self, text: str) -> None:
        """Show why masks are not used yet, with the button that mends it; '' hides both."""
        if not text:
            self._taken = None
        self.problem.say(text)
        self.make_button.setVisible(bool(text))

    # --- painting ----------------------------------------------------------------------------

    def _on_tool(self, mode: str) -> None:
        if self.regions.layer is not None:
            self.layers.activate_marking()
            self.regions.layer.mode = mode

    def _on_size(self, size: int) -> None:
        if self.regions.layer is not None:
            self.regions.layer.brush_size = size

    def _on_ground(self) -> None:
        self._on_tool("paint")
        self.regions.choose_ground()

    # --- using masks that are there already ----------------------------------------------------

    def take_layer(self, layer: LabelsLayer) -> None:
        """Use the values of a Labels layer: all of it, or the plane that is shown."""

        def take() -> None:
            (field, regions), point = self._shown(), self.layers.point
            require_on_image(layer, field)
            plane = plane_in_view(layer, point, len(field.shape))
            depth = plane_in_view(regions, point, 2)[0] if layer.ndim == 2 else 0

            def read() -> np.ndarray:
                return _whole_values(layer, plane, depth, np.asarray(regions.data))

            name = f"'{layer.name}'"
            self._run(masks_from_array(read, name, field.refs, field.shape), name)

        show_input_errors(take)

    def choose_file(self) -> None:
        """Ask for a label image, and use its values."""
        path = ask_label_file(self, "Masks of the regions")
        if path is not None:
            show_input_errors(lambda: self.take_file(path))

    def take_file(self, path: Path) -> None:
        """Use the values of a label image.

        Raises
        ------
        InputError
            If no image is shown.
        """
        (field, _), session = self._shown(), self.controller.session
        assert session is not None
        job = masks_from_file(path, session.folder, field.refs, field.shape)
        self._run(job, f"'{path.name}'")

    def _shown(self) -> tuple[DisplayedImage, LabelsLayer]:
        """Return the image in view, and the layer of its regions."""
        if self.regions.image is None or self.regions.layer is None:
            raise InputError("No image is shown: show the image that the masks belong to.")
        return self.regions.image, self.regions.layer

    def _run(self, job: Job[Painted], name: str) -> None:
        self._show_problem("")
        field = self.regions.image

        def use(painted: Painted) -> None:
            shown = self.regions.image
            if shown is not None and field is not None and shown.key == field.key:
                self._on_taken(painted, name)
            else:
                warn(f"The masks {name} were not used: their image is no longer shown.")

        self.controller.run(job, use)

    def _on_taken(self, painted: Painted, name: str) -> None:
        missing = painted.unknown_classes(self.controller.project)
        if not missing:
            self._show_problem("")
            self.regions.replace(painted)
            return
        self._taken = painted, name
        values = ", ".join(str(value) for value in missing)
        several = len(missing) > 1
        self.make_button.setText(f"Make class{'es' * several} {values}, and use the masks")
        self._show_problem(
            f"The masks {name} hold the value{'s' * several} {values}, for which there is "
            "no class here. Nothing is changed yet."
        )

    def _on_make_classes(self) -> None:
        if self._taken is None:
            return
        painted, masks = self._taken
        project = self.controller.project
        for value in painted.unknown_classes(project):
            name = free_name(project, f"class {value}", " (new)")
            new = ObjectClass(name=name, value=value, color=class_color(value))
            project = project.with_classes(new)
        if self.controller.edit(project, "add classes of masks"):
            self._on_taken(painted, masks)


def _whole_values(
    layer: LabelsLayer, plane: tuple[int, ...], depth: int, painted: np.ndarray
) -> np.ndarray:
    """Return the values of a layer for the picture whose regions are `painted`.

    Of a stack, the shown plane or volume; of a flat layer over a volume, the painted values with
    the shown plane, which is `depth`, replaced.
    """
    values = values_in_view(layer, plane, painted.ndim)
    if values.ndim == 2 and painted.ndim == 3:
        whole = np.array(painted)
        whole[depth] = values
        return whole
    return values
