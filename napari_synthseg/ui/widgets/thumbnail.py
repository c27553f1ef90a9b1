"""A cut-out of an image as a small picture, with the outline of a mask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QColor, QImage, QPainter, QPixmap

from napari_synthseg.ui.widgets.parts import square

THUMBNAIL_PX = 68
"""Edge of the picture, in screen pixels."""


def draw_thumbnail(pixels: NDArray[np.float32], mask: NDArray[np.bool_], color: str) -> QPixmap:
    """Return pixels (channel, [z,] y, x) as a picture, with the outline of their mask in a color.

    Of a volume the plane is shown that holds most of the mask.
    """
    from scipy.ndimage import binary_erosion

    if mask.ndim == 3:
        plane = int(mask.sum(axis=(1, 2)).argmax()) if mask.any() else mask.shape[0] // 2
        pixels, mask = pixels[:, plane], mask[plane]
    step = max(1, max(mask.shape) // (2 * THUMBNAIL_PX))  # large ones: no more pixels than seen
    pixels, mask = pixels[:, ::step, ::step], mask[::step, ::step]
    shown = pixels[:3] if len(pixels) >= 3 else np.repeat(pixels[:1], 3, axis=0)
    low, high = np.percentile(shown, (0.5, 99.8))
    scaled = np.clip((shown - low) / max(high - low, 1e-6), 0, 1) * 255
    rgb = np.moveaxis(scaled, 0, -1).astype(np.uint8)
    times = max(1, round(2 * THUMBNAIL_PX / max(mask.shape)))  # thin outlines on small ones
    rgb = np.ascontiguousarray(rgb.repeat(times, axis=0).repeat(times, axis=1))
    mask = mask.repeat(times, axis=0).repeat(times, axis=1)
    rgb[mask & ~binary_erosion(mask, iterations=2)] = QColor(color).getRgb()[:3]
    height, width = rgb.shape[:2]
    image = QImage(rgb.data, width, height, 3 * width, QImage.Format.Format_RGB888)
    return on_square(QPixmap.fromImage(image), THUMBNAIL_PX)


def on_square(picture: QPixmap, edge_px: int) -> QPixmap:
    """Return a picture in the middle of a clear square, as large as fits."""
    ground = square(edge_px)
    ratio = ground.devicePixelRatio()
    fitting = picture.scaled(
        ground.size(),
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
    fitting.setDevicePixelRatio(ratio)
    margins = ground.size() - fitting.size()
    painter = QPainter(ground)
    painter.drawPixmap(
        QPointF(margins.width() // 2 / ratio, margins.height() // 2 / ratio), fitting
    )
    painter.end()
    return ground
