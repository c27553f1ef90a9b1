"""What all pages share: the session that is shown, and the work that runs for it.

The controller keeps no project state of its own. It passes on what the session says, starts jobs
and hands their outcomes back, and clears up when the panel, the viewer or the program closes.
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

from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.ui.control.job_monitor import JobMonitor
from napari_synthseg.ui.control.notices import report, show_input_errors, warn
from napari_synthseg.workflow.jobs import Job, Outcome
from napari_synthseg.workflow.session import Session

Lane = Literal["short", "training", "learning", "regions"]
"""Works of different lanes may run at the same time, two of one lane may not: short ones, training,
learning to make dual images, reading and saving what is painted."""

WITHOUT_BAR: tuple[Lane, ...] = ("regions",)
"""Lanes without a progress bar: their work is over in a moment."""


class SessionController(QObject):
    """The session that is shown, and its running work."""

    session_changed = Signal()
    project_changed = Signal(object, object)
    """A project was edited: (new, old)."""
    library_changed = Signal()
    closing = Signal()
    """The session is about to be closed: what is not in it yet must go there now."""
    work_changed = Signal()
    """Work started, ended, was paused or resumed."""
    work_progressed = Signal(str, float, str)
    """Lane, share that is done, what it does."""

    def __init__(self) -> None:
        super().__init__()
        self.session: Session | None = None
        self._monitors: dict[Lane, JobMonitor] = {}
        self._bars: dict[Lane, Any] = {}

    # --- the session -------------------------------------------------------------------------

    @property
    def project(self) -> Project:
        """The project that is shown; an empty one where there is none."""
        return self.session.project if self.session is not None else Project()

    def edit(self, new: Project, what: str) -> bool:
        """Replace the project, or show why that is refused; return whether it was done."""
        session = self.session
        return session is not None and show_input_errors(lambda: session.edit(new, what))

    def show(self, session: Session | None) -> None:
        """Show another session; the one before is closed."""
        self.clear()
        self.session = session
        if session is not None:
            session.changed.connect(self._on_changed)
            session.library_changed.connect(self._on_library_changed)
            session.store.failed.connect(warn)  # napari brings the warning to the GUI thread
        self.session_changed.emit()

    def clear(self) -> None:
        """Cancel all work and close the session, without waiting; safe to call twice."""
        if self.session is not None:
            self.closing.emit()
        for lane in tuple(self._monitors):
            # what was painted is saved: the session waits for it
            self._monitors.pop(lane).leave(cancel=lane != "regions")
            self._close_bar(lane)
        if self.session is not None:
            session, self.session = self.session, None
            session.changed.disconnect(self._on_changed)
            session.library_changed.disconnect(self._on_library_changed)
            session.close()

    def _on_changed(self, new: Project, old: Project) -> None:
        self.project_changed.emit(new, old)

    def _on_library_changed(self) -> None:
        self.library_changed.emit()

    # --- work --------------------------------------------------------------------------------

    def job(self, lane: Lane) -> Job[Any] | None:
        """Return the job that runs in a lane, or None."""
        monitor = self._monitors.get(lane)
        return monitor.job if monitor else None

    def start(
        self,
        make_job: Callable[[Session], Job[Any]],
        on_done: Callable[[Any], object] | None = None,
        **options: Any,
    ) -> None:
        """Run a job that the session makes, or show why it cannot; `options` are those of `run`.

        Where the lane is busy no job is made, because making one may change the project.
        """
        session = self.session
        if session is not None and self._is_free(options.get("lane", "short")):
            show_input_errors(lambda: self.run(make_job(session), on_done, **options))

    def run(
        self,
        job: Job[Any],
        on_done: Callable[[Any], object] | None = None,
        *,
        lane: Lane = "short",
        on_progress: Callable[[list[Progress]], object] | None = None,
        on_end: Callable[[Outcome[Any]], object] | None = None,
    ) -> None:
        """Run a job in its thread; show its progress, record its outcome, report its failure.

        `on_done` is called with the value if all went well, `on_end` with the outcome in any
        case, `on_progress` with what was yielded since the last call. All on this thread.
        """
        if not self._is_free(lane):
            return
        monitor = self._monitors[lane] = JobMonitor(job)
        if lane not in WITHOUT_BAR:
            self._bars[lane] = progress(total=100, desc=job.name, file=io.StringIO())
        monitor.progressed.connect(lambda steps: self._on_progress(lane, job, steps))
        if on_progress is not None:
            monitor.progressed.connect(on_progress)
        monitor.finished.connect(lambda outcome: self._on_finished(lane, job, outcome))
        if on_done is not None:
            monitor.finished.connect(
                lambda outcome: on_done(outcome.value) if outcome.state == "done" else None
            )
        if on_end is not None:
            monitor.finished.connect(on_end)
        monitor.start()
        self.work_changed.emit()

    def _is_free(self, lane: Lane) -> bool:
        """Tell whether nothing runs in a lane; say so where something does."""
        if busy := self.job(lane):
            warn(f"Still busy: {busy.name}. Wait for it, or cancel it.")
        return busy is None

    def cancel(self, lane: Lane) -> None:
        """Ask the work in a lane to end."""
        if job := self.job(lane):
            job.cancel()
            self.work_changed.emit()

    def pause(self, lane: Lane) -> None:
        """Pause the work in a lane, or resume it where it is paused."""
        if job := self.job(lane):
            (job.resume if job.state == "paused" else job.pause)()
            self.work_changed.emit()

    def _on_progress(self, lane: Lane, job: Job[Any], steps: list[Progress]) -> None:
        last = steps[-1]
        bar = self._bars.get(lane)
        if bar is not None and (ahead := int(100 * last.fraction) - bar.n) > 0:
            bar.update(ahead)
        self.work_progressed.emit(lane, last.fraction, last.message or job.name)

    def _on_finished(self, lane: Lane, job: Job[Any], outcome: Outcome[Any]) -> None:
        del self._monitors[lane]
        self._close_bar(lane)
        session = self.session
        if session is not None:
            show_input_errors(lambda: session.record(job))
        if outcome.state == "failed":
            report(outcome, job.name)
        self.work_changed.emit()

    def _close_bar(self, lane: Lane) -> None:
        if bar := self._bars.pop(lane, None):
            bar.close()


def projects_folder() -> Path:
    """Return the folder of projects that the user has not saved elsewhere."""
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
