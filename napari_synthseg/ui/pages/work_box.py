"""Long learning: start, pause and stop, progress bar, figures, and loss curve."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.progress import Progress
from napari_synthseg.ui.control.controller import Lane, SessionController
from napari_synthseg.ui.presenters.training.curves import CurvePoint
from napari_synthseg.ui.presenters.work_log import WorkLog
from napari_synthseg.ui.widgets.curve import LossCurve
from napari_synthseg.ui.widgets.parts import column_in, push_button, quiet_label, row_of, thin_bar
from napari_synthseg.ui.widgets.style import Colors
from napari_synthseg.workflow.jobs import Job, Outcome
from napari_synthseg.workflow.session import Session

Previews = Mapping[str, Sequence[DualImage]]

BAR_STEPS = 1000

PREVIEW_PERIOD_S = 1.0
"""Least time between live pictures; those in between are thrown away."""

CURVE_PERIOD_S = 0.3
"""Least time between two drawings of the curve."""


class WorkBox(QWidget):
    """Runs the work of one lane, and shows how it goes.

    Parameters
    ----------
    lane
        Of the controller.
    start
        Called by the start button.
    tips
        Tool tips of the start and the stop button.
    stopped
        What is shown after a stop.
    prepare
        Called in the worker's thread with what the work gives so far (name -> dual images); what it
        returns is in `previewed`.
    """

    previewed = Signal(object)
    """What `prepare` returned."""

    progressed = Signal(list)
    """What the work yielded since the last time, oldest first."""

    def __init__(
        self,
        controller: SessionController,
        lane: Lane,
        colors: Colors,
        start: Callable[[], object],
        tips: tuple[str, str],
        stopped: str,
        prepare: Callable[[Previews], object] | None = None,
    ) -> None:
        super().__init__()
        self.controller, self.lane, self._stopped = controller, lane, stopped
        self._prepare = prepare
        self._prepared: object = None
        self._last_preview = 0.0
        self.start_button = push_button("Start", start, tips[0])
        self.pause_button = push_button(
            "Pause", lambda: controller.pause(lane), "Stand still after this batch, or go on"
        )
        self.stop_button = push_button("Stop", lambda: controller.cancel(lane), tips[1])
        self.bar, self.status, self.curve = thin_bar(BAR_STEPS), quiet_label(), LossCurve(colors)
        buttons = row_of(self.start_button, self.pause_button, self.stop_button)
        column_in(self, buttons, self.bar, self.status, self.curve)
        controller.work_changed.connect(self.refresh)
        controller.session_changed.connect(self.clear)
        self.clear()

    @property
    def job(self) -> Job[Any] | None:
        """What runs now, or None."""
        return self.controller.job(self.lane)

    @property
    def is_paused(self) -> bool:
        """Whether the work is paused."""
        return self.job is not None and self.job.state == "paused"

    def run(
        self,
        make_job: Callable[[Session], Job[Any]],
        on_done: Callable[[Any], object] | None = None,
    ) -> None:
        """Run a job that the session makes, or show why it cannot."""
        self.clear()

        def make(session: Session) -> Job[Any]:
            job = make_job(session)
            if self._prepare is not None:
                job.progressed.connect(self._on_step)
            return job

        self.controller.start(
            make, on_done, lane=self.lane, on_progress=self._on_progress, on_end=self._on_end
        )

    def _on_step(self, step: Progress) -> None:
        """Prepare what is shown, in the worker's thread; of too many pictures only some."""
        now = time.monotonic()
        if step.previews and now - self._last_preview >= PREVIEW_PERIOD_S:
            assert self._prepare is not None
            self._last_preview, self._prepared = now, self._prepare(step.previews)

    def refresh(self) -> None:
        """Show the buttons as they are now."""
        running = self.job is not None
        stopping = self.job is not None and self.job.is_stopping
        self.pause_button.setEnabled(running and not stopping)
        self.pause_button.setText("Resume" if self.is_paused else "Pause")
        self.stop_button.setEnabled(running and (self._is_finishing or not stopping))
        words = "End now" if self._is_finishing else "Stopping…"
        self.stop_button.setText(words if stopping else "Stop")
        self.bar.setVisible(running)
        self.curve.setVisible(self._log.stage is not None)

    def clear(self) -> None:
        """Forget the work before."""
        self._log = WorkLog()
        self._waiting: list[CurvePoint] = []
        self._last_preview = self._last_draw = 0.0
        self._prepared = None
        self._is_finishing = False
        self.curve.clear()
        self.status.setText("")
        self.bar.setValue(0)
        self.refresh()

    def _on_progress(self, news: list[Progress]) -> None:
        self.bar.setValue(int(BAR_STEPS * news[-1].fraction))
        batches, is_new = self._log.add(news)
        if is_new:
            self._waiting = []
            self.curve.clear()
            self.curve.show()
        self._waiting += batches
        if time.monotonic() - self._last_draw >= CURVE_PERIOD_S:
            self._draw()
        self.status.setText(self._log.text())
        if news[-1].finishing != self._is_finishing:
            self._is_finishing = news[-1].finishing
            self.refresh()
        prepared, self._prepared = self._prepared, None
        if prepared is not None:
            self.previewed.emit(prepared)
        self.progressed.emit(news)

    def _draw(self) -> None:
        if self._waiting:
            self._last_draw = time.monotonic()
            self.curve.add(self._waiting)
            self._waiting = []

    def _on_end(self, outcome: Outcome[Any]) -> None:
        self._draw()
        why = str(outcome.error) or type(outcome.error).__name__  # notices vanish
        words = {"done": "Done.", "cancelled": self._stopped, "failed": f"Failed: {why}"}
        lines = (words[outcome.state], self._log.figures())
        self.status.setText("\n".join(line for line in lines if line))
        self.refresh()
