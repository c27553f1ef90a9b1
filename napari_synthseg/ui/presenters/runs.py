"""Training runs in words."""

from __future__ import annotations

from collections.abc import Sequence

from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.specs import SCRATCH, TrainSpec
from napari_synthseg.networks.warm_start import shipped_file
from napari_synthseg.tasks.registry import describe_task


def find_run(project: Project, ident: str | None) -> TrainingRun | None:
    """Return a run by its id, or None where there is none (yet, or any more)."""
    return next((run for run in project.runs if run.id == ident), None)


def run_state(run: TrainingRun) -> str:
    """Return a run's state and how many steps it took."""
    return f"{run.state}, {run.steps} steps" if run.steps else run.state


def describe_run(run: TrainingRun) -> str:
    """Return device, time, and how the weights were chosen; of a failed run the error."""
    if run.state == "failed":
        return run.error.strip().splitlines()[-1] if run.error.strip() else "failed"
    where = [f"on {run.device}" if run.device else "", f"{run.seconds:.0f} s" * bool(run.seconds)]
    lines = (", ".join(part for part in where if part), run.selection)
    return "\n".join(line for line in lines if line)


def start_choices(spec: TrainSpec, runs: Sequence[TrainingRun]) -> dict[str, str]:
    """Return what a training of this kind can begin with, and what it is called.

    The first, without a name, is what it begins with unless the user chooses.
    """
    networks = describe_task(spec.task).all_networks()
    name = spec.model.name or next(iter(networks), "")
    choices = {"": "nothing"}
    if shipped_file(spec.model.model_copy(update={"name": name})):
        choices = {"": "pretrained weights", SCRATCH: "nothing"}
    for run in reversed(runs):
        if run.model is not None and run.model.spec.name in networks:
            choices[run.id] = f"the weights of {run.name}"
    return choices
