"""Tells when a window really closes: work must end then, and not when the user still says no.

Where long work runs, the user is asked once, whichever way is taken: the window's button, napari's
File > Close Window and Exit with their keys, or the panel's own cross. A program that closes the
window is not asked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import signature
from typing import Any
from weakref import WeakMethod, ref

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget


class CloseWatch(QObject):
    """Calls `action` once a window has accepted its close, or is destroyed.

    An accepted close is a close event followed by the window hiding, in one go.

    Parameters
    ----------
    is_busy
        Tells whether closing stops work.
    may_close
        Asks the user then.
    """

    def __init__(
        self,
        window: QWidget,
        action: Callable[[], object],
        is_busy: Callable[[], bool],
        may_close: Callable[[], bool],
    ) -> None:
        super().__init__(window)
        self._action = action
        self._is_busy, self._may_close = is_busy, may_close
        self._closing = self._is_agreed = False
        window.installEventFilter(self)
        window.destroyed.connect(action)
        if _can_confirm(window):
            # what File > Close Window and Exit call; Qt has no event that tells them from a program
            window.close = partial(_close_napari, ref(self), ref(window))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Note a close event and the hiding that follows; let both pass, if the user agrees."""
        if event.type() == QEvent.Type.Close:
            # a panel that floats has a window of its own, which no program closes
            by_user = event.spontaneous() or not isinstance(self.parent(), QMainWindow)
            if by_user and not self._is_agreed and self._is_busy():
                event.ignore()
                if self._may_close():
                    QTimer.singleShot(0, self._close_agreed)
                return True
            self._closing = True
            QTimer.singleShot(0, self._on_close_over)
        elif event.type() == QEvent.Type.Hide and self._closing:
            self._action()
        return False

    def close_napari(self, quit_app: bool, confirm_need: bool) -> object:
        """Close napari's window; ask our question in place of napari's where work runs."""
        if confirm_need and self._is_busy():
            if not self._may_close():
                return None
            confirm_need = False
        window: Any = self.parent()
        return type(window).close(window, quit_app, confirm_need)

    def _close_agreed(self) -> None:
        """Close as a program does, so that napari does not ask again."""
        self._is_agreed = True
        window: Any = self.parent()
        try:
            window.close()
        finally:
            self._is_agreed = False

    def _on_close_over(self) -> None:
        self._closing = False


def ask_before_removing(panel: QWidget, may_close: Callable[[], bool]) -> None:
    """Let the cross of a panel ask a method of the panel first; safe to call again."""
    dock: Any = panel.parentWidget()
    while dock is not None and not isinstance(dock, QDockWidget):
        dock = dock.parentWidget()
    if dock is not None and hasattr(dock, "destroyOnClose"):
        dock.destroyOnClose = partial(_remove, ref(dock), WeakMethod(may_close))


# napari's windows and docks hold these functions: they must not hold them, or none is ever freed


def _close_napari(
    watch: ref[CloseWatch], window: ref[Any], quit_app: bool = False, confirm_need: bool = False
) -> object:
    alive, closing = watch(), window()
    if alive is not None:
        return alive.close_napari(quit_app, confirm_need)
    return None if closing is None else type(closing).close(closing, quit_app, confirm_need)


def _remove(dock: ref[Any], may_close: WeakMethod[Callable[[], bool]]) -> None:
    alive, asks = dock(), may_close()
    if alive is not None and (asks is None or asks()):
        type(alive).destroyOnClose(alive)


def _can_confirm(window: QWidget) -> bool:
    """Tell whether a window is napari's, whose `close` may ask the user."""
    try:
        return "confirm_need" in signature(window.close).parameters
    except ValueError:  # a method of Qt's
        return False
