"""The size of a pixel: read from the file, typed, or drawn over a scale bar."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtGui import QDoubleValidator
from qtpy.QtWidgets import QLabel, QLineEdit, QWidget

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.ui.control.notices import show_input_errors
from napari_synthseg.ui.presenters.images.pixel_size import (
    UNITS,
    line_length,
    parse_size,
    size_by_line,
    size_text,
)
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.parts import (
    ChoiceBox,
    column_in,
    push_button,
    quiet_label,
    row_of,
)

PURPOSE = "scale bar"
"""What the drawing of a line is for."""

UNIT_PX = 82
"""Width of the lists of units, which leaves room for the number."""

LENGTHS = {unit: word for unit, word in UNITS.items() if unit != "px"}


class PixelSizeBox(QWidget):
    """Shows the pixel size of the image in view, and changes it."""

    sized = Signal(object, str)
    """The size along each axis (None: not known), and its unit."""

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        self._layers = layers
        self._ref: ImageRef | None = None
        self._line_px = 0.0
        self.size = QLineEdit()
        self.size.setPlaceholderText("not known")
        self.size.setToolTip(
            "Width of a pixel. One number, or one for each axis where pixels are not square: "
            "0.5 x 0.25 (y, x), of a volume 2 x 0.5 x 0.5 (z, y, x)"
        )
        self.size.editingFinished.connect(self._on_typed)
        self.unit = ChoiceBox(
            UNITS, "Unit of the pixel size; without one only proportions count", "Unit"
        )
        self.unit.setFixedWidth(UNIT_PX)
        self.unit.chosen.connect(lambda _: self._on_typed())
        self.draw_button = push_button(
            "Draw", self._on_draw, "Draw a line over the scale bar in the image, then type how "
            "long the bar is",
        )  # fmt: skip
        self.draw_button.setCheckable(True)
        self.hint = quiet_label("Draw a line over the scale bar, from end to end. Esc ends it.")
        self.measured, self.length = QLabel(), QLineEdit()
        self.length.setValidator(QDoubleValidator(0.0, 1e12, 9))
        self.length.setPlaceholderText("length")
        self.length.setAccessibleName("Length of the scale bar")
        self.length.setToolTip("What the scale bar says")
        self.length.returnPressed.connect(self._on_length)
        self.length_unit = ChoiceBox(
            LENGTHS, "Unit of what the scale bar says", "Unit of the length"
        )
        self.length_unit.choose("um")
        self.length_unit.setFixedWidth(UNIT_PX)
        self.use_button = push_button("Use", self._on_length, "Take the pixel size from the bar")
        self.drawn = row_of(
            self.measured, self.length, self.length_unit, self.use_button, stretch=self.length
        )
        label = QLabel("Pixel size")
        label.setBuddy(self.size)
        column_in(
            self,
            row_of(label, self.size, self.unit, self.draw_button, stretch=self.size),
            self.hint,
            self.drawn,
        )
        layers.drawing.changed.connect(self._show_drawing)
        self._show_drawing()

    def show_images(self, refs: tuple[ImageRef, ...]) -> None:
        """Show the pixel size of an image."""
        ref = refs[0] if refs else None
        if ref is None or self._ref is None or ref.id != self._ref.id:
            self._line_px = 0.0
        self._ref = ref
        self.setEnabled(ref is not None)
        if not (self.size.hasFocus() and self.size.isModified()):  # else it is being typed
            self.size.setText(size_text(ref) if ref else "")
        unit = ref.unit if ref else "px"
        with QSignalBlocker(self.unit):
            self.unit.fill({**UNITS, unit: UNITS.get(unit, unit)})
            self.unit.choose(unit)
        self._show_drawing()

    # --- typing --------------------------------------------------------------------------------

    def _on_typed(self) -> None:
        self.size.setModified(False)
        ref = self._ref
        if ref is None or (self.size.text() == size_text(ref) and self.unit.value == ref.unit):
            return

        def take() -> None:
            size = parse_size(self.size.text(), ref.ndim)
            unit = self.unit.value if size is not None else "px"
            if (size, unit) != (ref.pixel_size, ref.unit):
                self.sized.emit(size, unit)

        if not show_input_errors(take):
            self.size.setText(size_text(ref))

    # --- drawing -------------------------------------------------------------------------------

    def _on_draw(self) -> None:
        image, drawing = self._layers.image, self._layers.drawing
        if drawing.purpose == PURPOSE:
            drawing.stop()
            self._layers.activate_marking()
        elif image is not None:
            drawing.start(image, "line", PURPOSE, self._on_drawn)
        self._show_drawing()

    def _on_drawn(self, ends: NDArray[np.float64]) -> None:
        self._layers.activate_marking()
        if self._ref is None:
            return
        self._line_px = line_length(ends.tolist(), self._ref.spacing[-2:])
        self._show_drawing()
        self.length.setFocus()

    def _on_length(self) -> None:
        ref = self._ref
        if ref is None:
            return
        try:
            length = float(self.length.text().replace(",", "."))
        except ValueError:
            length = math.nan

        def take() -> None:
            size = size_by_line(ref, self._line_px, length)
            self._line_px = 0.0
            self.sized.emit(size, self.length_unit.value)

        show_input_errors(take)
        self._show_drawing()

    def _show_drawing(self) -> None:
        draws = self._layers.drawing.purpose == PURPOSE
        self.draw_button.setChecked(draws)
        self.hint.setVisible(draws)
        self.drawn.setVisible(self._line_px > 0 and not draws)
        self.measured.setText(f"{self._line_px:.1f} px are")
