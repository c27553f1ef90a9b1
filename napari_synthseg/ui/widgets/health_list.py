"""How it stands with the patches, class by class, in a few lines above the gallery."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from qtpy.QtCore import QUrl, Signal
from qtpy.QtWidgets import QTextBrowser

from napari_synthseg.patches.quality.summary import ClassSummary

MOST_LINES = 4
"""Taller than this the list scrolls."""


class HealthList(QTextBrowser):
    """A line for each class: its good patches, and what was found; findings can be clicked."""

    chosen = Signal(str)
    """A finding was clicked."""

    def __init__(self) -> None:
        super().__init__()
        self.setOpenLinks(False)
        self.setObjectName("quiet")
        self.setAccessibleName("Findings by class")
        self.anchorClicked.connect(self._on_clicked)
        self.hide()

    def show_health(self, health: Sequence[ClassSummary]) -> None:
        """Show how it stands; nothing where there are no patches."""
        self.setHtml("".join(f"<div>{_line(item)}</div>" for item in health))
        self.setVisible(bool(health))
        self._fit()

    def resizeEvent(self, event: object) -> None:
        """Keep the height that the lines need at this width."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        needed = int(self.document().size().height()) + 2 * self.frameWidth()
        most = MOST_LINES * self.fontMetrics().lineSpacing() + 2 * self.frameWidth() + 8
        self.setFixedHeight(min(needed, most))

    def _on_clicked(self, link: QUrl) -> None:
        self.chosen.emit(link.toString().replace("-", " "))


def _line(item: ClassSummary) -> str:
    links = ", ".join(
        f'<a href="{kind.replace(" ", "-")}" style="color: #4aa3df">{count}&nbsp;{kind}</a>'
        for kind, count in item.issues.items()
    )
    square = f'<span style="color: {item.cls.color}">■</span>'
    counted = f"<b>{escape(item.cls.name)}</b>: {item.good} of {item.patches} good"
    return f"{square} {counted}" + (f"; {links}" if links else "")
