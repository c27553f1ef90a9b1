"""The live loss curves."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_synthseg.ui.presenters.training.curves import HELD, TRAINING, CurvePoint
from napari_synthseg.ui.widgets.style import Colors

if TYPE_CHECKING:
    from pyqtgraph import AxisItem

SMOOTHING = 0.93

MAX_POINTS = 1500
"""Points that are drawn: of longer curves each second one is dropped, again and again."""

MAX_BEST = 200

LOOK_MS = 50
"""Time between two looks whether the library of the plot is loaded."""

HELD_COLOR = "#e08a00"
"""Of what is held out; also told from blue by those who do not see red and green apart."""

DASHED = "real"
"""Curves of real images are dashed; their names end so."""


@dataclass(eq=False)
class Series:
    """One curve: its points (step, loss, smoothed loss), fewer the longer it is."""

    is_smoothed: bool
    points: list[tuple[float, float, float]] = field(default_factory=list)
    last: float | None = None
    _every: int = 1
    _count: int = 0

    def add(self, step: int, loss: float) -> None:
        """Add a point."""
        before = loss if self.last is None else self.last
        self.last = SMOOTHING * before + (1 - SMOOTHING) * loss if self.is_smoothed else loss
        if self._count % self._every == 0:
            self.points.append((step, loss, self.last))
        self._count += 1
        if len(self.points) > MAX_POINTS:
            del self.points[1::2]
            self._every *= 2


def _step_axis() -> AxisItem:
    """Return the axis of the steps, without a tick between two whole numbers."""
    from pyqtgraph import AxisItem

    class StepAxis(AxisItem):
        """Here, as its base is loaded late."""

        def tickSpacing(
            self, minVal: float, maxVal: float, size: float
        ) -> list[tuple[float, float]]:
            """Return pairs of the distance between ticks and their offset, the largest first."""
            found = super().tickSpacing(minVal, maxVal, size)
            return [pair for pair in found if pair[0] >= 1] or [(1, 0)]

    return StepAxis("bottom")


def _load() -> None:
    import pyqtgraph  # noqa: F401 - a quarter of a second, in which the window would stand still


class LossCurve(QWidget):
    """Smoothed loss of the batches, that of held-out crops, and dots where weights were best."""

    _loading: ClassVar[threading.Thread | None] = None

    def __init__(self, colors: Colors) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self.setFixedHeight(190)  # pyqtgraph would take more than a small screen has
        self.legend = QLabel()
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setToolTip(
            "Loss: how far off the model is, the lower the better. Held out: crops that nothing is "
            "learned from. Where it rises while the other falls, more of the same teaches nothing."
        )
        layout.addWidget(self.legend, alignment=Qt.AlignmentFlag.AlignTop)
        self._colors = colors
        self._plot: Any = None
        self._waiting = QTimer(self)
        self._waiting.setSingleShot(True)
        self._waiting.timeout.connect(self._build_when_loaded)
        self._lines: dict[str, Any] = {}
        self.clear()

    @property
    def points(self) -> Sequence[tuple[float, float, float]]:
        """What is drawn of the first curve: (step, loss, smoothed loss)."""
        return next(iter(self.series.values())).points if self.series else ()

    def prepare(self) -> None:
        """Load the library of the plot in a thread, where it is not yet; return at once."""
        cls = type(self)
        if cls._loading is None:
            cls._loading = threading.Thread(target=_load, name="loading pyqtgraph", daemon=True)
            cls._loading.start()

    def showEvent(self, event: object) -> None:
        """Build the plot when it is first seen, as soon as its library is loaded."""
        self.prepare()
        self._waiting.start(0)
        super().showEvent(event)

    def _build_when_loaded(self) -> None:
        if self._plot is not None or not self.isVisible() or self._loading is None:
            return
        if self._loading.is_alive():
            self._waiting.start(LOOK_MS)
        else:
            self._build()

    def clear(self) -> None:
        """Start without a curve."""
        self.series: dict[str, Series] = {}
        self._best: deque[tuple[float, float]] = deque(maxlen=MAX_BEST)
        self.legend.setText("")
        if self._plot is not None:
            for line in self._lines.values():
                self._plot.removeItem(line)
            self._raw.setData([], [])
        self._lines.clear()
        self._draw()

    def add(self, points: Iterable[CurvePoint]) -> None:
        """Add points to their curves; draw once."""
        for step, loss, is_best, name in points:
            if name not in self.series:
                self.series[name] = Series(is_smoothed=not name.startswith(HELD))
                self._tell_apart()
            series = self.series[name]
            series.add(step, loss)
            if is_best and series.last is not None:
                self._best.append((step, series.last))
        self._draw()

    def set_colors(self, colors: Colors) -> None:
        """Repaint in another theme's colors."""
        self._colors = colors
        self._tell_apart()
        if self._plot is not None:
            self._style()

    # --- drawing -------------------------------------------------------------------------------

    def _color(self, name: str) -> str:
        return HELD_COLOR if name.startswith(HELD) else self._colors.accent

    def _tell_apart(self) -> None:
        """Name the curves in their colors."""
        self.legend.setText(
            "&nbsp;&nbsp;".join(
                f'<span style="color: {self._color(name)}">'
                f"<b>{'╌╌' if name.endswith(DASHED) else '━━'}</b></span> {name}"
                for name in self.series
            )
        )

    def _build(self) -> None:
        import pyqtgraph

        self._plot = pyqtgraph.PlotWidget(axisItems={"bottom": _step_axis()})
        self._plot.setMenuEnabled(False)
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.hideButtons()
        self._plot.setLabel("bottom", "step")
        self._plot.setLabel("left", "loss")
        for side in ("bottom", "left"):
            self._plot.getAxis(side).enableAutoSIPrefix(False)  # else 0.5 is "500, x0.001"
        self._raw = self._plot.plot()
        self._dots = pyqtgraph.ScatterPlotItem(size=7)
        self._dots.setZValue(1)
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
        for name, line in self._lines.items():
            line.setPen(self._pen(name))
        self._dots.setBrush(pyqtgraph.mkBrush(self._colors.done))
        self._dots.setPen(pyqtgraph.mkPen(None))

    def _pen(self, name: str) -> Any:
        import pyqtgraph

        style = Qt.PenStyle.DashLine if name.endswith(DASHED) else Qt.PenStyle.SolidLine
        return pyqtgraph.mkPen(self._color(name), width=2, style=style)

    def _draw(self) -> None:
        if self._plot is None:
            return
        for name, series in self.series.items():
            if name not in self._lines:
                self._lines[name] = self._plot.plot(
                    pen=self._pen(name),
                    symbol="o" if name.startswith(HELD) else None,
                    symbolSize=5, symbolPen=None, symbolBrush=self._color(name),
                )  # fmt: skip
            steps, loss, smooth = np.array(series.points, float).reshape(-1, 3).T
            if name == TRAINING:
                self._raw.setData(steps, loss)
            self._lines[name].setData(steps, smooth)
        self._dots.setData(pos=np.array(self._best, float).reshape(-1, 2))
