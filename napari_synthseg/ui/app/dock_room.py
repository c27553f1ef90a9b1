"""Gives the panel's page room where other panels stand above or below it, as napari's own do."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from weakref import ref

from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

LEAST_PAGE_PX = 250
"""Height of a page in which one can work: a few rows of settings are seen together."""

DIRECT = Qt.FindChildOption.FindDirectChildrenOnly
"""All docks are; to go through the rest of the window takes a tenth of a second."""

SETTLED_MS = 250
"""After so long Qt has moved docks to their places."""


def dock_of(widget: QWidget) -> QDockWidget | None:
    """Return the dock that a widget is in; None where it is in none."""
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parentWidget()
    return parent


class DockRoom(QObject):
    """Sees to it that a page is at least `LEAST_PAGE_PX` high, wherever its panel is docked.

    The panels above and below give what they have to spare. Where that is too little, the panel
    becomes a tab on the one that needs most. Either is done once where the panel is docked, and not
    after another panel has come, so that a user can have it otherwise.

    Parameters
    ----------
    panel
        The panel.
    page
        The part of it that scrolls.
    """

    def __init__(self, panel: QWidget, page: QWidget) -> None:
        super().__init__(panel)
        self._panel, self._page = panel, page
        self._followed: ref[QDockWidget] | None = None
        self._place: Qt.DockWidgetArea | None = None
        self._may_share = self._may_tabify = False
        self._beside: set[str] | None = None
        self._height_before_px: int | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SETTLED_MS)
        self._soon.timeout.connect(self._make_room)
        page.installEventFilter(self)

    def follow(self) -> None:
        """Follow the dock that the panel is in now; safe to call again."""
        dock = dock_of(self._panel)
        if dock is None or (self._followed is not None and self._followed() is dock):
            return
        self._followed = ref(dock)
        dock.dockLocationChanged.connect(self._on_docked)
        window = dock.parentWidget()
        if isinstance(window, QMainWindow):
            self._on_docked(window.dockWidgetArea(dock))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Look at the page again whenever its height is another."""
        if event.type() == QEvent.Type.Resize and self._may_tabify:
            self._soon.start()
        return False

    def _on_docked(self, place: Qt.DockWidgetArea) -> None:
        if place != self._place:
            self._place, self._beside = place, None
            self._may_share = self._may_tabify = True
            # the window is about to grow, beyond the screen even, where all do not fit into it
            self._height_before_px = self._panel.window().height()
            self._soon.start()

    def _make_room(self) -> None:
        before_px, self._height_before_px = self._height_before_px, None
        dock = dock_of(self._panel)
        window = None if dock is None else dock.parentWidget()
        if dock is None or not isinstance(window, QMainWindow) or dock.isFloating():
            return
        if self._panel.visibleRegion().isEmpty():  # hidden, or behind another tab
            return
        others = _above_and_below(dock, window)
        names = {each.objectName() for each in others}
        if self._beside is None:
            self._beside = names
        if not names or not names <= self._beside or self._page.height() >= LEAST_PAGE_PX:
            return
        wanted = _least_height(dock) + LEAST_PAGE_PX - self._page.minimumSizeHint().height()
        least = [_least_height(each) for each in others]
        if wanted + sum(least) <= sum(each.height() for each in (dock, *others)):
            if self._may_share:
                self._may_share = False
                window.resizeDocks([dock, *others], [wanted, *least], Qt.Orientation.Vertical)
        elif self._may_tabify:
            self._may_tabify = False
            window.tabifyDockWidget(others[least.index(max(least))], dock)
            dock.raise_()
            QTimer.singleShot(0, partial(self._on_tabified, before_px))

    def _on_tabified(self, height_px: int | None) -> None:
        """Undo that the window grew, and share with what is above and below both tabs."""
        window = self._panel.window()
        if height_px is not None and window.height() > height_px:
            window.resize(window.width(), height_px)
        self._soon.start()


def _above_and_below(dock: QDockWidget, window: QMainWindow) -> Sequence[QDockWidget]:
    """Return the docks that share their height with one; of several tabs, the one in front."""
    not_beside = (dock, *window.tabifiedDockWidgets(dock))
    return [
        each
        for each in window.findChildren(QDockWidget, options=DIRECT)
        if each not in not_beside
        and not each.isFloating()
        and not each.visibleRegion().isEmpty()
        and window.dockWidgetArea(each) == window.dockWidgetArea(dock)
    ]


def _least_height(dock: QDockWidget) -> int:
    return max(dock.minimumSizeHint().height(), dock.minimumHeight())
