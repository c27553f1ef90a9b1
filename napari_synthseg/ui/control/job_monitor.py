"""Brings the progress of a job from its worker thread to the GUI thread.

A timer in the GUI thread looks about ten times a second at what the worker left in a queue. So
nothing is emitted across threads, however fast the job steps, and no late signal can meet a
deleted widget.
"""

from __future__ import annotations

import io
import sys
import time
from collections import deque
from typing import Any, ClassVar

from napari.utils import progress
from qtpy.QtCore import QObject, QTimer, Signal

from napari_synthseg.core.progress import Progress
from napari_synthseg.workflow.jobs import Job, Outcome
from napari_synthseg.workflow.session import Session

INTERVAL_MS = 80

BAR_AFTER_S = 0.5
"""How long a job runs before it has a bar: napari takes the GUI thread to make one, longer than
most jobs last."""

DEFAULT_INTERVAL_S = sys.getswitchinterval()

SWITCH_INTERVAL_S = 0.0005
"""How long a worker may keep Python to itself while the GUI thread wants it. Drawing the canvas
gives it away and takes it back many times a frame, so Python's own 5 ms add up."""


class JobMonitor(QObject):
    """Follows a job to its end; napari's activity dock shows a bar of a long one.

    It looks for news every `interval_ms`. napari's bar lets the window live while it is made and
    while it moves.
    """

    progressed = Signal(list)
    """What the job yielded since the last time, oldest first."""

    finished = Signal(object)
    """The outcome; emitted once, after the last `progressed`."""

    _active: ClassVar[set[JobMonitor]] = set()

    def __init__(self, job: Job[Any], *, with_bar: bool, interval_ms: int) -> None:
        super().__init__()
        self.job = job
        news: deque[Progress] = deque(maxlen=10_000)
        self._news = news
        job.progressed.connect(lambda step: news.append(step))
        self._with_bar = with_bar
        self._bar: Any = None
        self._started = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(interval_ms)
        self._timer.timeout.connect(self._on_tick)

    def start(self) -> None:
        """Start the job."""
        self._active.add(self)
        _share_python(True)
        self._started = time.monotonic()
        self._timer.start()
        self.job.start()

    def leave(self, cancel: bool = True) -> None:
        """Stop following the job, and cancel it; a project that it still opens is closed again."""
        self._stop()
        self.job.finished.connect(close_opened)
        if cancel:
            self.job.cancel(quickly=True)
        if self.job.outcome is not None:
            close_opened(self.job.outcome)

    def _on_tick(self) -> None:
        outcome = self.job.outcome  # before the queue: the last step must be in it
        if self._with_bar and outcome is None and time.monotonic() - self._started > BAR_AFTER_S:
            self._with_bar = False
            self._bar = progress(total=100, desc=self.job.name, file=io.StringIO())
            if self not in self._active:  # it was left, as the window lives while a bar is made
                self._bar.close()
                return
        if steps := [self._news.popleft() for _ in range(len(self._news))]:
            self.progressed.emit(steps)
            ahead = int(100 * steps[-1].fraction)
            if self._bar is not None and ahead > self._bar.n:
                self._bar.update(ahead - self._bar.n)
        # it may have been left while the bar moved
        if outcome is not None and self in self._active:
            self._stop()
            self.finished.emit(outcome)

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._timer.stop()
        self._active.discard(self)
        _share_python(bool(self._active))


def _share_python(busy: bool) -> None:
    """Let threads take turns more often while work runs."""
    sys.setswitchinterval(SWITCH_INTERVAL_S if busy else DEFAULT_INTERVAL_S)


def close_opened(outcome: Outcome[Any]) -> None:
    """Close a session that nobody will show; safe to call twice."""
    if isinstance(outcome.value, Session):
        outcome.value.close()
