"""Which shortcut a key event is, for widgets that read their keys themselves."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence

from napari_synthseg.ui.presenters.shortcuts import Place, own_shortcuts

_MODIFIERS = {
    "Ctrl": Qt.KeyboardModifier.ControlModifier,
    "Alt": Qt.KeyboardModifier.AltModifier,
    "Shift": Qt.KeyboardModifier.ShiftModifier,
}


def pressed_shortcut(event: Any, place: Place) -> str:
    """Return the name of the shortcut of a place that a key event is, or ''."""
    held = [name for name, modifier in _MODIFIERS.items() if event.modifiers() & modifier]
    pressed = QKeySequence("+".join([*held, QKeySequence(event.key()).toString()]))
    for shortcut in own_shortcuts(place):
        if any(QKeySequence(key) == pressed for key in shortcut.keys):
            return shortcut.name
    return ""
