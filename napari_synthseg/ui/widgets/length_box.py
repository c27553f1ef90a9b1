"""A box for a length: a number and its unit, both of which can be typed."""

from __future__ import annotations

import re

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QKeyEvent, QValidator
from qtpy.QtWidgets import QDoubleSpinBox

UNITS = {"px": "px", "nm": "nm", "um": "um", "µm": "um", "μm": "um", "mm": "mm"}
"""What is typed -> the unit."""

_TYPED = re.compile(r"\s*(\d*[.,]?\d*)\s*([a-zµμ]*)\s*")


class LengthBox(QDoubleSpinBox):
    """Shows a length; who types another unit behind the number changes the unit."""

    length_changed = Signal(float, str)
    """The user set another length: number and unit."""

    def __init__(self) -> None:
        super().__init__()
        self._shown = (0.0, "px")
        self._typed = ""
        self.lineEdit().textEdited.connect(self._on_typed)
        self.setKeyboardTracking(False)
        self.setRange(0.001, 100_000)
        self.valueChanged.connect(self._on_changed)
        self.editingFinished.connect(self._on_changed)

    def show_length(self, number: float, unit: str) -> None:
        """Show a length; nothing is emitted."""
        with QSignalBlocker(self):
            self.setDecimals(1 if unit == "px" else 3)
            self._shown = number, unit  # with its unit, which is no suffix: Qt would keep that
            self.setValue(number)
            self.lineEdit().setText(self.textFromValue(self.value()))
        self._shown, self._typed = (self.value(), unit), ""

    def validate(self, text: str, at: int) -> tuple[QValidator.State, str, int]:
        """Accept a number, and a unit behind it."""
        found = _TYPED.fullmatch(text)
        if found is None:
            return QValidator.State.Invalid, text, at
        number, unit = found.groups()
        is_whole = any(c.isdigit() for c in number) and (
            not unit or unit in (*UNITS, self._shown[1])
        )
        state = QValidator.State.Acceptable if is_whole else QValidator.State.Intermediate
        return state, text, at

    def valueFromText(self, text: str) -> float:
        """Return the number of a text."""
        found = _TYPED.fullmatch(text)
        if found is None or not any(c.isdigit() for c in found[1]):
            return self._shown[0]
        return float(found[1].replace(",", "."))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """End typing with Enter: the next key is one of the image, as a digit for a class."""
        super().keyPressEvent(event)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.clearFocus()

    def textFromValue(self, number: float) -> str:
        """Return a number without zeros at its end, and the unit."""
        return f"{number:.{self.decimals()}f}".rstrip("0").rstrip(".") + f" {self._shown[1]}"

    def _on_typed(self, text: str) -> None:
        self._typed = text

    def _on_changed(self, *_: object) -> None:
        found = _TYPED.fullmatch(self._typed)
        length = self.value(), UNITS.get(found[2] if found else "", self._shown[1])
        self._typed = ""
        if length != self._shown:
            self._shown = length
            self.length_changed.emit(*length)
