"""Scoring folders and tables of predictions, ours or not, without a project."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from napari_synthseg.core.progress import Progress
from napari_synthseg.core.scores import Scores, ScoringOptions
from napari_synthseg.explain import scoring as heat_map_scoring
from napari_synthseg.tasks.registry import task_info, task_names
from napari_synthseg.workflow.jobs import Job

HEAT_MAPS = "cam"


def scored_from_files() -> tuple[str, ...]:
    """Return what can be scored: the names of tasks, and heat maps."""
    return (*task_names(), HEAT_MAPS)


def scoring_options(what: str) -> tuple[str, ...]:
    """Return the options of `ScoringOptions` that scoring takes."""
    return heat_map_scoring.SCORE_OPTIONS if what == HEAT_MAPS else task_info(what).score_options


def score_folders(what: str, predicted: Path, truth: Path, how: ScoringOptions) -> Job[Scores]:
    """Score files against the truth of the same file stems.

    Parameters
    ----------
    what
        One of `scored_from_files`.
    predicted, truth
        Folders or tables; see the task's `score_files`.
    """
    score = heat_map_scoring.score_map_files if what == HEAT_MAPS else task_info(what).score_files

    def work() -> Generator[Progress, None, Scores]:
        yield Progress(0.0, f"scoring {predicted.name}")
        return score(predicted, truth, how).of_task(what)

    return Job(work(), f"score {predicted.name}")
