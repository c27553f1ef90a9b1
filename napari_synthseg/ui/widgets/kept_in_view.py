"""Keeps what was just shown on a page in view while the page finds its shape.

Texts, offers and progress above it come and go later, on a busy machine much later; so each change
of a size or place is answered, rather than waited for.
"""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QApplication, QScrollArea, QWidget

SEEN_AROUND_PX = 6
"""What is seen above and below of what is kept in view."""


class KeptInView(QObject):
    """Scrolls the page that a shown widget lies on to it, again whenever something moves it.

    It ends when the user scrolls or goes to another place of the page, and when the widget is
    hidden. It belongs to the widget, and ends with it, too.
    """

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self._widget = widget
        between = [widget]
        area = widget.parentWidget()
        while area is not None and not isinstance(area, QScrollArea):
            between.append(area)
            area = area.parentWidget()
        self._area = area
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)  # once all that moves together has moved
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._scroll)
        if area is None:
            self.deleteLater()
            return
        self._page = between[-2] if between[-1] is area.viewport() else between[-1]
        for moving in between:
            moving.installEventFilter(self)
        area.verticalScrollBar().actionTriggered.connect(self._end)
        QApplication.instance().focusChanged.connect(self._on_focus)
        self._soon.start()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Follow what lies between the widget and the part of the page that is seen."""
        if event is not None and self._area is not None:
            kind = event.type()
            is_scrolled = kind == QEvent.Type.Move and watched is self._page
            if kind == QEvent.Type.Hide and watched is self._widget:
                self._end()
            elif kind in (QEvent.Type.Move, QEvent.Type.Resize) and not is_scrolled:
                self._soon.start()
        return False

    def _scroll(self) -> None:
        if self._area is not None:
            self._area.ensureWidgetVisible(self._widget, 0, SEEN_AROUND_PX)

    def _on_focus(self, _old: QWidget | None, new: QWidget | None) -> None:
        if new is None or new is self._widget or self._widget.isAncestorOf(new):
            return
        if self._area is not None and self._area.isAncestorOf(new):
            self._end()

    def _end(self, *_: object) -> None:
        self._area = None
        self._soon.stop()
        self.deleteLater()
