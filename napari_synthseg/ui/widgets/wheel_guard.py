"""Turning the wheel scrolls a page; it changes no list, number or slider that the mouse crosses."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QSlider, QWidget

GUARDED = (QAbstractSpinBox, QComboBox, QSlider)


class WheelGuard(QObject):
    """Keeps the wheel from what lies on a page, also from what is added to it later.

    A number that is being edited takes it: who clicked into the box means the box.
    """

    def __init__(self, page: QWidget) -> None:
        super().__init__(page)
        page.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Pass the wheel on to what lies below; look for new widgets when the layout changes."""
        # not kept as an attribute: Python may take those away before Qt deletes the guard
        page, kind = self.parent(), event.type()
        if kind == QEvent.Type.Wheel and watched is not page:
            if isinstance(watched, QAbstractSpinBox) and watched.hasFocus():
                return False
            event.ignore()
            return True
        if watched is page and kind in (QEvent.Type.LayoutRequest, QEvent.Type.Show):
            self._guard_all(page)
        return False

    def _guard_all(self, page: QObject) -> None:
        for kind in GUARDED:
            for widget in page.findChildren(kind):
                if widget.focusPolicy() == Qt.FocusPolicy.WheelFocus:
                    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
                widget.installEventFilter(self)  # where it is, it stays there once
