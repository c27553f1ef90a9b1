"""The runs of a project through undo and redo, and their folders: edited, deleted, brought back."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Generator
from pathlib import Path

from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.storage import runs


class RunRecords:
    """Knows the deleted runs, which undo may bring back until the session is closed.

    Parameters
    ----------
    folder
        The project's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._deleted: dict[str, TrainingRun] = {}
        self._writing = threading.Lock()

    def runs_as_of(self, state: Project, now: Project) -> tuple[TrainingRun, ...]:
        """Return all runs that an earlier or later state does not know to be deleted.

        They have the names and, of the same weights, the least scores that they have there, and are
        those of now for the rest: what was trained and scored is not taken back.
        """
        then = {run.id: run for run in state.runs}
        known = {run.id: run for run in (*self._deleted.values(), *now.runs)}
        there = [
            _with_edits_of(then.get(run.id, run), run)
            for run in sorted(known.values(), key=lambda run: run.created)
            if run.id not in state.deleted_runs
        ]
        unchanged = len(there) == len(now.runs) and all(map(operator.is_, there, now.runs))
        return now.runs if unchanged else tuple(there)

    def follow(
        self, before: Project, now: Project, latest: Callable[[], Project]
    ) -> Generator[Progress, None, None] | None:
        """Take notice of an edit; return the work that brings folders in line with it, if any.

        The work writes what holds in the `latest` project once it runs: of edits that follow each
        other quickly the last one stays.
        """
        gone = set(now.deleted_runs) ^ set(before.deleted_runs)
        self._deleted |= {run.id: run for run in before.runs if run.id in now.deleted_runs}
        known = {run.id: run for run in before.runs}
        changed = {run.id for run in now.runs if known.get(run.id, run) != run}
        if not gone and not changed:
            return None

        def work() -> Generator[Progress, None, None]:
            yield Progress(0.0)
            with self._writing:
                project = latest()
                for run in project.runs:
                    if run.id in changed:
                        runs.save_run(self._folder, run)
                for ident in gone:
                    runs.mark_deleted(self._folder, ident, ident in project.deleted_runs)

        return work()


def _with_edits_of(then: TrainingRun, run: TrainingRun) -> TrainingRun:
    """Return a run with what the user had made of it `then`."""
    least = then.least_score if then.is_trained_as(run) else run.least_score
    if (then.name, least) == (run.name, run.least_score):
        return run
    return run.model_copy(update={"name": then.name, "least_score": least})
