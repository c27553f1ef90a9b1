"""A few lines of text with links."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QUrl, Signal
from qtpy.QtWidgets import QTextBrowser

MAX_LINES = 4
"""Lines in sight at once; of more, the list is scrolled."""


class LinkList(QTextBrowser):
    """Shows lines of HTML; hides while there are none."""

    chosen = Signal(str)
    """A link was clicked: where it leads."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setOpenLinks(False)
        self.setObjectName("quiet")
        self.setAccessibleName(name)
        self.anchorClicked.connect(self._on_clicked)
        self.hide()

    def show_lines(self, lines: Sequence[str]) -> None:
        """Show other lines."""
        self.setHtml("".join(f"<div>{line}</div>" for line in lines))
        self.setVisible(bool(lines))
        self._fit()

    def resizeEvent(self, event: object) -> None:
        """Keep the height that the lines need at this width."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        needed = int(self.document().size().height()) + 2 * self.frameWidth()
        most = MAX_LINES * self.fontMetrics().lineSpacing() + 2 * self.frameWidth() + 8
        self.setFixedHeight(min(needed, most))

    def _on_clicked(self, link: QUrl) -> None:
        self.chosen.emit(link.toString())
