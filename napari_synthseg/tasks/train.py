"""Training a model for a task on given pairs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.progress import Cancelled, Progress, exhaust
from napari_synthseg.core.recipe import Synthesizer
from napari_synthseg.core.runs import TrainedModel, Weights
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.tasks.registry import task_info
from napari_synthseg.tasks.task import Task, TaskData
from napari_synthseg.training.device import choose_device
from napari_synthseg.training.trainer import Budget, Checkpoint, Trainer, TrainingPlan

VALIDATE_AT = (0.4, 0.55, 0.7, 0.85, 1.0)
"""Shares of the budget at which the weights are compared."""

MIN_STEPS = 50
"""A run that its time limit ended before so many steps says so."""

AVERAGE_DECAY = 0.99
MAX_GRADIENT_NORM = 5.0

DEFAULT_MINUTES = 4.0


def make_task(data: TaskData) -> Task:
    """Return the task that ``data.spec`` names, with its own defaults where the spec leaves open.

    Raises
    ------
    InputError
        If it is not installed, or cannot be done with these data.
    """
    info = task_info(data.spec.task)
    return info.load()(replace(data, spec=info.fill_in(data.spec)))


def train_model(
    spec: TrainSpec,
    pairs: Synthesizer,
    *,
    class_names: Mapping[int, str],
    diameter: float,
    spacing: tuple[float, ...] = (),
    validation_pairs: Sequence[DualImage] = (),
    validation_images: Sequence[ClickedImage] = (),
    notes: Sequence[str] = (),
    started: float | None = None,
    checkpoint: Checkpoint | None = None,
    save_checkpoint: Callable[[Weights, dict[str, Any]], None] | None = None,
) -> Generator[Progress, None, TrainedModel]:
    """Train a network on pairs; yield progress as `Trainer.run` does; return the best weights.

    Thresholds are chosen on the held-out part at the end. Raising `Cancelled` at a yield returns
    the best weights so far, with the state "cancelled"; where it is to end quickly, or was already
    choosing thresholds, the thresholds stay as they are.

    Parameters
    ----------
    spec
        What to train; `spec.steps` limits the batches, else `spec.minutes` the time.
    pairs
        Where dual images come from; batch n uses pairs ``n * batch_size`` and the following, or
        dual volume n.
    class_names
        Class value -> name; one output channel each.
    diameter
        Typical object diameter, pixels along the finest axis.
    spacing
        Distance of a volume's pixels along (z, y, x), in units of the shortest; empty: all alike.
    validation_pairs, validation_images
        The held-out part; empty: the last weights are kept.
    notes
        What the user should know of all that; ends up in `TrainedModel.selection`.
    started
        `time.monotonic()` at which the time limit began; default now.
    checkpoint, save_checkpoint
        Where to go on from, and how to save the like.
    """
    data = TaskData(
        spec=spec,
        pairs=pairs,
        class_values=tuple(sorted(class_names)),
        diameter=diameter,
        spacing=spacing,
        val_pairs=tuple(validation_pairs),
        val_images=tuple(validation_images),
        class_names=class_names,
    )
    task = make_task(data)
    spec = task.spec
    device, device_reason = choose_device(spec.device)
    plan = TrainingPlan(
        Budget(spec.minutes or DEFAULT_MINUTES, spec.steps),
        spec.learning_rate,
        VALIDATE_AT,
        average_decay=AVERAGE_DECAY,
        max_gradient_norm=MAX_GRADIENT_NORM,
        mixed_precision=True,
        seed=spec.seed,
    )
    trainer = Trainer(task, plan, device, started=started, save=save_checkpoint)
    if checkpoint is not None:
        trainer.restore(checkpoint)
    rule, cancelled, tuning = task.rule, False, None
    try:
        yield Progress(trainer.fraction, device_reason)
        yield from trainer.run()
        if trainer.best is not None:
            tuning = task.validate(trainer.trained(), device, tune=True)
            trainer.best = yield from trainer.follow(tuning, "choosing thresholds")
    except (Cancelled, GeneratorExit) as end:
        cancelled = True
        quickly = not isinstance(end, Cancelled) or end.quickly
        if not quickly and trainer.best is not None and tuning is None:
            trainer.best = exhaust(task.validate(trainer.trained(), device, tune=True))
    if trainer.best is not None:
        rule = trainer.best.rule or rule
    selection = "last weights (nothing was held out)"
    if trainer.best is not None:
        figures = ", ".join(f"{k} {v:.3f}" for k, v in trainer.best.values.items())
        selection = f"best on the held-out part: {figures}"
    if trainer.step < MIN_STEPS and spec.steps is None:
        selection += f"; only {trainer.step} steps were made: give it more time"
    return TrainedModel(
        spec=spec.model,
        in_channels=task.in_channels,
        out_channels=task.out_channels,
        rule=rule,
        weights=trainer.best_weights(),
        device=device_reason,
        selection="; ".join([selection, *notes, *task.notes]),
        state="cancelled" if cancelled else "done",
        steps=trainer.step,
        seconds=trainer.elapsed,
        history=tuple(trainer.history),
    )
