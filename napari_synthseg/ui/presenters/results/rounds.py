"""What each round of corrections gained."""

from __future__ import annotations

from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.scores import Scores, metric_title
from napari_synthseg.tasks.registry import shown_metrics
from napari_synthseg.ui.presenters.counting import counted
from napari_synthseg.ui.presenters.results.scores import latest_scores, number_text
from napari_synthseg.ui.presenters.tables import Cell, Table, heading

MOST_ROUNDS = 6
"""Rounds that are shown, the last ones."""


def chain_of(project: Project, run: TrainingRun) -> list[TrainingRun]:
    """Return the runs that went on from each other, up to `run`, the oldest first."""
    by_id = {each.id: each for each in project.runs}
    chain = [run]
    while (before := by_id.get(chain[0].spec.start or "")) is not None and before not in chain:
        chain.insert(0, before)
    return chain


def rounds_table(project: Project, run: TrainingRun | None) -> Table | None:
    """Return a row for each round that led to a run; None where it is the only one.

    Scores are compared where they were measured on the same images.
    """
    if run is None or run.model is None:
        return None
    chain = [each for each in chain_of(project, run) if each.model is not None][-MOST_ROUNDS:]
    if len(chain) < 2:
        return None
    scores = [latest_scores(each)[0] for each in chain]
    last = scores[-1]
    metric = _main_metric(last)
    values = [_value(each, last, metric) for each in scores]
    rows = [
        heading(each.name, f"{counted(each.steps, 'step')} in {each.seconds:.0f} s")
        for each in chain
    ]
    title = metric_title(metric) if metric else "score"
    columns = [
        heading("score", title),
        heading("gain", f"change of the {title} by this round"),
        heading("time", "how long the round's training took"),
    ]
    cells = []
    for number, (each, value) in enumerate(zip(chain, values, strict=True)):
        before = values[number - 1] if number else None
        gain = value - before if value is not None and before is not None else None
        cells.append(
            [
                Cell("-" if value is None else number_text(metric, value), title),
                Cell("" if gain is None else f"{gain:+.3f}", is_bold=gain is not None and gain > 0),
                Cell(f"{each.seconds:.0f} s"),
            ]
        )
    caption = (
        f"Rounds: {title}, {last.caption()}."
        if last is not None
        else "Rounds. Their gain shows once there are images to check on: mark an image as kept "
        "for scoring in step 1, and click its objects."
    )
    return Table(rows, columns, cells, caption)


def _main_metric(scores: Scores | None) -> str:
    """Return the metric by which rounds are compared, the first that the task shows."""
    if scores is None:
        return ""
    of_task, _ = shown_metrics(scores.task)
    return next((name for name in (*of_task, *scores.values) if name in scores.values), "")


def _value(scores: Scores | None, last: Scores | None, metric: str) -> float | None:
    if scores is None or last is None or scores.images != last.images:
        return None
    return scores.values.get(metric)
