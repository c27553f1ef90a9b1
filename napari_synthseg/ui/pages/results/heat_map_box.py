"""Where does the model look? Heat maps on demand, their legend, and their values at a place."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QHideEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSlider,
    QWidget,
)

from napari_synthseg.core.predictions import HeatMaps
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.tasks.registry import describe_task
from napari_synthseg.ui.presenters.results.heat_maps import describe_map
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage
from napari_synthseg.ui.viewer.heat_map_layers import HeatMapLayers
from napari_synthseg.ui.widgets.parts import (
    ChoiceBox,
    check_box,
    column_in,
    push_button,
    quiet_label,
    row_of,
    swatch,
    thin_bar,
)

METHOD_WORDS = {
    "": "default method",
    "cam": "CAM: weights of the last layer",
    "gradcam": "Grad-CAM: mean gradient",
    "gradcam++": "Grad-CAM++: positive gradients",
    "ablation": "ablation: without gradients, slow",
}
"""Method -> what its entry says."""

BAR_STEPS = 1000
FULL_COLOR_PERCENT = 100


class HeatMapRow(NamedTuple):
    """What the legend has for a class: its switch, and bar and number of a place."""

    box: QCheckBox
    bar: QProgressBar
    number: QLabel


class HeatMapBox(QWidget):
    """The button, the legend that switches classes on and off, and the bars of a place."""

    asked = Signal(str)
    """Heat maps by a method are wanted; '' leaves the choice."""

    def __init__(self, layers: HeatMapLayers) -> None:
        super().__init__()
        self.layers = layers
        self.rows: dict[int, HeatMapRow] = {}
        self.maps: HeatMaps | None = None
        """What was shown last, unless it was cleared."""
        self._names: dict[int, str] = {}
        self._method = ""
        self.methods = ChoiceBox(
            METHOD_WORDS, "How a class's score is traced back to places of the image", "Method"
        )
        self.button = push_button(
            "Show heat maps",
            lambda: self.asked.emit(self.methods.value),
            "Color where on the image the model finds what speaks for each class (class "
            "activation maps)",
        )
        self.about = quiet_label()
        self.contrast = QSlider(Qt.Orientation.Horizontal)
        self.contrast.setRange(2, FULL_COLOR_PERCENT)
        self.contrast.setValue(FULL_COLOR_PERCENT)
        self.contrast.setToolTip("Move left to show weaker values; all classes alike")
        self.contrast.valueChanged.connect(lambda v: layers.set_top(v / FULL_COLOR_PERCENT))
        self.one = check_box(
            "One class at a time", lambda _: None, "Ticking a class hides the others"
        )
        self.one.setChecked(True)
        self.dark = check_box(
            "Darken the image below", layers.set_dark, "Let the colors stand out from the image"
        )
        self.dark.setChecked(True)
        self.place_button = QPushButton("Read values at a point")
        self.place_button.setToolTip(
            "While this is pressed, a click on the image shows what speaks for each class there"
        )
        self.place_button.setCheckable(True)
        self.place_button.toggled.connect(self._on_place_toggled)
        self.legend, classes = QWidget(), QWidget()
        self._grid = QGridLayout(classes)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(1, 1)
        contrast = row_of(QLabel("Full color at"), self.contrast, stretch=self.contrast)
        column_in(
            self.legend, self.about, classes, self.one, contrast, self.dark, self.place_button
        )
        column_in(self, row_of(self.button, self.methods, stretch=self.methods), self.legend)
        self.clear()

    # --- showing -----------------------------------------------------------------------------

    def show_for(self, run: TrainingRun | None) -> None:
        """Offer what a run's model allows; hide for models without heat maps."""
        methods = describe_task(run.task).heat_map_methods if run is not None else ()
        self.setVisible(bool(methods))
        self.methods.fill({name: METHOD_WORDS.get(name, name) for name in ("", *methods)})

    def show_maps(self, maps: HeatMaps, project: Project, name: str, image: DisplayedImage) -> None:
        """Put the maps of an image into the viewer, soon, with a legend for them."""
        self.maps = maps
        self.layers.show(maps, name, image, lambda: self._show_legend(maps, project))

    def _show_legend(self, maps: HeatMaps, project: Project) -> None:
        self._clear_rows()
        for value in self.layers.layers:
            cls = project.object_class(value)
            self._add_row(value, cls.name, cls.color)
        with QSignalBlocker(self.contrast):
            self.contrast.setValue(FULL_COLOR_PERCENT)
        self._names = {v: project.object_class(v).name for v in self.layers.layers}
        self._method = METHOD_WORDS.get(maps.method, maps.method).split(":")[0]
        self._show_about()
        self.about.setToolTip(f"Read from the network's layer '{maps.layer}'")
        self.show_legend()

    def show_legend(self) -> None:
        """Show the legend, while the image of the maps is the one in view."""
        self.legend.setVisible(self.layers.is_in_view)
        if not self.layers.is_in_view:
            self.place_button.setChecked(False)

    def _add_row(self, value: int, name: str, color: str) -> None:
        layer = self.layers.layers[value]
        box = check_box(name, lambda on: self._on_class_toggled(value, on))
        box.setIcon(swatch(color))
        box.setChecked(layer.visible)
        self.layers.on_visible(value, box.setChecked)
        row = HeatMapRow(box, thin_bar(BAR_STEPS), QLabel())
        row.bar.setStyleSheet(f"QProgressBar::chunk {{ background: {color}; }}")
        row.number.setMinimumWidth(52)
        row.number.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for column, widget in enumerate(row):
            self._grid.addWidget(widget, len(self.rows), column)
        row.bar.hide()
        row.number.hide()
        self.rows[value] = row

    def _on_class_toggled(self, value: int, on: bool) -> None:
        if on and self.one.isChecked():
            self.layers.show_only(value)
        elif (layer := self.layers.layers.get(value)) is not None:
            layer.visible = on
        self._show_about()

    def _show_about(self) -> None:
        """Say what the maps in view mean, with the values that are dark and bright."""
        shown = [value for value, layer in self.layers.layers.items() if layer.visible]
        if len(shown) != 1 or shown[0] not in self._names:
            self.about.setText(f"{self._method}. Each class has its color and its own range.")
            return
        low, top = self.layers.ranges[shown[0]]
        self.about.setText(
            f"{self._method}. {describe_map(self._names[shown[0]])} Full color is {top:.3g}, "
            f"black {low:.3g}."
        )

    def clear(self) -> None:
        """Take maps and legend away."""
        self.maps = None
        self._clear_rows()
        self.layers.clear()
        self.legend.hide()

    def _clear_rows(self) -> None:
        self.place_button.setChecked(False)
        for widget in chain.from_iterable(self.rows.values()):
            self._grid.removeWidget(widget)
            widget.deleteLater()
        self.rows.clear()

    # --- the values at a place -----------------------------------------------------------------

    def hideEvent(self, event: QHideEvent) -> None:
        """Stop reading values where nobody sees them."""
        self.place_button.setChecked(False)  # clicks are for other things again
        super().hideEvent(event)

    def _on_place_toggled(self, on: bool) -> None:
        self.layers.listen(self.show_place if on else None)
        for row in self.rows.values():
            row.bar.setVisible(on)
            row.number.setVisible(on)
        self._show_values({})

    def show_place(self, world: Sequence[float]) -> None:
        """Show the values of the heat maps at a place of the world."""
        values = self.layers.values_at(world)
        self._show_values(values)
        if values:
            self.layers.mark(world)

    def _show_values(self, values: dict[int, float]) -> None:
        for cls, row in self.rows.items():
            value = values.get(cls)
            row.number.setText("-" if value is None else f"{value:.3g}")
            range_ = self.layers.ranges.get(cls)
            share = range_.share(value) if range_ is not None and value is not None else 0.0
            row.bar.setValue(round(BAR_STEPS * share))
