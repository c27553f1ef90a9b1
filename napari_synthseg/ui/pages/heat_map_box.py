"""Where does the model look? Heat maps on demand, their legend, and the evidence at a place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_synthseg.core.predictions import HeatMaps
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.tasks.registry import task_info
from napari_synthseg.ui.viewer.heat_map_layers import HeatMapLayers
from napari_synthseg.ui.viewer.placement import Placement
from napari_synthseg.ui.widgets.parts import fit_narrow, quiet_label

METHOD_WORDS = {
    "": "the usual way",
    "cam": "CAM: weights of the last layer",
    "gradcam": "Grad-CAM: mean gradient",
    "gradcam++": "Grad-CAM++: positive gradients",
    "ablation": "ablation: without gradients, slow",
}
"""Method -> what its entry says."""


class HeatMapBox(QWidget):
    """The button, the legend that switches classes on and off, and the bars of a place."""

    asked = Signal(str)
    """Heat maps by a method are wanted; '' leaves the choice."""

    def __init__(self, layers: HeatMapLayers) -> None:
        super().__init__()
        self.layers = layers
        body = QVBoxLayout(self)
        body.setContentsMargins(0, 0, 0, 0)
        body.addLayout(self._make_row())
        self.legend = QWidget()
        inner = QVBoxLayout(self.legend)
        inner.setContentsMargins(0, 0, 0, 0)
        self.told = quiet_label()
        inner.addWidget(self.told)
        self._grid = QGridLayout()
        self._grid.setColumnStretch(1, 1)
        inner.addLayout(self._grid)
        inner.addLayout(self._make_contrast())
        self.dark = QCheckBox("Darken the image below")
        self.dark.setChecked(True)
        self.dark.toggled.connect(layers.set_dark)
        inner.addWidget(self.dark)
        self.place_button = QPushButton("Click a place, see the evidence")
        self.place_button.setCheckable(True)
        self.place_button.setToolTip(
            "While this is pressed, a click on the image tells what speaks for each class there."
        )
        self.place_button.toggled.connect(self._on_place_toggled)
        inner.addWidget(self.place_button)
        body.addWidget(self.legend)
        self.boxes: dict[int, QCheckBox] = {}
        self.bars: dict[int, QProgressBar] = {}
        self.numbers: dict[int, QLabel] = {}
        self.clear()

    def _make_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.button = QPushButton("Show the evidence")
        self.button.setToolTip(
            "Color where on the image the model finds what speaks for each class (class "
            "activation maps)."
        )
        self.button.clicked.connect(lambda: self.asked.emit(self.methods.currentData() or ""))
        self.methods = QComboBox()
        self.methods.setToolTip("How the evidence is traced back to places of the image.")
        fit_narrow(self.methods)
        row.addWidget(self.button)
        row.addWidget(self.methods, 1)
        return row

    def _make_contrast(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.contrast = QSlider(Qt.Orientation.Horizontal)
        self.contrast.setRange(2, 100)
        self.contrast.setValue(100)
        self.contrast.setToolTip("To the left, weaker evidence shows, too; all classes alike.")
        self.contrast.valueChanged.connect(lambda v: self.layers.set_top(v / 100))
        row.addWidget(QLabel("Full color at"))
        row.addWidget(self.contrast, 1)
        return row

    # --- showing -----------------------------------------------------------------------------

    def show_for(self, run: TrainingRun | None) -> None:
        """Offer what a run's model allows; hide for models without heat maps."""
        methods = task_info(run.task).heat_map_methods if run is not None else ()
        self.setVisible(bool(methods))
        chosen = self.methods.currentData()
        with QSignalBlocker(self.methods):
            self.methods.clear()
            for name, words in METHOD_WORDS.items():
                if not name or name in methods:
                    self.methods.addItem(words, name)
            self.methods.setCurrentIndex(max(self.methods.findData(chosen), 0))

    def show_maps(self, maps: HeatMaps, project: Project, name: str, placement: Placement) -> None:
        """Put the maps of an image into the viewer, with a legend for them."""
        self._clear_rows()
        for value, layer in self.layers.show(maps, project, name, placement).items():
            cls = project.object_class(value)
            self._add_row(value, cls.name, cls.color, layer)
        with QSignalBlocker(self.contrast):
            self.contrast.setValue(100)
        self.layers.set_dark(self.dark.isChecked())
        self.told.setText(
            f"{METHOD_WORDS[maps.method].split(':')[0]}, layer '{maps.layer}'. The brighter, the "
            f"more speaks for a class; full color is {self.layers.top:.3g}."
        )
        self.legend.show()

    def _add_row(self, value: int, name: str, color: str, layer: object) -> None:
        row = len(self.boxes)
        box = QCheckBox(name)
        box.setIcon(_swatch(color))
        box.setChecked(True)
        box.toggled.connect(lambda on: setattr(layer, "visible", on))
        layer.events.visible.connect(lambda: box.setChecked(layer.visible))  # type: ignore[attr-defined]
        bar, number = QProgressBar(), QLabel()
        bar.setRange(0, 1000)
        bar.setTextVisible(False)
        bar.setFixedHeight(10)
        bar.setStyleSheet(f"QProgressBar::chunk {{ background: {color}; }}")
        number.setMinimumWidth(52)
        number.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for column, widget in enumerate((box, bar, number)):
            self._grid.addWidget(widget, row, column)
        for widget in (bar, number):
            widget.hide()
        self.boxes[value], self.bars[value], self.numbers[value] = box, bar, number

    def clear(self) -> None:
        """Take maps and legend away."""
        self._clear_rows()
        self.layers.clear()
        self.legend.hide()

    def _clear_rows(self) -> None:
        self.place_button.setChecked(False)
        for widget in (*self.boxes.values(), *self.bars.values(), *self.numbers.values()):
            self._grid.removeWidget(widget)
            widget.deleteLater()
        self.boxes, self.bars, self.numbers = {}, {}, {}

    # --- the evidence at a place ---------------------------------------------------------------

    def _on_place_toggled(self, on: bool) -> None:
        listener: Callable[[Sequence[float]], None] | None = self.show_place if on else None
        self.layers.listen(listener)
        for widget in (*self.bars.values(), *self.numbers.values()):
            widget.setVisible(on)
            if on:
                self._say_nothing()

    def show_place(self, world: Sequence[float]) -> None:
        """Show the evidence for each class at a place of the world."""
        found = self.layers.values_at(world)
        if not found:
            self._say_nothing()
            return
        self.layers.mark(world)
        for value, evidence in found.items():
            share = min(max(evidence / self.layers.top, 0.0), 1.0)
            self.bars[value].setValue(round(1000 * share))
            self.numbers[value].setText(f"{evidence:.3g}")

    def _say_nothing(self) -> None:
        for value, number in self.numbers.items():
            number.setText("-")
            self.bars[value].setValue(0)


def _swatch(color: str) -> QIcon:
    picture = QPixmap(14, 14)
    picture.fill(QColor(color))
    return QIcon(picture)
