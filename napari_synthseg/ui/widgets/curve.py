"""The live loss curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_synthseg.core.progress import Progress
from napari_synthseg.ui.widgets.style import Colors

SMOOTHING = 0.93
MOST_POINTS = 1500


class LossCurve(QWidget):
    """Loss of each batch, smoothed, and the validation figure on an axis of its own."""

    def __init__(self, colors: Colors) -> None:
        super().__init__()
        self.setFixedHeight(180)  # pyqtgraph would take more than a small screen has
        QVBoxLayout(self).setContentsMargins(0, 0, 0, 0)
        self._colors = colors
        self._steps: list[int] = []
        self._loss: list[float] = []
        self._smooth: list[float] = []
        self._best: list[int] = []
        self._plot: Any = None

    def showEvent(self, event: object) -> None:
        """Build the plot when it is first seen: its library takes a moment to load."""
        if self._plot is None:
            self._build()
        super().showEvent(event)

    def clear(self) -> None:
        """Start an empty curve."""
        for values in (self._steps, self._loss, self._smooth, self._best):
            values.clear()
        self._draw()

    def add(self, news: Sequence[Progress]) -> None:
        """Add the batches among the news and draw once."""
        for metrics in (n.metrics for n in news):
            if math.isfinite(loss := metrics.get("loss", math.nan)):
                before = self._smooth[-1] if self._smooth else loss
                self._steps.append(int(metrics.get("step", len(self._steps) + 1)))
                self._loss.append(loss)
                self._smooth.append(SMOOTHING * before + (1 - SMOOTHING) * loss)
            best = int(metrics.get("best step", 0))
            if best in self._steps[-1:]:
                self._best.append(len(self._steps) - 1)
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
        self._dots.setVisible(False)
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
        every = max(1, len(self._steps) // MOST_POINTS)
        steps = np.array(self._steps[::every], float)
        self._raw.setData(steps, np.array(self._loss[::every], float))
        self._line.setData(steps, np.array(self._smooth[::every], float))
        best = np.array(self._best[-200:], int)
        if best.size:
            self._dots.setData(
                np.array(self._steps, float)[best], np.array(self._smooth, float)[best]
            )
        self._dots.setVisible(bool(best.size))
