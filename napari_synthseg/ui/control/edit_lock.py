"""Controls that edit: disabled while the project that is shown is open for reading only."""

from __future__ import annotations

from weakref import WeakSet

from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QHelpEvent
from qtpy.QtWidgets import QToolTip, QWidget

DISABLED_BY_PAGE = Qt.WidgetAttribute.WA_ForceDisabled
"""What Qt sets by the last call of `setEnabled` alone, whether or not the control changes."""


class EditLock(QObject):
    """Keeps controls disabled, whatever their pages say, and tells why where the mouse rests.

    Attributes
    ----------
    why
        Why nothing can be edited; '' where it can.
    """

    def __init__(self) -> None:
        super().__init__()
        self.why = ""
        self._guarded: WeakSet[QWidget] = WeakSet()

    def guard(self, *controls: QWidget) -> None:
        """Take care of controls that edit, with all that is in them."""
        for control in controls:
            self._guarded.add(control)
            if self.why:
                self._lock(control)

    def set(self, why: str) -> None:
        """Disable all controls for a reason, or with '' give them back to their pages."""
        self.why = why
        for control in filter(isalive, list(self._guarded)):
            if why:
                self._lock(control)
                continue
            for widget in _with_parts(control):
                widget.removeEventFilter(self)
            if not control.testAttribute(DISABLED_BY_PAGE):
                control.setEnabled(True)

    def _lock(self, control: QWidget) -> None:
        for widget in _with_parts(control):
            widget.installEventFilter(self)
        self._disable(control)

    def _disable(self, control: QWidget) -> None:
        if control.isEnabled():
            control.setEnabled(False)
            # Qt sends no event when a page disables it, too, but then sets this again
            control.setAttribute(DISABLED_BY_PAGE, False)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Disable again what a page enables; tell why in place of what the control does."""
        if not self.why or event is None or not isinstance(watched, QWidget):
            return False
        if event.type() == QEvent.Type.EnabledChange and watched in self._guarded:
            self._disable(watched)
        elif event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.why, watched)
            return True
        return False


def _with_parts(control: QWidget) -> list[QWidget]:
    return [control, *control.findChildren(QWidget)]
