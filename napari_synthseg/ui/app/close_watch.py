"""Tells when a window really closes: work must end then, and not when the user still says no.

Where long work runs, the user is asked once, whichever way is taken: the window's button, napari's
File > Close Window and Exit with their keys, or the panel's own cross. The question is for all
panels that go: those of a window, at Exit those of all windows. A program that closes the window is
not asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from inspect import signature
from typing import Any, ClassVar
from weakref import WeakKeyDictionary, WeakMethod, ref

from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QMainWindow, QWidget

from napari_synthseg.ui.app.dock_room import dock_of
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.leaving import may_leave, runs_long_work


class CloseWatch(QObject):
    """Calls `action` once a window has accepted its close, or is destroyed.

    An accepted close is a close event followed by the window hiding, in one go.

    Parameters
    ----------
    window
        The window that a panel is in.
    controller
        Runs the panel's work.

    Attributes
    ----------
    window
        Weak: nothing that a window holds may hold the window.
    is_agreed
        Whether the user said that the work may stop: it is not asked again.
    """

    _all: ClassVar[WeakKeyDictionary[CloseWatch, None]] = WeakKeyDictionary()
    """In the order in which panels were opened."""

    def __init__(
        self, window: QWidget, controller: SessionController, action: Callable[[], object]
    ) -> None:
        super().__init__(window)
        self.controller = controller
        self.window = ref(window)
        self._action = action
        self.is_agreed = False
        self._closing = False
        self._all[self] = None
        window.installEventFilter(self)
        window.destroyed.connect(action)
        if _can_confirm(window):
            # what File > Close Window and Exit call; Qt has no event that tells them from a program
            window.close = partial(_close_napari, self.window)

    @classmethod
    def on(cls, *windows: QWidget) -> list[CloseWatch]:
        """Return who watches these windows; without any, who watches any window."""
        return [w for w in cls._all if not windows or w.window() in windows]

    def end(self) -> None:
        """Watch no longer, and let go of the panel; safe to call twice."""
        self._all.pop(self, None)
        self._action = _do_nothing
        if isalive(self):
            if (window := self.window()) is not None and isalive(window):
                window.removeEventFilter(self)
            self.deleteLater()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Note a close event and the hiding that follows; let both pass, if the user agrees."""
        if event.type() == QEvent.Type.Close:
            # a panel that floats has a window of its own, which no program closes
            by_user = event.spontaneous() or not isinstance(self.parent(), QMainWindow)
            going = self.on(self.parent())
            if by_user and not self.is_agreed and _is_busy(going):
                event.ignore()
                if _may_go(self.parent(), "Closing the window", going):
                    # as a program does, so that napari does not ask again
                    QTimer.singleShot(0, partial(_close_agreed, going, self.parent().close))
                return True
            self._closing = True
            QTimer.singleShot(0, self._on_close_over)
        elif event.type() == QEvent.Type.Hide and self._closing:
            self._action()
        return False

    def _on_close_over(self) -> None:
        self._closing = False


def ask_before_removing(panel: QWidget, may_close: Callable[[], bool]) -> None:
    """Let the cross of a panel ask a method of the panel first; safe to call again."""
    dock: Any = dock_of(panel)
    if dock is not None and hasattr(dock, "destroyOnClose"):
        dock.destroyOnClose = partial(_remove, ref(dock), WeakMethod(may_close))


def _is_busy(going: Sequence[CloseWatch]) -> bool:
    return any(runs_long_work(watch.controller) for watch in going)


def _may_go(parent: QWidget, how: str, going: Sequence[CloseWatch]) -> bool:
    """Ask for all panels that go, each of which may have two windows: one while it floats."""
    return may_leave(parent, how, *dict.fromkeys(watch.controller for watch in going))


def _close_agreed(going: Sequence[CloseWatch], close: Callable[[], object]) -> object:
    """Close what the user has been asked for."""
    for watch in going:
        watch.is_agreed = True
    try:
        return close()
    finally:
        for watch in going:
            watch.is_agreed = False


def _do_nothing() -> None:
    pass


# napari's windows and docks hold these functions: they must not hold them, or none is ever freed


def _close_napari(window: ref[Any], quit_app: bool = False, confirm_need: bool = False) -> object:
    """Close napari's window, or all; ask our question in place of napari's where work runs."""
    closing = window()
    if closing is None:
        return None
    close = type(closing).close
    going = CloseWatch.on() if quit_app else CloseWatch.on(closing)
    if not confirm_need or not _is_busy(going):
        return close(closing, quit_app, confirm_need)
    how = "Leaving napari" if quit_app else "Closing the window"
    if not _may_go(closing, how, going):
        return None
    return _close_agreed(going, partial(close, closing, quit_app, False))


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
