"""The patch gallery: thousands of patches, of which only those in sight are painted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from qtpy.QtCore import QAbstractListModel, QModelIndex, QObject, QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QImage, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate

from napari_synthseg.core.patch import Patch

THUMBNAIL = 68
CELL = QSize(THUMBNAIL + 8, THUMBNAIL + 14)
KEPT_THUMBNAILS = 600
PATCH_ROLE = Qt.ItemDataRole.UserRole + 1
REJECTED_ROLE = Qt.ItemDataRole.UserRole + 2


class PatchModel(QAbstractListModel):
    """The patches in sight of the filter, in their order."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.patches: Sequence[Patch] = ()
        self.rejected: frozenset[str] = frozenset()
        self.names: dict[int, str] = {}

    def show(
        self, patches: Sequence[Patch], rejected: frozenset[str], names: dict[int, str]
    ) -> None:
        """Show other patches, or the same with other verdicts."""
        if [p.id for p in patches] == [p.id for p in self.patches] and patches:
            self.patches, self.rejected, self.names = patches, rejected, names
            self.dataChanged.emit(self.index(0), self.index(len(patches) - 1))
            return
        self.beginResetModel()
        self.patches, self.rejected, self.names = patches, rejected, names
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of patches."""
        return len(self.patches)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the patch, its verdict, or words about it."""
        if not index.isValid():
            return None
        patch = self.patches[index.row()]
        if role == PATCH_ROLE:
            return patch
        if role == REJECTED_ROLE:
            return patch.id in self.rejected
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            state = "rejected by you" if patch.id in self.rejected else "in use"
            if not patch.mask.any():
                state = "not used: no object found"
            lines = [f"{self.names.get(patch.cls, '')}: quality {patch.quality:.2f}, {state}"]
            return "\n".join([*lines, *patch.reasons, "Double-click shows it in the image."])
        return None


class PatchPainter(QStyledItemDelegate):
    """Paints one patch: its pixels, the outline of its mask, its quality, its verdict."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.colors: dict[int, str] = {}
        self._thumbnails: OrderedDict[tuple[int, str], QPixmap] = OrderedDict()

    def sizeHint(self, option: object, index: QModelIndex) -> QSize:
        """Return the size of one cell."""
        return CELL

    def paint(self, painter: QPainter, option: object, index: QModelIndex) -> None:
        """Paint one cell."""
        patch: Patch = index.data(PATCH_ROLE)
        rejected = index.data(REJECTED_ROLE)
        cell: QRect = option.rect
        place = QRect(cell.x() + 4, cell.y() + 3, THUMBNAIL, THUMBNAIL)
        painter.save()
        painter.setOpacity(0.35 if rejected or not patch.mask.any() else 1.0)
        painter.drawPixmap(place, self._thumbnail(patch))
        painter.setOpacity(1.0)
        self._paint_quality(painter, place, patch)
        if rejected:
            painter.setPen(QPen(QColor("#ff5555"), 3))
            painter.drawLine(place.topLeft(), place.bottomRight())
            painter.drawLine(place.topRight(), place.bottomLeft())
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(QPen(QColor("#ffffff"), 3))
            painter.drawRect(place)
            painter.setPen(QPen(QColor("#0a7bd6"), 2))
            painter.drawRect(place)
        painter.restore()

    def _paint_quality(self, painter: QPainter, place: QRect, patch: Patch) -> None:
        bar = QRect(place.left(), place.bottom() + 3, place.width(), 4)
        painter.fillRect(bar, QColor(128, 128, 128, 90))
        hue = int(120 * max(0.0, min(1.0, patch.quality)))
        bar.setWidth(max(2, int(place.width() * patch.quality)))
        painter.fillRect(bar, QColor.fromHsv(hue, 200, 200))

    def _thumbnail(self, patch: Patch) -> QPixmap:
        key = (id(patch), self.colors.get(patch.cls, "#ffb000"))
        found = self._thumbnails.get(key)
        if found is None:
            found = self._thumbnails[key] = thumbnail(patch, key[1])
            if len(self._thumbnails) > KEPT_THUMBNAILS:
                self._thumbnails.popitem(last=False)
        return found

    def forget(self) -> None:
        """Drop the thumbnails kept for speed; other patches are shown now."""
        self._thumbnails.clear()


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
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setGridSize(CELL)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setMinimumHeight(2 * CELL.height())
        self.setAccessibleName("Patches")

    def selected(self) -> list[Patch]:
        """Return the selected patches."""
        return [index.data(PATCH_ROLE) for index in self.selectedIndexes()]

    def keyPressEvent(self, event: object) -> None:
        """R or Del rejects, A accepts; the rest is the list's own."""
        if event.key() in (Qt.Key.Key_R, Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.rejection_wanted.emit(True)
        elif event.key() == Qt.Key.Key_A and not event.modifiers():
            self.rejection_wanted.emit(False)
        else:
            super().keyPressEvent(event)


def thumbnail(patch: Patch, color: str) -> QPixmap:
    """Return a patch as a picture, with the outline of its mask in a color."""
    pixels, mask = patch.pixels, patch.mask
    if mask.ndim == 3:  # the plane that was clicked
        plane = round(patch.center[0])
        pixels, mask = pixels[:, plane], mask[plane]
    shown = pixels[:3] if len(pixels) >= 3 else np.repeat(pixels[:1], 3, axis=0)
    low, high = np.percentile(shown, (0.5, 99.8))
    scaled = np.clip((shown - low) / max(high - low, 1e-6), 0, 1) * 255
    rgb = np.ascontiguousarray(np.moveaxis(scaled, 0, -1).astype(np.uint8))
    times = max(1, round(2 * THUMBNAIL / max(mask.shape)))  # thin outlines on small patches
    rgb = np.ascontiguousarray(rgb.repeat(times, axis=0).repeat(times, axis=1))
    rgb[_outline(mask.repeat(times, axis=0).repeat(times, axis=1))] = QColor(color).getRgb()[:3]
    height, width = rgb.shape[:2]
    image = QImage(rgb.data, width, height, 3 * width, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image).scaled(
        THUMBNAIL,
        THUMBNAIL,
        Qt.AspectRatioMode.IgnoreAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )


def _outline(mask: np.ndarray) -> np.ndarray:
    """Return the pixels of a mask that touch its outside, two pixels thick."""
    inner = mask.copy()
    for _ in range(2):
        padded = np.pad(inner, 1)
        inner &= padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner
