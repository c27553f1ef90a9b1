"""Training a model for a task on given pairs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.recipe import Synthesizer
from napari_synthseg.core.runs import TrainedModel, TrainStep
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.tasks.registry import task_info
from napari_synthseg.training.trainable import Task, TaskData
from napari_synthseg.training.trainer import Checkpoint, fit_task


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
    save_checkpoint: Callable[[dict[str, NDArray[Any]], dict[str, Any]], None] | None = None,
) -> Generator[TrainStep, None, TrainedModel]:
    """Train a network on pairs; yield each batch; return the best weights.

    Raising `Cancelled` at a yield returns the best weights so far, with the state "cancelled".

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
    return (
        yield from fit_task(
            task,
            notes=notes,
            started=started,
            checkpoint=checkpoint,
            save_checkpoint=save_checkpoint,
        )
    )
