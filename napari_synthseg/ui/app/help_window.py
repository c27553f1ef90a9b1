"""The docs as they were installed, opened at the step that is shown; no network is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QColor, QImage, QTextCharFormat, QTextCursor, QTextDocument
from qtpy.QtWidgets import QDialog, QHBoxLayout, QTextBrowser, QVBoxLayout, QWidget

from napari_synthseg.ui.widgets.parts import push_button
from napari_synthseg.ui.widgets.style import Colors

SIZE_PX = (720, 720)
MARGINS_PX = 40
"""Width of the text's margins and of the scroll bar, which pictures leave free."""

TUTORIAL = "tutorial/first-model.md"
"""Its headings "1. Click", "2. Patches", ... are those of the steps."""


def docs_folder() -> Path:
    """Return the folder of the docs: in the installed package, else in the working tree."""
    package = Path(__file__).parents[2]
    packaged = package / "docs"
    return packaged if packaged.is_dir() else package.parent / "docs"


class HelpWindow(QDialog):
    """Shows a page of the docs; links in it lead to the others."""

    def __init__(self, parent: QWidget, colors: Colors) -> None:
        super().__init__(parent)
        self.setWindowTitle("Help for SynthSeg")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.browser = DocsBrowser(colors.link)
        back = push_button("Back", self.browser.backward, "Go back to the page before")
        back.setEnabled(False)
        back.setAutoDefault(False)
        self.browser.backwardAvailable.connect(back.setEnabled)
        buttons = QHBoxLayout()
        buttons.addWidget(back)
        buttons.addStretch()
        column = QVBoxLayout(self)
        column.addWidget(self.browser)
        column.addLayout(buttons)
        self.resize(*SIZE_PX)

    def show_step(self, step: int) -> None:
        """Show what is said of a step (0 to 4), or the beginning (-1)."""
        self.browser.setSource(QUrl.fromLocalFile(str(docs_folder() / TUTORIAL)))
        self.browser.scroll_to_heading(f"{step + 1}." if step >= 0 else "")


class DocsBrowser(QTextBrowser):
    """A browser of Markdown files whose pictures are as wide as there is room for.

    Links have a color of ours: Qt takes one of its own, which is not read on a dark ground.
    """

    def __init__(self, link_color: str) -> None:
        super().__init__()
        self._link = QTextCharFormat()
        self._link.setForeground(QColor(link_color))
        self.sourceChanged.connect(self._color_links)
        self.setOpenExternalLinks(True)
        self.setAccessibleName("Page of the docs")

    def scroll_to_heading(self, start: str) -> None:
        """Bring the heading that begins with some letters to the top; '' is the page's top."""
        block = self.document().begin()
        while start and block.isValid():
            if block.blockFormat().headingLevel() and block.text().startswith(start):
                top = self.document().documentLayout().blockBoundingRect(block).top()
                self.verticalScrollBar().setValue(int(top))
                return
            block = block.next()
        self.verticalScrollBar().setValue(0)

    def _color_links(self, _: object = None) -> None:
        cursor, block = QTextCursor(self.document()), self.document().begin()
        while block.isValid():
            parts = block.begin()
            while not parts.atEnd():
                part = parts.fragment()
                if part.charFormat().isAnchor():
                    cursor.setPosition(part.position())
                    end = part.position() + part.length()
                    cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
                    cursor.mergeCharFormat(self._link)
                parts += 1
            block = block.next()
        # else Qt 6 lays out no more than what it had before
        self.document().markContentsDirty(0, self.document().characterCount())

    def loadResource(self, kind: int, name: QUrl) -> Any:
        """Read a file; a picture is made to fit."""
        found = super().loadResource(kind, name)
        if kind != _number(QTextDocument.ResourceType.ImageResource):
            return found
        picture = QImage(self.source().resolved(name).toLocalFile())
        room = self.width() - MARGINS_PX
        if picture.width() > room > 0:
            smooth = Qt.TransformationMode.SmoothTransformation
            return picture.scaledToWidth(room, smooth)
        return picture


def _number(member: Any) -> int:
    """Return the number of an enum's member, in either binding."""
    return int(getattr(member, "value", member))
