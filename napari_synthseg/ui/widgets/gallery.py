"""The patch gallery: thousands of patches, of which only those in sight are painted."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from cachetools import LRUCache
from qtpy.QtCore import QAbstractListModel, QModelIndex, QObject, QRect, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate

from napari_synthseg.core.patch import Patch, PatchLibrary, PatchState
from napari_synthseg.ui.presenters.patch_choice import STATE_WORDS
from napari_synthseg.ui.widgets.thumbnail import THUMBNAIL_PX, thumbnail

CELL = QSize(THUMBNAIL_PX + 8, THUMBNAIL_PX + 14)
MAX_THUMBNAILS = 1000
"""Pictures that are kept."""

PAINT_SECONDS = 0.02
"""Time that one painting may spend on new thumbnails; the others follow in the next."""

PATCH_ROLE = Qt.ItemDataRole.UserRole + 1
STATE_ROLE = Qt.ItemDataRole.UserRole + 2

BADGES: Mapping[PatchState, tuple[str, str]] = {
    "suspicious": ("!", "#c77700"),
    "doubtful": ("✕", "#c62828"),
    "accepted": ("✓", "#2e7d32"),
}
"""State -> sign and color of the badge in the corner."""


class PatchModel(QAbstractListModel):
    """The patches in sight of the filter, in their order."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.patches: Sequence[Patch] = ()
        self.library: PatchLibrary | None = None
        self.classes: Mapping[int, str] = {}
        self.images: Mapping[str, str] = {}

    def show(
        self,
        patches: Sequence[Patch],
        library: PatchLibrary | None = None,
        classes: Mapping[int, str] | None = None,
        images: Mapping[str, str] | None = None,
    ) -> None:
        """Show other patches, or the same with other verdicts.

        `classes` and `images` map class values and image ids to names.
        """
        same = len(patches) == len(self.patches) and all(
            new is old for new, old in zip(patches, self.patches, strict=True)
        )
        if not same:
            self.beginResetModel()
        self.patches, self.library = patches, library
        self.classes, self.images = classes or {}, images or {}
        if not same:
            self.endResetModel()
        elif patches:
            self.dataChanged.emit(self.index(0), self.index(len(patches) - 1))

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of patches."""
        return len(self.patches)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the patch, what stands about it, or words about it."""
        if not index.isValid():
            return None
        patch = self.patches[index.row()]
        if role == PATCH_ROLE:
            return patch
        if role == STATE_ROLE:
            return self.library.state(patch) if self.library else "good"
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return self._words(patch)
        return None

    def _words(self, patch: Patch) -> str:
        state = self.library.state(patch) if self.library else "good"
        words = STATE_WORDS[state] if patch.area else "not used: no object found"
        names = [self.classes.get(patch.cls, ""), self.images.get(patch.image, "")]
        lines = [
            ", ".join(name for name in names if name),
            f"Quality {patch.quality:.2f}, {words}.",
            *(f"• {issue.kind}: {issue.reason}" for issue in patch.issues),
            "Double-click shows it in the image.",
        ]
        return "\n".join(lines)


