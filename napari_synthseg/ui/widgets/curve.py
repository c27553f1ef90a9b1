"""The live loss curve."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_synthseg.ui.widgets.style import Colors

SMOOTHING = 0.93

MAX_POINTS = 1500
"""Points that are drawn: of longer curves each second one is dropped, again and again."""

MAX_BEST = 200


class LossCurve(QWidget):
    """Loss of each batch, smoothed, and dots where the weights were the best so far."""

    def __init__(self, colors: Colors) -> None:
        super().__init__()
        self.setFixedHeight(180)  # pyqtgraph would take more than a small screen has
        QVBoxLayout(self).setContentsMargins(0, 0, 0, 0)
        self._colors = colors
        self._plot: Any = None
        self.clear()

    @property
    def points(self) -> Sequence[tuple[float, float, float]]:
        """What is drawn: (step, loss, smoothed loss)."""
        return self._points

    def showEvent(self, event: object) -> None:
        """Build the plot when it is first seen: its library takes a moment to load."""
        if self._plot is None:
            self._build()
        super().showEvent(event)

    def clear(self) -> None:
        """Start an empty curve."""
        self._points: list[tuple[float, float, float]] = []
        self._best: deque[tuple[float, float]] = deque(maxlen=MAX_BEST)
        self._smooth: float | None = None
        self._every, self._batches = 1, 0
        self._draw()

    def add(self, batches: Iterable[tuple[int, float, bool]]) -> None:
        """Add batches as (step, loss, whether the weights were the best so far); draw once."""
        for step, loss, is_best in batches:
            before = loss if self._smooth is None else self._smooth
            self._smooth = SMOOTHING * before + (1 - SMOOTHING) * loss
            if self._batches % self._every == 0:
                self._points.append((step, loss, self._smooth))
            if is_best:
                self._best.append((step, self._smooth))
            self._batches += 1
            if len(self._points) > MAX_POINTS:
                del self._points[1::2]
                self._every *= 2
        self._draw()

    def set_colors(self, colors: Colors) -> None:
        """Repaint in another theme's colors."""
        self._colors = colors
        if self._plot is not None:
            self._style()

    def _build(self) -> None:
        import pyqtgraph

        self._plot = pyqtgraph.PlotWidget()
        self._plot.setMenuEnabled(False)
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.hideButtons()
        self._plot.setLabel("bottom", "step")
        self._plot.setLabel("left", "loss")
        self._raw = self._plot.plot()
        self._line = self._plot.plot()
        self._dots = pyqtgraph.ScatterPlotItem(size=7)
        self._plot.addItem(self._dots)
        self.layout().addWidget(self._plot)
        self._style()
        self._draw()

    def _style(self) -> None:
        import pyqtgraph

        self._plot.setBackground(self._colors.background)
        for side in ("bottom", "left"):
            axis = self._plot.getAxis(side)
            axis.setPen(self._colors.text)
            axis.setTextPen(self._colors.text)
        self._raw.setPen(pyqtgraph.mkPen(self._colors.primary, width=1))
        self._line.setPen(pyqtgraph.mkPen(self._colors.accent, width=2))
        self._dots.setBrush(pyqtgraph.mkBrush(self._colors.done))
        self._dots.setPen(pyqtgraph.mkPen(None))

    def _draw(self) -> None:
        if self._plot is None:
            return
        steps, loss, smooth = np.array(self._points, float).reshape(-1, 3).T
        self._raw.setData(steps, loss)
        self._line.setData(steps, smooth)
        self._dots.setData(pos=np.array(self._best, float).reshape(-1, 2))
