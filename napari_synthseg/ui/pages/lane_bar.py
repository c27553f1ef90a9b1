"""How far the work of a lane is, and a button that ends it."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QWidget

from napari_synthseg.ui.control.controller import Lane, SessionController
from napari_synthseg.ui.widgets.parts import (
    ElidedLabel,
    WrappedLabel,
    column_in,
    push_button,
    row_of,
    thin_bar,
)
from napari_synthseg.workflow.jobs import Job

BAR_STEPS = 1000

LINE_BAR_PX = 70
"""Width of the bar beside what the work does."""


class LaneBar(QWidget):
    """Shown while work of one lane runs.

    Parameters
    ----------
    end, tip
        What the button says, and its tool tip.
    is_line
        Whether all stands in one line, words that are too long being cut.
    tells_steps
        Whether it says what the work does now, and not only what it is.
    """

    def __init__(
        self,
        controller: SessionController,
        lane: Lane,
        end: str = "Cancel",
        tip: str = "End this; what was written stays",
        *,
        is_line: bool = False,
        tells_steps: bool = True,
    ) -> None:
        super().__init__()
        self._controller, self._lane, self._tells_steps = controller, lane, tells_steps
        self._is_wanted = True
        self._job: Job[Any] | None = None
        self._news = ""
        self.words: ElidedLabel | WrappedLabel = ElidedLabel() if is_line else WrappedLabel()
        self.bar = thin_bar(BAR_STEPS)
        self.cancel_button = push_button(end, lambda: controller.cancel(lane), tip)
        if is_line:
            self.bar.setFixedWidth(LINE_BAR_PX)
            line = row_of(self.words, self.bar, self.cancel_button, stretch=self.words)
            column_in(self, line)
        else:
            row = row_of(self.bar, self.cancel_button, stretch=self.bar)
            column_in(self, self.words, row)
        controller.work_changed.connect(self._on_work_changed)
        controller.work_progressed.connect(self._on_progressed)
        self.refresh()

    def want(self, wanted: bool) -> None:
        """Show the work from now on, or not."""
        self._is_wanted = wanted
        self.refresh()

    def refresh(self) -> None:
        """Show whether work runs, and what it does."""
        job = self._controller.job(self._lane)
        self.setVisible(job is not None and self._is_wanted)
        if job is not self._job:
            self._job, self._news = job, ""
            self.bar.setValue(0)
        if job is None:
            return
        words = (self._news if self._tells_steps else "") or f"{job.name}…"
        if job.state == "paused":
            words = f"Paused: {job.name}"
        if job.is_stopping:
            words = f"Stopping: {job.name}…"
        self.words.say(words[:1].upper() + words[1:])
        self.cancel_button.setEnabled(not job.is_stopping)

    def _on_work_changed(self, lane: str) -> None:
        if lane == self._lane:
            self.refresh()

    def _on_progressed(self, lane: str, fraction: float, message: str) -> None:
        if lane == self._lane:
            self._news = message
            self.bar.setValue(int(BAR_STEPS * fraction))
            self.refresh()
