"""Binds keys by the table of `napari_synthseg.ui.presenters.shortcuts`, and in no other way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

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


def bind_widget_keys(
    widget: QWidget, place: Place, actions: Actions, *, whole_window: bool = False
) -> None:
    """Bind keys of a widget and what is in it, or of the whole window that it is in.

    Raises
    ------
    KeyError
        If the table has no such shortcut.
    """
    contexts = Qt.ShortcutContext
    context = contexts.WindowShortcut if whole_window else contexts.WidgetWithChildrenShortcut
    for key, action in _actions_by_key(place, actions):
        shortcut = QShortcut(QKeySequence(QT_NAMES.get(key, key)), widget)
        shortcut.setContext(context)
        shortcut.activated.connect(action)


def _actions_by_key(place: Place, actions: Actions) -> list[tuple[str, Action]]:
    pairs: list[tuple[str, Action]] = []
    for name, action in actions.items():
        keys = find_shortcut(place, name).keys
        each = [action] * len(keys) if callable(action) else action
        pairs += zip(keys, each, strict=True)
    return pairs