class PatchPainter(QStyledItemDelegate):
    """Paints one patch: its pixels, the outline of its mask, its quality, what stands about it."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.colors: dict[int, str] = {}
        self.is_behind = False
        """Whether the last painting had no time left for some thumbnails."""
        # with each picture its patch is kept, so that no other patch can get its id
        self._thumbnails: LRUCache[tuple[int, str], tuple[Patch, QPixmap]]
        self._thumbnails = LRUCache(MAX_THUMBNAILS)
        self._deadline = 0.0

    def begin(self) -> None:
        """Start a painting of the whole list."""
        self.is_behind = False
        self._deadline = time.perf_counter() + PAINT_SECONDS

    def sizeHint(self, option: Any, index: QModelIndex) -> QSize:
        """Return the size of one cell."""
        return CELL

    def paint(self, painter: QPainter, option: Any, index: QModelIndex) -> None:
        """Paint one cell."""
        patch: Patch = index.data(PATCH_ROLE)
        state: PatchState = index.data(STATE_ROLE)
        cell: QRect = option.rect
        place = QRect(cell.x() + 4, cell.y() + 3, THUMBNAIL_PX, THUMBNAIL_PX)
        painter.save()
        painter.setOpacity(0.35 if state == "rejected" or not patch.area else 1.0)
        picture = self._thumbnail(patch)
        if picture is None:
            painter.fillRect(place, QColor(128, 128, 128, 60))
        else:
            painter.drawPixmap(place, picture)
        painter.setOpacity(1.0)
        _paint_quality(painter, place, patch)
        if state == "rejected":
            painter.setPen(QPen(QColor("#ff5555"), 3))
            painter.drawLine(place.topLeft(), place.bottomRight())
            painter.drawLine(place.topRight(), place.bottomLeft())
        elif state in BADGES:
            _paint_badge(painter, place, *BADGES[state])
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(QPen(QColor("#ffffff"), 3))
            painter.drawRect(place)
            painter.setPen(QPen(QColor("#0a7bd6"), 2))
            painter.drawRect(place)
        painter.restore()

    def _thumbnail(self, patch: Patch) -> QPixmap | None:
        """Return the picture of a patch, or nothing if there is no time left to make it."""
        key = (id(patch), self.colors.get(patch.cls, "#ffb000"))
        if (known := self._thumbnails.get(key)) is not None:
            return known[1]
        if time.perf_counter() > self._deadline:
            self.is_behind = True
            return None
        picture = thumbnail(patch, key[1])
        self._thumbnails[key] = patch, picture
        return picture


def _paint_quality(painter: QPainter, place: QRect, patch: Patch) -> None:
    bar = QRect(place.left(), place.bottom() + 3, place.width(), 4)
    painter.fillRect(bar, QColor(128, 128, 128, 90))
    hue = int(120 * max(0.0, min(1.0, patch.quality)))
    bar.setWidth(max(2, int(place.width() * patch.quality)))
    painter.fillRect(bar, QColor.fromHsv(hue, 200, 200))


def _paint_badge(painter: QPainter, place: QRect, sign: str, color: str) -> None:
    disc = QRect(place.right() - 16, place.top() + 2, 15, 15)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor("#ffffff"), 1))
    painter.setBrush(QColor(color))
    painter.drawEllipse(disc)
    painter.drawText(disc, Qt.AlignmentFlag.AlignCenter, sign)
    painter.setBrush(Qt.BrushStyle.NoBrush)


class Gallery(QListView):
    """The list of patches as a grid of thumbnails."""

    rejection_wanted = Signal(bool)
    """A key asked to reject (True) or accept (False) the selected patches."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = PatchModel(self)
        self.painter = PatchPainter(self)
        self.setModel(self.patches)
        self.setItemDelegate(self.painter)
        # wrapped rows rather than icon mode, which keeps a tree of all cells: slow with thousands
        self.setViewMode(QListView.ViewMode.ListMode)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setGridSize(CELL)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setMinimumHeight(2 * CELL.height())
        self.setAccessibleName("Patches")

    def selected_rows(self) -> list[int]:
        """Return the rows of the selected patches, in order."""
        ranges = self.selectionModel().selection()  # few, where indexes are many
        rows = (row for r in ranges for row in range(r.top(), r.bottom() + 1))
        return sorted(rows)

    def selected(self) -> list[Patch]:
        """Return the selected patches."""
        return [self.patches.patches[row] for row in self.selected_rows()]

    def paintEvent(self, event: object) -> None:
        """Paint what is in sight; thumbnails that take too long follow a moment later."""
        self.painter.begin()
        super().paintEvent(event)
        if self.painter.is_behind:
            QTimer.singleShot(0, self.viewport().update)

    def keyPressEvent(self, event: Any) -> None:
        """R or Del rejects, A accepts; the rest is the list's own."""
        if event.key() in (Qt.Key.Key_R, Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.rejection_wanted.emit(True)
        elif event.key() == Qt.Key.Key_A and not event.modifiers():
            self.rejection_wanted.emit(False)
        else:
            super().keyPressEvent(event)
