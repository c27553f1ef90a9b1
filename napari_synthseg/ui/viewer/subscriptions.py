"""What is listened to in the viewer and its layers, so that it can end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Subscriptions:
    """Callbacks at signals of napari, psygnal or Qt."""

    def __init__(self) -> None:
        self._all: list[tuple[Any, Callable[..., object]]] = []

    def add(self, callback: Callable[..., object], *signals: Any) -> None:
        """Call back at each of the signals from now on."""
        for signal in signals:
            signal.connect(callback)
            self._all.append((signal, callback))

    def end(self) -> None:
        """Listen to nothing any more; safe to call twice."""
        while self._all:
            signal, callback = self._all.pop()
            signal.disconnect(callback)
