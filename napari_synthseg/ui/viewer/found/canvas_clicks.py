"""Clicks on the canvas that are no drags, for those who ask for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari import Viewer

OnClick = Callable[[tuple[float, ...]], object]


class CanvasClicks:
    """Reports clicks as positions of the world, while somebody listens."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._listener: OnClick | None = None

    def listen(self, on_click: OnClick | None) -> None:
        """Report clicks from now on; None ends it."""
        callbacks = self._viewer.mouse_drag_callbacks
        if self._on_mouse in callbacks:
            callbacks.remove(self._on_mouse)
        self._listener = on_click
        if on_click is not None:
            callbacks.append(self._on_mouse)

    def _on_mouse(self, viewer: Viewer, event: Any) -> Any:
        at, dragged = tuple(event.position), False
        yield
        while event.type == "mouse_move":
            dragged = True
            yield
        if not dragged and self._listener is not None:
            self._listener(at)
