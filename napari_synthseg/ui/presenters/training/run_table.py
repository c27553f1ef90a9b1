"""Training runs side by side."""

from __future__ import annotations

from datetime import datetime

from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.specs import PRETRAINED, SCRATCH
from napari_synthseg.tasks.registry import describe_task
from napari_synthseg.ui.presenters.runs import run_state
from napari_synthseg.ui.presenters.scores import headline, latest_scores
from napari_synthseg.ui.presenters.tables import Cell, Table, heading

COLUMNS = {
    "state": "how it ended",
    "when": "when it was started",
    "task": "what the model does",
    "learned from": "dual images, real images, or both",
    "began with": "the weights that it began with",
    "steps": "batches that it learned from",
    "time": "time that it took, pauses not counted",
    "device": "what it was computed on",
    "score": "the task's first figure on images with a truth; under the mouse all of them",
}
"""Column -> what it means."""

SOURCES = {"synthetic": "dual images", "real": "real images", "mixed": "both"}

BEGINNINGS = {PRETRAINED: "pretrained", SCRATCH: "nothing"}


def run_table(project: Project, running: str = "") -> Table | None:
    """Return a row for each run, the newest first; None where there is none.

    `running` is the id of the run that is being trained now.
    """
    runs = newest_first(project)
    if not runs:
        return None
    rows = [heading(run.name) for run in runs]
    columns = [heading(name, meaning) for name, meaning in COLUMNS.items()]
    return Table(rows, columns, [_cells(run, project, running) for run in runs])


def newest_first(project: Project) -> tuple[TrainingRun, ...]:
    """Return the runs in the order of the table."""
    return tuple(reversed(project.runs))


def _cells(run: TrainingRun, project: Project, running: str) -> list[Cell]:
    begun = {other.id: other.name for other in project.runs}
    start = run.spec.start or ""
    began = BEGINNINGS.get(start) or begun.get(start, "a deleted run" if start else "nothing")
    share = run.spec.real_fraction
    source = SOURCES[run.spec.source]
    if run.spec.source == "mixed" and share is not None:
        source = f"{source}, {share:.0%} real"
    return [
        Cell(run_state(run, run.id == running), run.selection),
        Cell(_when(run.created), run.created),
        Cell(describe_task(run.task).name, describe_task(run.task).title),
        Cell(source),
        Cell(began),
        Cell(str(run.steps) if run.steps else ""),
        Cell(_duration(run.seconds)),
        Cell(run.device.partition(" (")[0], run.device),
        _score(run),
    ]


def _score(run: TrainingRun) -> Cell:
    scores = next((found for found in latest_scores(run) if found is not None), None)
    if scores is None:
        return Cell("", "not scored yet: predict images with a truth on the Results page")
    first, every = headline(scores)
    return Cell(first, "\n".join((*every, scores.caption(), *scores.warnings)))


def _when(created: str) -> str:
    try:
        return datetime.fromisoformat(created).astimezone().strftime("%b %d, %H:%M")
    except ValueError:
        return created


def _duration(seconds: float) -> str:
    if not seconds:
        return ""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"
