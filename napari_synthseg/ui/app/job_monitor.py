"""Brings the news of a job from its worker thread to the GUI thread.

A timer in the GUI thread looks ten to twenty times a second at what the worker left in a queue.
So nothing is emitted across threads, however fast the job steps, and no late signal can meet a
deleted widget.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_synthseg.workflow.jobs import Job, Outcome

INTERVAL_MS = 80


class JobMonitor(QObject):
    """Starts a job and follows it to its end."""

    progressed = Signal(list)
    """What the job yielded since the last time, oldest first."""

    finished = Signal(object)
    """The outcome; emitted once, after the last `progressed`."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job
        self._news: deque[Any] = deque(maxlen=10_000)
        news = self._news
        job.progressed.connect(lambda step: news.append(step))
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self._on_tick)

    def start(self) -> None:
        """Start the job in its thread."""
        self._timer.start()
        self.job.start()

    def join(self) -> None:
        """Wait here for the end, and tell of it."""
        self.job.join()
        self._on_tick()

    def leave(self) -> None:
        """Stop following, without a word about the end."""
        self._timer.stop()

    def _on_tick(self) -> None:
        outcome: Outcome | None = self.job.outcome  # before the queue: the last step must be in it
        steps = [self._news.popleft() for _ in range(len(self._news))]
        if steps:
            self.progressed.emit(steps)
        if outcome is not None:
            self._timer.stop()
            self.finished.emit(outcome)
