"""A list of hundreds of images, of which only those in sight are painted and asked for pictures."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Protocol

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractListModel, QModelIndex, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
)

from napari_synthseg.ui.widgets.parts import plain_icon, square
from napari_synthseg.ui.widgets.thumbnail import on_square

PICTURE_PX = 40
"""Longer edge of a picture, in screen pixels."""

ROW_PX = PICTURE_PX + 6

BLANK = "#3c808080"
"""What is shown where there is no picture: a veil, as alpha, red, green, blue."""

MAX_PICTURES = 2000
"""Pictures that are kept."""

MOST_ROWS = 2.5
"""Rows in sight: half of one tells that there are more."""

FRAME_PX = 4

LINE_SEPARATOR = "\u2028"
"""What Qt divides the lines of a row by."""


class ListedImage(Protocol):
    """What a row shows."""

    @property
    def key(self) -> Hashable:
        """Tells images apart."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def detail(self) -> str:
        """What is said below the name."""

    @property
    def tip(self) -> str:
        """What is said under the mouse."""

    @property
    def is_done(self) -> bool:
        """Whether its tick is set."""


class ImageListModel(QAbstractListModel):
    """The images in their order, and the pictures that were made of them."""

    renamed = Signal(object, str)
    ticked = Signal(object, bool)
    pictures_wanted = Signal(list)
    """Keys of images in sight without a picture."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: Sequence[ListedImage] = ()
        self.can_tick = True
        self._pictures: LRUCache[Hashable, QIcon] = LRUCache(MAX_PICTURES)
        self._wanted: dict[Hashable, None] = {}
        self._blank = plain_icon(square(PICTURE_PX, BLANK))
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._ask)

    def show(self, rows: Sequence[ListedImage]) -> None:
        """Show other images, or the same with other words."""
        same = [row.key for row in rows] == [row.key for row in self.rows]
        if not same:
            self.beginResetModel()
        self.rows = rows
        if not same:
            self.endResetModel()
        elif rows:
            self.dataChanged.emit(self.index(0), self.index(len(rows) - 1))

    def add_pictures(self, pictures: dict[Hashable, NDArray[np.uint8] | None]) -> None:
        """Show pictures (y, x, 3); where there is None, none can be made."""
        for key, pixels in pictures.items():
            self._pictures[key] = self._blank if pixels is None else _icon(pixels)
        places = {row.key: number for number, row in enumerate(self.rows)}
        for key in pictures:
            if key in places:
                index = self.index(places[key])
                self.dataChanged.emit(index, index, [Qt.ItemDataRole.DecorationRole])

    def forget_pictures(self) -> None:
        """Let go of all pictures: those of another project follow."""
        self._pictures.clear()
        self._wanted.clear()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of images."""
        return len(self.rows)

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Let rows be chosen, renamed and, where that says something, ticked."""
        kept = super().flags(index) | Qt.ItemFlag.ItemIsEditable
        return kept | Qt.ItemFlag.ItemIsUserCheckable if self.can_tick else kept

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return what is shown of an image."""
        if not index.isValid():
            return None
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DecorationRole:
            return self._picture(row.key)
        if role == Qt.ItemDataRole.SizeHintRole:
            return QSize(10, ROW_PX)
        if role == Qt.ItemDataRole.CheckStateRole:
            return _state(row.is_done) if self.can_tick else None
        words: dict[int, str] = {
            Qt.ItemDataRole.DisplayRole: f"{row.name}\n{row.detail}",
            Qt.ItemDataRole.EditRole: row.name,
            Qt.ItemDataRole.ToolTipRole: f"{row.name}\n{row.tip}",
            Qt.ItemDataRole.AccessibleTextRole: f"{row.name}, {row.detail}",
        }
        return words.get(role)

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Pass on a new name or tick."""
        key = self.rows[index.row()].key
        if role == Qt.ItemDataRole.CheckStateRole:
            self.ticked.emit(key, value == _state(True))
        elif role == Qt.ItemDataRole.EditRole:
            self.renamed.emit(key, str(value).strip())
        else:
            return False
        return True

    def _picture(self, key: Hashable) -> QIcon:
        picture = self._pictures.get(key)
        if picture is None:
            self._wanted[key] = None
            self._timer.start(0)  # when all in sight were painted
            return self._blank
        return picture

    def _ask(self) -> None:
        wanted, self._wanted = list(self._wanted), {}
        self.pictures_wanted.emit(wanted)


class _NamesInTheMiddle(QStyledItemDelegate):
    """Leaves out the middle of long names, whose ends tell them apart, and the end of the rest."""

    def initStyleOption(self, option: Any, index: QModelIndex) -> None:
        """Say what is painted in a row; see the class."""
        super().initStyleOption(option, index)
        style = option.widget.style()
        margin = style.pixelMetric(QStyle.PixelMetric.PM_FocusFrameHMargin, None, option.widget) + 1
        part = QStyle.SubElement.SE_ItemViewItemText
        room = style.subElementRect(part, option, option.widget).width() - 2 * margin
        name, _, detail = str(index.data()).partition("\n")
        name = option.fontMetrics.elidedText(name, Qt.TextElideMode.ElideMiddle, room)
        option.text = f"{name}{LINE_SEPARATOR}{detail}"


class ImageList(QListView):
    """Images below each other; the chosen one is the one that is shown.

    Parameters
    ----------
    name
        What a screen reader calls it.
    """

    chosen = Signal(object)
    """The key of the image that the user chose."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.images = ImageListModel()
        self.setModel(self.images)
        self.setAccessibleName(name)
        self.setUniformItemSizes(True)
        self.setIconSize(QSize(PICTURE_PX, PICTURE_PX))
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setItemDelegate(_NamesInTheMiddle(self))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.selectionModel().currentChanged.connect(self._on_current)
        self._is_following = False

    def show_images(self, rows: Sequence[ListedImage], shown: Hashable) -> None:
        """Show images, and which one is shown in the viewer."""
        self._is_following = True
        self.images.show(rows)
        self.setFixedHeight(int(min(len(rows), MOST_ROWS) * ROW_PX) + FRAME_PX)
        keys = [row.key for row in rows]
        if shown in keys:
            index = self.images.index(keys.index(shown))
            if index != self.currentIndex():
                self.setCurrentIndex(index)
                self.scrollTo(index)
        else:
            self.selectionModel().clear()
        self._is_following = False

    def _on_current(self, index: QModelIndex, _: QModelIndex) -> None:
        if index.isValid() and not self._is_following:
            self.chosen.emit(self.images.rows[index.row()].key)


def _state(is_checked: bool) -> int:
    """Return a check state as the number that every binding of Qt takes."""
    state = Qt.CheckState.Checked if is_checked else Qt.CheckState.Unchecked
    return int(getattr(state, "value", state))


def _icon(pixels: NDArray[np.uint8]) -> QIcon:
    """Return a picture on a square, so that names stand below each other."""
    height, width = pixels.shape[:2]
    image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    return plain_icon(on_square(QPixmap.fromImage(image), PICTURE_PX))
