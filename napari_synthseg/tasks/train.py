"""Training a model for a task on given data."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Any, TypeVar

from torch import nn

from napari_synthseg.core.progress import (
    GETTING_READY,
    Cancelled,
    Progress,
    subprogress,
    told_as,
)
from napari_synthseg.core.recipe import ArtifactStore
from napari_synthseg.core.runs import LearnedChannels, TrainedModel, few_steps
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.networks.registry import multiple_of
from napari_synthseg.tasks.data import TaskData
from napari_synthseg.tasks.memory import check_memory, step_bytes
from napari_synthseg.tasks.registry import task_info
from napari_synthseg.tasks.task import Task
from napari_synthseg.training.device import choose_device
from napari_synthseg.training.model import Predictor
from napari_synthseg.training.trainer import Budget, Trainer, TrainerState, TrainingPlan
from napari_synthseg.training.volumes import batch_size

R = TypeVar("R")

VALIDATE_AT = (0.4, 0.55, 0.7, 0.85, 1.0)
"""Shares of the budget at which the weights are compared."""

CLOSING_VALIDATIONS = 5.0
"""How many times as long as a validation the choice of thresholds takes, about."""

AVERAGE_DECAY = 0.99
MAX_GRADIENT_NORM = 5.0

DEFAULT_MINUTES = 4.0

Look = Callable[[Predictor], Generator[Progress, None, None]]
"""Looks through a model between two batches, where it is time to."""

CHECKPOINT = "checkpoint"
"""What the store calls how far a training came."""

CHANNELS = "channels"
"""What a checkpoint calls the channels that it learned from."""


def learned_channels(store: ArtifactStore) -> LearnedChannels | None:
    """Return which channels a checkpoint learned from; None: there is none, or an older one."""
    kept = store.load(CHECKPOINT)
    about = {} if kept is None else TrainerState.model_validate(kept[1]).about
    return LearnedChannels.model_validate(about[CHANNELS]) if CHANNELS in about else None


def get_ready(
    work: Generator[Progress, Any, R], spec: TrainSpec, started: float
) -> Generator[Progress, None, R]:
    """Run what comes before a training, told as a part of the time that all of it may take.

    So what is shown goes on where training begins, in place of running full and starting over.
    """
    budget = _budget(spec)

    def tell(step: Progress) -> nullcontext[Progress]:
        words = f"{GETTING_READY}: {step.message}".removesuffix(": ")
        share = budget.time_share(time.monotonic() - started)
        return nullcontext(replace(step, fraction=share, message=words))

    return told_as(tell, work)


def _budget(spec: TrainSpec) -> Budget:
    return Budget(spec.minutes or DEFAULT_MINUTES, spec.steps)


def make_task(data: TaskData) -> Generator[Progress, None, Task]:
    """Return the task that ``data.spec`` names, with its own defaults where the spec leaves open.

    Raises
    ------
    InputError
        If it is not installed, or cannot be done with these data.
    """
    info = task_info(data.spec.task)
    task = info.load()(replace(data, spec=info.fill_in(data.spec)))
    yield from task.prepare()
    return task


def train_model(
    data: TaskData,
    *,
    started: float | None = None,
    store: ArtifactStore | None = None,
    look: Look | None = None,
) -> Generator[Progress, None, TrainedModel]:
    """Train a network on pairs; yield progress as `Trainer.run` does; return the best weights.

    Thresholds are chosen on the held-out part at the end, also after `Cancelled` was raised at a
    yield, in steps that are `finishing`; then the best weights so far are returned, with the state
    "cancelled". Where it is to end quickly, is cancelled again, or was already choosing thresholds,
    these stay as they are.

    Parameters
    ----------
    data
        What to train, and on what; `data.spec.steps` limits the batches, else `data.spec.minutes`
        the time.
    started
        `time.monotonic()` at which the time limit began; default now.
    store
        Keeps how far the training came, and gives where to go on from.
    look
        Is given the model of now after each batch; what it yields is passed on.

    Raises
    ------
    InputError
        If a step surely needs more memory than is free.
    """
    device, device_reason = choose_device(data.spec.device)
    started = time.monotonic() if started is None else started
    looking = subprogress(make_task(data), message="looking at the first training images")
    task = yield from get_ready(looking, data.spec, started)
    spec = task.spec
    plan = TrainingPlan(
        _budget(spec),
        spec.learning_rate,
        VALIDATE_AT,
        closing=CLOSING_VALIDATIONS,
        average_decay=AVERAGE_DECAY,
        max_gradient_norm=MAX_GRADIENT_NORM,
        mixed_precision=True,
        seed=spec.seed,
    )

    def look_through(net: nn.Module) -> Generator[Progress, None, None]:
        assert look is not None
        rule = trainer.best.rule if trainer.best is not None else None
        return look(replace(task.predictor(net, device), rule=rule or task.rule))

    trainer = Trainer(
        task, plan, device,
        started=started, store=store, name=CHECKPOINT, between=look_through if look else None,
        about={CHANNELS: data.channels.model_dump(mode="json")},
    )  # fmt: skip
    multiple = multiple_of(trainer.network, spec.model)
    needed = step_bytes(trainer.network, batch_size(spec), task.in_channels, task.crop, multiple)
    check_memory(needed, device)
    cancelled = is_tuning = False

    def tune() -> Generator[Progress, None, None]:
        nonlocal is_tuning
        if trainer.best is not None:
            is_tuning = True
            tuning = task.validate(trainer.trained(), device, tune=True)
            trainer.best = yield from trainer.clocked(tuning, "choosing thresholds")

    def end_early() -> Generator[Progress, None, None]:
        yield from trainer.validate_last()
        yield from tune()

    try:
        yield Progress(trainer.shown_fraction, device_reason)
        yield from trainer.run()
        yield from tune()
    except Cancelled as end:
        cancelled = True
        if not end.quickly and not is_tuning:
            with suppress(Cancelled):
                yield from subprogress(end_early(), finishing=True)
    except GeneratorExit:
        cancelled = True
    rule, selection = task.rule, "last weights (nothing was held out)"
    if trainer.best is not None:
        rule = trainer.best.rule or rule
        figures = ", ".join(f"{k} {v:.3f}" for k, v in trainer.best.values.items())
        selection = f"best on the held-out part: {figures}"
        if trainer.keeps_start:
            selection += (
                "; nothing that was learned did better there than the weights that it began with, "
                "which are kept: mark more objects, or train longer"
            )
    return TrainedModel(
        spec=spec.model,
        in_channels=task.in_channels,
        out_channels=task.out_channels,
        rule=rule,
        weights=trainer.best_weights(),
        learned_from=task.learned_from,
        channels=data.channels,
        device=device_reason,
        selection="; ".join([selection, *few_steps(trainer.step), *data.notes, *task.notes]),
        state="cancelled" if cancelled else "done",
        steps=trainer.step,
        seconds=trainer.elapsed,
        history=tuple(trainer.history),
    )
