"""What all pages share: the session that is shown, and the work that runs for it.

The controller keeps no project state of its own. It passes on what the session says, starts jobs
and hands their outcomes back, and clears up when the panel, the viewer or the program closes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, TypeVar

from qtpy.QtCore import QObject, Signal

from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.ui.control.edit_lock import EditLock
from napari_synthseg.ui.control.job_monitor import INTERVAL_MS, JobMonitor, close_opened
from napari_synthseg.ui.control.notices import report, show_input_errors, tell, warn
from napari_synthseg.ui.control.recent_projects import note_project
from napari_synthseg.workflow.jobs import Job, Outcome
from napari_synthseg.workflow.session import Session

T = TypeVar("T")

Lane = Literal[
    "short", "reading", "training", "learning", "regions", "display", "pictures", "judging",
    "measuring", "applying", "preparing", "outlining", "mending", "devices",
]  # fmt: skip
"""Works of different lanes may run at the same time, two of one lane may not: short ones, reading
an image to show it, training, learning to make dual images, reading and saving what is painted,
making what is to be shown, looking at images for their list, comparing what was found with the
truth, measuring it, applying and exporting, getting ready to outline, outlining, mending an
outline, and finding devices."""

QUIET: tuple[Lane, ...] = ("preparing", "outlining", "mending", "devices")
"""Lanes of work that pages need not know of: it follows from a click or a key, many times."""

WITHOUT_BAR: tuple[Lane, ...] = ("regions", "display", "pictures", "judging", *QUIET)
"""Lanes without a progress bar: their work is over in a moment."""

READ_ONLY = "Nothing can be changed here."

QUIET_INTERVAL_MS = 12
"""How often news is looked for in quiet lanes: a click's outline is ready within a few hundredths
of a second."""


class SessionController(QObject):
    """The session that is shown, and its running work.

    Attributes
    ----------
    edit_lock
        Disables the controls that edit where the project is open for reading only.
    before_undo
        Is given what undoes an edit, or does one again; calls that once all that the user did is in
        the session, as what is not would be lost, and something older would be taken back.
    """

    session_changed = Signal()
    """Another session is shown, or none; followed by `session_settled`."""
    session_settled = Signal()
    """All who follow the session know of the one that is shown now."""
    project_changed = Signal(object, object)
    """A project was edited: (new, old)."""
    library_changed = Signal()
    closing = Signal()
    """The session is about to be closed: what is not in it yet must go there now."""
    work_changed = Signal(str)
    """In this lane, which is no quiet one, work started, was paused or resumed, or ended and its
    outcome was handed on."""
    work_ended = Signal(str, object)
    """Lane and outcome of work, once that was handed on; not of quiet lanes."""
    work_progressed = Signal(str, float, str)
    """Lane, share that is done, what it does; not of quiet lanes."""

    def __init__(self) -> None:
        super().__init__()
        self.session: Session | None = None
        self.edit_lock = EditLock()
        self.before_undo: Callable[[Callable[[], object]], object] = _call
        self._monitors: dict[Lane, JobMonitor] = {}
        self._to_show: dict[Lane, deque[tuple[Job[Any], Callable[[Any], object]]]] = {}

    # --- the session -------------------------------------------------------------------------

    @property
    def project(self) -> Project:
        """The project that is shown; an empty one where there is none."""
        return self.session.project if self.session is not None else Project()

    def edit(self, new: Project, what: str) -> bool:
        """Replace the project, or show why that is refused; return whether it was done."""
        session = self.session
        return session is not None and show_input_errors(lambda: session.edit(new, what))

    def undo(self) -> None:
        """Take back the last edit, soon if it is not saved yet."""
        self.before_undo(lambda: self._act_on_session(Session.undo))

    def redo(self) -> None:
        """Do again what was taken back last, unless something else was done since."""
        self.before_undo(lambda: self._act_on_session(Session.redo))

    def _act_on_session(self, act: Callable[[Session], object]) -> None:
        if (session := self.session) is not None:
            show_input_errors(lambda: act(session))

    def show(self, session: Session | None) -> None:
        """Show another session; the one before is closed, and its work ends."""
        long: tuple[Lane, ...] = ("training", "learning")
        for job in filter(None, map(self.job, long)):
            tell(f"Stopped: {job.name}. Open its project again to go on from what was saved last.")
        busy = [lane for lane in self._monitors if lane not in QUIET]
        self.clear()
        self.session = session
        if session is not None:
            note_project(session.folder)
            session.changed.connect(self._on_changed)
            session.library_changed.connect(self._on_library_changed)
            session.store.failed.connect(warn)  # napari brings the warning to the GUI thread
        why = f"{READ_ONLY} {session.store.notice}" if session and session.read_only else ""
        self.edit_lock.set(why)  # first, as pages then show what they may
        self.session_changed.emit()
        self.session_settled.emit()
        for lane in busy:
            self.work_changed.emit(lane)

    def clear(self) -> None:
        """Cancel all work and close the session, without waiting; safe to call twice."""
        session = self.session
        if session is not None:
            self.closing.emit()
        self._to_show.clear()
        while self._monitors:
            lane, monitor = self._monitors.popitem()
            monitor.leave(cancel=lane != "regions")  # what was painted is saved
        if session is not None:
            self.session = None
            session.changed.disconnect(self._on_changed)
            session.library_changed.disconnect(self._on_library_changed)
            session.close()

    def _on_changed(self, new: Project, old: Project) -> None:
        self.project_changed.emit(new, old)

    def _on_library_changed(self) -> None:
        self.library_changed.emit()

    # --- work --------------------------------------------------------------------------------

    @property
    def is_idle(self) -> bool:
        """Whether no work runs."""
        return not self._monitors

    def job(self, lane: Lane) -> Job[Any] | None:
        """Return the job that runs in a lane, or None."""
        monitor = self._monitors.get(lane)
        return monitor.job if monitor else None

    def start(
        self,
        make_job: Callable[[Session], Job[Any]],
        on_done: Callable[[Any], object] | None = None,
        **options: Any,
    ) -> bool:
        """Run a job that the session makes, or show why it cannot; return whether it runs.

        `options` are those of `run`. Where the lane is busy no job is made, because making one may
        change the project.
        """
        session = self.session
        if session is None or not self._is_free(options.get("lane", "short")):
            return False
        return show_input_errors(lambda: self.run(make_job(session), on_done, **options))

    def run(
        self,
        job: Job[Any],
        on_done: Callable[[Any], object] | None = None,
        *,
        lane: Lane = "short",
        on_progress: Callable[[list[Progress]], object] | None = None,
        on_failure: Callable[[Outcome[Any]], object] | None = None,
        on_end: Callable[[Outcome[Any]], object] | None = None,
    ) -> None:
        """Run a job in its thread; show its progress, record its outcome, report its failure.

        `on_done` is called with the value if all went well, `on_failure` with the outcome in place
        of a report, `on_end` with the outcome in any case, `on_progress` with what was yielded
        since the last call. All on this thread.
        """
        if not self._is_free(lane):
            return
        quiet = lane in QUIET

        def progressed(steps: list[Progress]) -> None:
            if not quiet:
                self.work_progressed.emit(lane, steps[-1].fraction, steps[-1].message or job.name)
            if on_progress is not None:
                on_progress(steps)

        def finished(outcome: Outcome[Any]) -> None:
            del self._monitors[lane]
            if (session := self.session) is not None:
                show_input_errors(lambda: session.record(job))
            if outcome.state == "failed":
                on_failure(outcome) if on_failure is not None else report(outcome, job.name)
            elif outcome.state == "cancelled":
                close_opened(outcome)
            elif on_done is not None:
                on_done(outcome.value)

        monitor = self._monitors[lane] = JobMonitor(
            job,
            with_bar=lane not in WITHOUT_BAR,
            interval_ms=QUIET_INTERVAL_MS if quiet else INTERVAL_MS,
        )
        monitor.progressed.connect(progressed)
        monitor.finished.connect(finished)
        if on_end is not None:
            monitor.finished.connect(on_end)
        if not quiet:
            monitor.finished.connect(lambda _: self.work_changed.emit(lane))
            monitor.finished.connect(lambda outcome: self.work_ended.emit(lane, outcome))
            self.work_changed.emit(lane)
        monitor.start()

    def compute(
        self,
        what: str,
        make: Callable[[], T],
        show: Callable[[T], object],
        lane: Lane = "display",
    ) -> None:
        """Work out in the background what is to be shown, one after another; then show it."""
        self._to_show.setdefault(lane, deque()).append((Job.of(what, make), show))
        self._show_next(lane)

    def _show_next(self, lane: Lane, _: object = None) -> None:
        waiting = self._to_show.get(lane)
        if waiting and self.job(lane) is None:
            job, show = waiting.popleft()
            self.run(job, show, lane=lane, on_end=partial(self._show_next, lane))

    def _is_free(self, lane: Lane) -> bool:
        """Tell whether nothing runs in a lane; say so where something does."""
        if busy := self.job(lane):
            warn(f"Still busy: {busy.name}. Wait for it, or cancel it.")
        return busy is None

    def leave(self, lane: Lane) -> None:
        """Cancel the work in a quiet lane and hear no more of it; the lane is free at once."""
        if (monitor := self._monitors.pop(lane, None)) is not None:
            monitor.leave()

    def cancel(self, lane: Lane) -> None:
        """Ask the work in a lane to end; asked again, without finishing touches."""
        if job := self.job(lane):
            job.cancel(quickly=job.is_stopping)
            self.work_changed.emit(lane)

    def pause(self, lane: Lane) -> None:
        """Pause the work in a lane, or resume it where it is paused."""
        if job := self.job(lane):
            (job.resume if job.state == "paused" else job.pause)()
            self.work_changed.emit(lane)


def _call(then: Callable[[], object]) -> None:
    then()
