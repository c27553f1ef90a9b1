"""Binds keys by the table of `napari_synthseg.ui.presenters.shortcuts`, and in no other way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from qtpy.compat import isalive
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QShortcut, QWidget

from napari_synthseg.ui.presenters.shortcuts import Place, find_shortcut

QT_NAMES = {"PageUp": "PgUp", "PageDown": "PgDown"}
"""Key as napari writes it -> as Qt does, where that is not the same."""

Action = Callable[[], object]

Actions = Mapping[str, Action | Sequence[Action]]
"""Name of a shortcut -> what it does; one action for each key, or one for all of them."""


def bind_layer_keys(layer: Any, place: Place, actions: Actions) -> None:
    """Bind keys of a napari layer: they work while it is selected and the canvas has the focus.

    Raises
    ------
    KeyError
        If the table has no such shortcut.
    """
    for key, action in _actions_by_key(place, actions):
        # napari hands over the layer, and reads the function's name, which a partial has not
        layer.bind_key(key, lambda _, act=action: act(), overwrite=True)


def bind_widget_keys(widget: QWidget, place: Place, actions: Actions) -> None:
    """Bind keys of a widget and what is in it.

    Raises
    ------
    KeyError
        If the table has no such shortcut.
    """
    for shortcut in _make_shortcuts(widget, place, actions):
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)


class WindowKeys:
    """Keys of the whole window that a panel is docked to, or floats above.

    Parameters
    ----------
    panel
        The panel; `follow` is called once it is shown in another window, `end` when it goes.
    place, actions
        As of `bind_widget_keys`.

    Raises
    ------
    KeyError
        If the table has no such shortcut.
    """

    def __init__(self, panel: QWidget, place: Place, actions: Actions) -> None:
        self._shortcuts = _make_shortcuts(panel, place, actions)

    def follow(self, panel: QWidget) -> None:
        """Belong to the main window of a panel: its keys reach what floats above it, too."""
        window = panel.window()
        above = window.parentWidget()
        for shortcut in self._shortcuts:
            shortcut.setParent(window if above is None else above.window())

    def end(self) -> None:
        """Let go of the keys; safe to call twice, and where the window is gone."""
        for shortcut in filter(isalive, self._shortcuts):
            shortcut.activated.disconnect()  # deleted a little later
            shortcut.deleteLater()
        self._shortcuts = []


def _make_shortcuts(widget: QWidget, place: Place, actions: Actions) -> list[QShortcut]:
    """Make shortcuts of the whole window."""
    made = []
    for key, action in _actions_by_key(place, actions):
        shortcut = QShortcut(QKeySequence(QT_NAMES.get(key, key)), widget)
        shortcut.activated.connect(action)
        made.append(shortcut)
    return made


def _actions_by_key(place: Place, actions: Actions) -> list[tuple[str, Action]]:
    pairs: list[tuple[str, Action]] = []
    for name, action in actions.items():
        keys = find_shortcut(place, name).keys
        each = [action] * len(keys) if callable(action) else action
        pairs += zip(keys, each, strict=True)
    return pairs
