"""The runs of a project through undo and redo, and their folders: named, deleted, brought back."""

from __future__ import annotations

import operator
from collections.abc import Generator
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

    def runs_as_of(self, state: Project, now: Project) -> tuple[TrainingRun, ...]:
        """Return all runs that an earlier or later state does not know to be deleted.

        They have the names that they have there, and are those of now for the rest: what was
        trained and scored is not taken back.
        """
        names = {run.id: run.name for run in state.runs}
        known = {run.id: run for run in (*self._deleted.values(), *now.runs)}
        there = [
            run if names.get(run.id, run.name) == run.name
            else run.model_copy(update={"name": names[run.id]})
            for run in sorted(known.values(), key=lambda run: run.created)
            if run.id not in state.deleted_runs
        ]  # fmt: skip
        unchanged = len(there) == len(now.runs) and all(map(operator.is_, there, now.runs))
        return now.runs if unchanged else tuple(there)

    def follow(self, before: Project, now: Project) -> Generator[Progress, None, None] | None:
        """Take notice of an edit; return the work that brings folders in line with it, if any."""
        gone = set(now.deleted_runs) ^ set(before.deleted_runs)
        self._deleted |= {run.id: run for run in before.runs if run.id in now.deleted_runs}
        names = {run.id: run.name for run in before.runs}
        renamed = [run for run in now.runs if names.get(run.id, run.name) != run.name]
        if not gone and not renamed:
            return None

        def work() -> Generator[Progress, None, None]:
            yield Progress(0.0)
            for run in renamed:
                runs.save_run(self._folder, run)
            for ident in gone:
                runs.mark_deleted(self._folder, ident, ident in now.deleted_runs)

        return work()
