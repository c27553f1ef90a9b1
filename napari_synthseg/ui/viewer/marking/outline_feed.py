"""Asks the session for the outlines of the clicks in view, in the background; the last wish wins.

A wish does not wait for the one before: that one is cancelled, and what it found is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.geometry import Region
from napari_synthseg.core.progress import Progress
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.job_monitor import JobMonitor
from napari_synthseg.workflow.jobs import Job, Outcome
from napari_synthseg.workflow.outlining.live_outlines import OutlineProgress, Outlines

POLL_MS = 12
"""How often news of the outlines is looked for: a click's is ready within a few hundredths of a
second."""

QUIET_MS = 900
"""After so long without an edit, what is known of the classes is brought up to date."""


class OutlineFeed(QObject):
    """The outlines of the clicks on the images in view."""

    changed = Signal()
    """Other outlines are known, or why there are none."""

    def __init__(self, controller: SessionController) -> None:
        super().__init__()
        self.outlines = Outlines()
        self.problem = ""
        """Why there are no outlines, a sentence; '' where all is well."""
        self._controller = controller
        self._refs: tuple[ImageRef, ...] = ()
        self._around: Region | None = None
        self._monitor: JobMonitor | None = None
        self._loading: JobMonitor | None = None
        self._quiet = QTimer(self)
        self._quiet.setSingleShot(True)
        self._quiet.setInterval(QUIET_MS)
        self._quiet.timeout.connect(lambda: self._start(thorough=True))
        controller.closing.connect(self.stop)

    @property
    def is_idle(self) -> bool:
        """Whether all that was asked for is there, and nothing follows."""
        return self._monitor is None and not self._quiet.isActive()

    def prepare(self, refs: Sequence[ImageRef]) -> None:
        """Load what the first outline needs, before it is asked for."""
        session = self._controller.session
        if session is not None and self._loading is None:
            self._loading = self._follow(session.prepare_outlines(refs), self._on_loaded)

    def ask(self, refs: Sequence[ImageRef], around: Region | None = None) -> None:
        """Ask for the outlines of the clicks on images as they are now, nearest to what is seen."""
        self._refs, self._around = tuple(refs), around
        self._start(thorough=False)

    def stop(self) -> None:
        """Ask for nothing any more, and forget what was found."""
        self._quiet.stop()
        self._leave()
        if self._loading is not None:
            self._loading.leave()
            self._loading = None
        self._refs, self.outlines, self.problem = (), Outlines(), ""

    def _leave(self) -> None:
        if self._monitor is not None:
            self._monitor.leave()
            self._monitor = None

    def _start(self, *, thorough: bool) -> None:
        session = self._controller.session
        self._leave()
        if session is None or not self._refs:
            return
        if not thorough:
            self._quiet.start()
        job = session.outline_clicks(self._refs, self._around, thorough=thorough)
        self._monitor = self._follow(job, self._on_finished)
        self._monitor.progressed.connect(self._on_progress)

    def _follow(self, job: Job[Any], on_finished: Any) -> JobMonitor:
        monitor = JobMonitor(job, with_bar=False, interval_ms=POLL_MS)
        monitor.finished.connect(on_finished)
        monitor.start()
        return monitor

    def _on_progress(self, steps: list[Progress]) -> None:
        made = [step.outlines for step in steps if isinstance(step, OutlineProgress)]
        if made:
            self._take(made[-1], "")

    def _on_finished(self, outcome: Outcome[Outlines]) -> None:
        self._monitor = None
        if outcome.state == "failed":
            self._quiet.stop()
            self._take(Outlines(), str(outcome.error))
        elif outcome.value is not None:
            self._take(outcome.value, "")

    def _on_loaded(self, _: object) -> None:
        self._loading = None  # where it failed, the first wish fails alike, and says so

    def _take(self, outlines: Outlines, problem: str) -> None:
        before, known = self.outlines, self.problem
        same = len(before.shown) == len(outlines.shown) and all(
            one is other for one, other in zip(before.shown, outlines.shown, strict=True)
        )
        self.outlines, self.problem = outlines, problem
        if not same or before.left_out != outlines.left_out or known != problem:
            self.changed.emit()
