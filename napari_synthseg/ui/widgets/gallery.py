"""A gallery of thousands of thumbnails, of which only those in sight are painted."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from cachetools import LRUCache
from qtpy.QtCore import QAbstractListModel, QModelIndex, QRect, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate

from napari_synthseg.ui.presenters.thumbnail import Thumbnail
from napari_synthseg.ui.widgets.parts import selected_rows
from napari_synthseg.ui.widgets.pressed_keys import pressed_shortcut
from napari_synthseg.ui.widgets.thumbnail import THUMBNAIL_PX, draw_thumbnail

CELL = QSize(THUMBNAIL_PX + 8, THUMBNAIL_PX + 14)
MAX_PICTURES = 1000
"""Pictures that are kept."""

PAINT_SECONDS = 0.02
"""Time that one painting may spend on new pictures; the others follow in the next."""

THUMBNAIL_ROLE = Qt.ItemDataRole.UserRole + 1


class GalleryModel(QAbstractListModel):
    """The items in their order, and what turns one into a thumbnail."""

    def __init__(self) -> None:
        super().__init__()
        self.items: Sequence[Any] = ()
        self._look: Callable[[Any], Thumbnail]

    def show(self, items: Sequence[Any], look: Callable[[Any], Thumbnail]) -> None:
        """Show other items, or the same with another look."""
        same = len(items) == len(self.items) and all(
            new is old for new, old in zip(items, self.items, strict=True)
        )
        if not same:
            self.beginResetModel()
        self.items, self._look = items, look
        if not same:
            self.endResetModel()
        elif items:
            self.dataChanged.emit(self.index(0), self.index(len(items) - 1))

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of items."""
        return len(self.items)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the thumbnail of an item, or words about it."""
        words = (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole)
        if not index.isValid() or role not in (THUMBNAIL_ROLE, *words):
            return None
        thumbnail = self._look(self.items[index.row()])
        return thumbnail if role == THUMBNAIL_ROLE else thumbnail.words


class ThumbnailPainter(QStyledItemDelegate):
    """Paints one cell: the picture, the bar of its quality, what stands about it."""

    def __init__(self, model: GalleryModel) -> None:
        super().__init__(model)
        self.is_behind = False
        """Whether the last painting had no time left for some pictures."""
        self._model = model
        # with each picture its item is kept, so that no other item can get its id
        self._pictures: LRUCache[tuple[int, str], tuple[Any, QPixmap]] = LRUCache(MAX_PICTURES)
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
        thumbnail: Thumbnail = index.data(THUMBNAIL_ROLE)
        cell: QRect = option.rect
        place = QRect(cell.x() + 4, cell.y() + 3, THUMBNAIL_PX, THUMBNAIL_PX)
        painter.save()
        painter.setOpacity(0.35 if thumbnail.is_faded else 1.0)
        picture = self._picture(self._model.items[index.row()], thumbnail)
        if picture is None:
            painter.fillRect(place, QColor(128, 128, 128, 60))
        else:
            painter.drawPixmap(place, picture)
        painter.setOpacity(1.0)
        _paint_quality(painter, place, thumbnail.quality)
        if thumbnail.is_crossed_out:
            painter.setPen(QPen(QColor("#ff5555"), 3))
            painter.drawLine(place.topLeft(), place.bottomRight())
            painter.drawLine(place.topRight(), place.bottomLeft())
        if thumbnail.badge[0]:
            _paint_badge(painter, place, *thumbnail.badge)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            for color, width in (("#ffffff", 3), ("#0a7bd6", 2)):
                painter.setPen(QPen(QColor(color), width))
                painter.drawRect(place)
        painter.restore()

    def _picture(self, item: object, thumbnail: Thumbnail) -> QPixmap | None:
        """Return the picture of an item, or nothing if there is no time left to draw it."""
        key = (id(item), thumbnail.color)
        if (known := self._pictures.get(key)) is not None:
            return known[1]
        if time.perf_counter() > self._deadline:
            self.is_behind = True
            return None
        picture = draw_thumbnail(thumbnail.pixels, thumbnail.mask, thumbnail.color)
        self._pictures[key] = item, picture
        return picture


def _paint_quality(painter: QPainter, place: QRect, quality: float) -> None:
    bar = QRect(place.left(), place.bottom() + 3, place.width(), 4)
    painter.fillRect(bar, QColor(128, 128, 128, 90))
    bar.setWidth(max(2, int(place.width() * quality)))
    painter.fillRect(bar, QColor.fromHsv(int(120 * quality), 200, 200))


def _paint_badge(painter: QPainter, place: QRect, sign: str, color: str) -> None:
    disc = QRect(place.right() - 16, place.top() + 2, 15, 15)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor("#ffffff"), 1))
    painter.setBrush(QColor(color))
    painter.drawEllipse(disc)
    painter.drawText(disc, Qt.AlignmentFlag.AlignCenter, sign)


class Gallery(QListView):
    """Items as a grid of thumbnails."""

    rejection_wanted = Signal(bool)
    """A key asked to reject (True) or accept (False) the selected items."""

    resizing_wanted = Signal(int)
    """A key asked to move the outline of the selected item outwards (1) or inwards (-1)."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._model = GalleryModel()
        self._painter = ThumbnailPainter(self._model)
        self.setModel(self._model)
        self.setItemDelegate(self._painter)
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
        self.setAccessibleName(name)

    def sizeHint(self) -> QSize:
        """Return the least size: the page gives the gallery what its other parts leave."""
        return QSize(super().sizeHint().width(), self.minimumHeight())

    @property
    def items(self) -> Sequence[Any]:
        """What is shown, in order."""
        return self._model.items

    def show_items(self, items: Sequence[Any], look: Callable[[Any], Thumbnail]) -> None:
        """Show other items, or the same with another look; `look` is called for those in sight."""
        self._model.show(items, look)

    def selected_rows(self) -> list[int]:
        """Return the rows of the selected items, in order."""
        return selected_rows(self)

    def selected(self) -> list[Any]:
        """Return the selected items."""
        return [self.items[row] for row in self.selected_rows()]

    def paintEvent(self, event: object) -> None:
        """Paint what is in sight; pictures that take too long follow a moment later."""
        self._painter.begin()
        super().paintEvent(event)
        if self._painter.is_behind:
            QTimer.singleShot(0, self.viewport().update)

    def keyPressEvent(self, event: Any) -> None:
        """Reject, accept or resize by key; other keys are the list's own."""
        name = pressed_shortcut(event, "patches")
        if name in ("reject", "accept"):
            self.rejection_wanted.emit(name == "reject")
        elif name in ("larger", "smaller"):
            self.resizing_wanted.emit(1 if name == "larger" else -1)
        else:
            super().keyPressEvent(event)
