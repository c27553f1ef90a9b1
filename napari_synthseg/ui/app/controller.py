"""What all panels share: the session that is shown, and the work that runs for it.

The desk keeps no project state of its own. It passes on what the session says, starts jobs and
hands their outcomes back, and clears up when the panel, the viewer or the program closes.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from napari.utils import progress
from platformdirs import user_data_path
from qtpy.QtCore import QObject, Signal

from napari_synthseg.ui.app.job_monitor import JobMonitor
from napari_synthseg.ui.app.notices import report, warn
from napari_synthseg.workflow.jobs import Job, Outcome
from napari_synthseg.workflow.session import Session

Lane = Literal["short", "training", "learning", "regions"]
"""Works of different lanes may run at the same time, two of one lane may not: short ones, training,
learning to make dual images, reading and keeping what is painted."""

UNSEEN: tuple[Lane, ...] = ("regions",)
"""Lanes without a progress bar: their work is over in a moment."""


class SessionController(QObject):
    """The session on the desk, and its running work."""

    session_changed = Signal()
    project_changed = Signal(object, object)
    """A project was edited: (new, old)."""
    library_changed = Signal()
    closing = Signal()
    """The session is about to be closed: what is not in it yet must go there now."""
    work_changed = Signal()
    """Work started, ended, paused or went on."""
    work_progressed = Signal(str, float, str)
    """Lane, share that is done, what it does."""

    def __init__(self) -> None:
        super().__init__()
        self.session: Session | None = None
        self._watches: dict[Lane, JobMonitor] = {}
        self._bars: dict[Lane, Any] = {}

    # --- the session -------------------------------------------------------------------------

    def need_session(self) -> Session:
        """Return the session; start a new one in the scratch folder if there is none."""
        if self.session is None:
            self.show(Session.create(scratch_folder()))
        assert self.session is not None
        return self.session

    def show(self, session: Session | None) -> None:
        """Put another session on the desk; the one before is closed."""
        self.clear()
        self.session = session
        if session is not None:
            session.changed.connect(self._on_changed)
            session.library_changed.connect(self._on_library_changed)
            session.store.failed.connect(_on_write_failed)
        self.session_changed.emit()

    def clear(self) -> None:
        """End all work and close the session; safe to call twice."""
        if self.session is not None:
            self.closing.emit()
        for lane in tuple(self._watches):
            watch = self._watches.pop(lane)
            watch.leave()
            if lane != "regions":  # what was painted is saved; the session waits for it
                watch.job.cancel()
            self._close_bar(lane)
        if self.session is not None:
            session, self.session = self.session, None
            session.changed.disconnect(self._on_changed)
            session.library_changed.disconnect(self._on_library_changed)
            session.close()

    def _on_changed(self, new: object, old: object) -> None:
        self.project_changed.emit(new, old)

    def _on_library_changed(self) -> None:
        self.library_changed.emit()

    # --- work --------------------------------------------------------------------------------

    def job(self, lane: Lane) -> Job | None:
        """Return the job that runs in a lane, or None."""
        watch = self._watches.get(lane)
        return watch.job if watch else None

    def run(
        self,
        job: Job,
        on_done: Callable[[Any], object] | None = None,
        *,
        lane: Lane = "short",
        on_steps: Callable[[list[Any]], object] | None = None,
        on_end: Callable[[Outcome], object] | None = None,
    ) -> None:
        """Run a job in its thread; show its progress, record its outcome, tell of failure.

        `on_done` is called with the value if all went well, `on_end` with the outcome in any
        case, `on_steps` with what was yielded. All on this thread.
        """
        if lane in self._watches:
            warn(f"Still busy: {self._watches[lane].job.name}. Wait for it, or cancel it.")
            return
        watch = self._watches[lane] = JobMonitor(job)
        if lane not in UNSEEN:
            self._bars[lane] = progress(total=100, desc=job.name, file=io.StringIO())
        watch.progressed.connect(lambda steps: self._on_steps(lane, job, steps))
        if on_steps is not None:
            watch.progressed.connect(on_steps)
        watch.finished.connect(lambda outcome: self._on_finished(lane, job, outcome))
        if on_done is not None:
            watch.finished.connect(
                lambda outcome: on_done(outcome.value) if outcome.state == "done" else None
            )
        if on_end is not None:
            watch.finished.connect(on_end)
        watch.start()
        self.work_changed.emit()

    def finish(self, lane: Lane) -> None:
        """Wait here for the work in a lane, and take its outcome; for the moment before a close."""
        if watch := self._watches.get(lane):
            watch.join()

    def cancel(self, lane: Lane) -> None:
        """Ask the work in a lane to end."""
        if watch := self._watches.get(lane):
            watch.job.cancel()
            self.work_changed.emit()

    def pause(self, lane: Lane, paused: bool) -> None:
        """Pause the work in a lane, or let it go on."""
        if watch := self._watches.get(lane):
            (watch.job.pause if paused else watch.job.resume)()
            self.work_changed.emit()

    def _on_steps(self, lane: Lane, job: Job, steps: list[Any]) -> None:
        fraction = float(getattr(steps[-1], "fraction", 0.0))
        message = str(getattr(steps[-1], "message", "")) or job.name
        bar = self._bars.get(lane)
        if bar is not None and (ahead := int(100 * fraction) - bar.n) > 0:
            bar.update(ahead)
        self.work_progressed.emit(lane, fraction, message)

    def _on_finished(self, lane: Lane, job: Job, outcome: Outcome) -> None:
        del self._watches[lane]
        self._close_bar(lane)
        if self.session is not None:
            self.session.record(job)
        if outcome.state == "failed":
            report(outcome, job.name)
        self.work_changed.emit()

    def _close_bar(self, lane: Lane) -> None:
        if bar := self._bars.pop(lane, None):
            bar.close()


def projects_folder() -> Path:
    """Return the folder in which projects lie that the user has not saved elsewhere."""
    return user_data_path("napari-synthseg") / "projects"


def scratch_folder(name: str = "") -> Path:
    """Return a folder for a new project, named by the time."""
    stem = datetime.now().strftime("%Y-%m-%d %H.%M.%S") + (f" {name}" if name else "")
    folder = projects_folder() / f"{stem}.synthseg"
    number = 2
    while folder.exists():
        folder = projects_folder() / f"{stem} ({number}).synthseg"
        number += 1
    return folder


def _on_write_failed(message: str) -> None:
    """Tell that an edit did not reach the disk; napari brings this to the GUI thread."""
    warn(message)
