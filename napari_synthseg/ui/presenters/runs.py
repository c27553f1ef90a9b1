"""Training runs in words."""

from __future__ import annotations

from collections.abc import Sequence

from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.specs import SCRATCH, TrainSpec
from napari_synthseg.networks.warm_start import shipped_file
from napari_synthseg.tasks.registry import describe_task
from napari_synthseg.ui.presenters.counting import counted

CUT_OFF = (
    "It was cut off before its end: 'Go on' continues from its last checkpoint, or from the start "
    "where there is none."
)


def run_state(run: TrainingRun, is_running: bool) -> str:
    """Return how far a run came; one that nobody trains any more was cut off."""
    if is_running:
        return "running"
    return {"running": "cut off", "cancelled": "stopped"}.get(run.state, run.state)


def run_words(run: TrainingRun, is_running: bool) -> str:
    """Return a run's name, its state, and how many steps it took."""
    steps = f", {counted(run.steps, 'step')}" if run.steps else ""
    return f"{run.name}: {run_state(run, is_running)}{steps}"


def describe_run(run: TrainingRun) -> str:
    """Return device, time, and how the weights were chosen; of others how to go on."""
    if run.state == "failed":
        return _last_line(run.error) or "failed"
    if run.state == "running":
        return CUT_OFF
    where = [f"on {run.device}" if run.device else "", f"{run.seconds:.0f} s" * bool(run.seconds)]
    failed = f"going on failed: {_last_line(run.error)}" if run.error else ""
    lines = (", ".join(part for part in where if part), run.selection, failed)
    return "\n".join(line for line in lines if line)


def _last_line(error: str) -> str:
    """Return what an error says, without the name of its kind."""
    lines = error.strip().splitlines()
    kind, colon, message = (lines[-1] if lines else "").partition(": ")
    return message if colon and kind.endswith("InputError") else kind + colon + message


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
