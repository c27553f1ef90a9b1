"""Tells when a window really closes: work must end then, and not when the user still says no."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QWidget


class CloseWatch(QObject):
    """Calls `action` once a window has accepted its close, or is destroyed.

    An accepted close is a close event followed by the window hiding, in one go. Where the user
    closes the window, `may_close` is asked first; where a program does, it is not.
    """

    def __init__(
        self, window: QWidget, action: Callable[[], object], may_close: Callable[[], bool]
    ) -> None:
        super().__init__(window)
        self._action, self._may_close = action, may_close
        self._closing = False
        window.installEventFilter(self)
        window.destroyed.connect(action)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Note a close event and the hiding that follows; let both pass, if the user agrees."""
        if event.type() == QEvent.Type.Close:
            if event.spontaneous() and not self._may_close():
                event.ignore()
                return True
            self._closing = True
            QTimer.singleShot(0, self._on_close_over)
        elif event.type() == QEvent.Type.Hide and self._closing:
            self._action()
        return False

    def _on_close_over(self) -> None:
        self._closing = False
