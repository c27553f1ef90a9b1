"""The pages of the panel, one of them in sight; each scrolls."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QFrame, QScrollArea, QStackedWidget, QWidget

from napari_synthseg.ui.widgets.wheel_guard import WheelGuard

WIDEST_PX = 440
"""Width of a page up to which the panel grows with the font."""

REST_MS = 50
"""Time between two pages that are laid out once the panel is open."""


class PageStack(QStackedWidget):
    """Pages, of which one is in sight.

    To style and lay out all of them takes a third of the time until the panel is open. So a page
    has no place, nor any parent, until it is shown, or until the others were laid out one after
    another, soon after the panel came into sight.
    """

    def __init__(self, pages: Sequence[QWidget]) -> None:
        super().__init__()
        self._areas = [PageArea(page) for page in pages]
        for area in self._areas:
            self.addWidget(area)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(REST_MS)
        self._soon.timeout.connect(self._lay_out_next)

    def show_page(self, number: int) -> None:
        """Bring a page into sight."""
        self.setCurrentIndex(number)
        self._areas[number].lay_out()

    def end(self) -> None:
        """See to it that Qt deletes all pages with the panel; safe to call again."""
        self._soon.stop()
        for area in self._areas:
            area.end()

    def showEvent(self, event: QShowEvent) -> None:
        """Go on with the pages that have no place yet."""
        super().showEvent(event)
        self._soon.start()

    def _lay_out_next(self) -> None:
        for area in self._areas:
            if area.lay_out():
                self._soon.start()
                return


class PageArea(QScrollArea):
    """Scrolls a page up and down; it is as wide as the page needs, with a font of usual size.

    With larger fonts, up to `WIDEST_PX`, so that the canvas has room; then it scrolls sideways.
    """

    def __init__(self, page: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        WheelGuard(page)
        self._page = page

    def lay_out(self) -> bool:
        """Give the page its place; return whether it had none."""
        had_none = self.widget() is None
        if had_none:
            self.setWidget(self._page)
            _come_after(self, self._page)
        return had_none

    def end(self) -> None:
        """Take the page as a child where it was never laid out."""
        if self.widget() is None:
            self._page.setParent(self)

    def minimumSizeHint(self) -> QSize:
        """Return the least size, in which the bar covers nothing."""
        if self.widget() is None:
            return QSize()
        bar_px = self.verticalScrollBar().sizeHint().width()
        width = self.widget().minimumSizeHint().width() + bar_px
        return QSize(min(width, WIDEST_PX), super().minimumSizeHint().height())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the page where it needs another width."""
        if event.type() == QEvent.Type.LayoutRequest and watched is self.widget():
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))


def _come_after(before: QWidget, late: QWidget) -> None:
    """Let Tab go on to a widget and all in it: Qt puts what comes late after all that was there."""
    group, each = [late], late.nextInFocusChain()
    while late.isAncestorOf(each):
        group.append(each)
        each = each.nextInFocusChain()
    for each in group:
        if each.focusPolicy() != Qt.FocusPolicy.NoFocus:
            QWidget.setTabOrder(before, each)
            before = each
