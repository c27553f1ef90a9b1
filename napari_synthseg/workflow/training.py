"""One training run from project snapshot to saved weights: what `Session.train` puts in a job."""

from __future__ import annotations

import time
import traceback
from collections.abc import Generator, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.progress import Cancelled, Progress
from napari_synthseg.core.project import Project
from napari_synthseg.core.recipe import ArtifactStore, load_recipe
from napari_synthseg.core.runs import TrainedModel, TrainingRun
from napari_synthseg.core.specs import PRETRAINED, SCRATCH, TrainSpec
from napari_synthseg.networks.libraries import load_libraries
from napari_synthseg.networks.warm_start import StartWeights
from napari_synthseg.storage import runs
from napari_synthseg.synthesis import default_recipe
from napari_synthseg.tasks.data import TaskData
from napari_synthseg.tasks.memory import REMEDY, is_out_of_memory
from napari_synthseg.tasks.registry import task_info
from napari_synthseg.workflow.choosing import suitable_recipe
from napari_synthseg.workflow.runs.live_view import LiveView
from napari_synthseg.workflow.training_data import TrainingSources

PATIENCE_S, RETRY_S = 60.0, 0.4
"""How long saving a trained model is tried again, and the time between two attempts."""

NO_MEMORY = f"There is not enough memory to train so: {REMEDY}"

RECORDED_PACKAGES = ("napari-synthseg", "torch", "monai", "numpy", "scikit-image")


def new_run(project: Project, spec: TrainSpec, run_id: str, name: str) -> TrainingRun:
    """Return the record of a run that is about to start."""
    recipe = suitable_recipe(project).model_dump(mode="json")
    if spec.start not in (None, PRETRAINED, SCRATCH):
        begun = project.run(spec.start)
        spec = spec.model_copy(update={"start": begun.id, "model": begun.trained_model().spec})
    return TrainingRun(
        id=run_id,
        name=name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        spec=task_info(spec.task).fill_in(spec),
        recipe=recipe,
        versions={package: version(package) for package in RECORDED_PACKAGES},
    )


def _with_start(data: TaskData, project: Project, folder: Path, run: TrainingRun) -> TaskData:
    """Return the data with the weights of the run that a training begins with, if it does.

    What goes on from a checkpoint does without them where they are gone.
    """
    from napari_synthseg.tasks.train import CHECKPOINT

    start = run.spec.start
    if start in (None, PRETRAINED, SCRATCH):
        return data
    try:
        begun = project.run(start)
        classes = begun.trained_model().rule.class_values
        weights = runs.load_weights(folder, begun.id)
    except InputError:
        if not runs.checkpoints(folder, run.id).has(CHECKPOINT):
            raise
        return replace(data, notes=(*data.notes, "it began with a run that is gone"))
    return replace(data, start=StartWeights(weights, classes, f"the weights of '{begun.name}'"))


def _check_classes(run: TrainingRun, project: Project) -> None:
    """Refuse to go on with other classes than a run learned.

    Raises
    ------
    InputError
        If there are others; a new run can begin with its weights.
    """
    if run.model is None:
        return
    names = project.class_names
    learned, now = run.model.rule.class_values, tuple(sorted(names))
    if learned != now:
        added = [f"'{name}' is new" for value, name in names.items() if value not in learned]
        gone = [f"class {value} is gone" for value in learned if value not in now]
        raise InputError(
            f"'{run.name}' cannot go on, as it learned other classes: {', '.join(added + gone)}. "
            f"Train a new run, which may begin with the weights of '{run.name}', or take that back."
        )


def _with_learned_channels(data: TaskData, folder: Path, run: TrainingRun) -> TaskData:
    """Return the data with the channels of all that a run learned from, now and before.

    Raises
    ------
    InputError
        If others are used now than it learned from; a new run can begin with its weights.
    """
    from napari_synthseg.tasks.train import learned_channels

    learned = learned_channels(runs.checkpoints(folder, run.id))  # newer than the model's, if any
    if learned is None and run.model is not None:
        learned = run.model.learned_channels
    if learned is None:
        return data
    for ref in data.images:
        count, now = data.channels.images[ref.id]
        as_many = len(now) if run.model is None else run.model.in_channels
        before = learned.known(ref.id, count)
        if before == now or (before is None and len(now) == as_many):
            continue
        words = f"channel(s) {_listed(before)}" if before else f"{as_many} channel(s)"
        raise InputError(
            f"'{run.name}' cannot go on, as it learned from {words} of images of {count}, and "
            f"channel(s) {_listed(now)} of '{ref.name}' are used now. Train a new run, which may "
            f"begin with the weights of '{run.name}', or take that back."
        )
    return replace(data, channels=learned.with_images(data.channels.images))


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


def train(
    project: Project,
    folder: Path,
    run: TrainingRun,
    artifacts: ArtifactStore,
    live: LiveView | None = None,
) -> Generator[Progress, None, TrainingRun]:
    """Train as the run's spec says; save weights, history and record; return the record.

    The run's own recipe makes the dual images, whatever the project's is now. `artifacts` keep what
    the recipe learns; `live` looks through the model meanwhile. Cancelling keeps the best weights
    so far and returns the record as cancelled. A failure is written into the run's record, with
    its traceback, before it is raised; a model that the run had stays.
    """
    started = time.monotonic()  # a time limit covers cutting and fitting, too
    before = run
    runs.save_run(folder, run)
    try:
        _check_classes(run, project)
        yield from load_libraries()
        from napari_synthseg.tasks.train import get_ready, train_model

        gathering = _sources(project, folder, run, artifacts).gather()
        data = yield from get_ready(gathering, run.spec, started)
        data = _with_learned_channels(data, folder, run)
        data = _with_start(data, project, folder, run)
        run = run.model_copy(update={"images": tuple(ref.id for ref in data.images)})
        store = runs.checkpoints(folder, run.id)
        look = None if live is None else live.through(folder, run.id, data.channels)
        model = yield from train_model(data, started=started, store=store, look=look)
        return (yield from _save_patiently(folder, run, model))
    except Exception as error:
        kept = run if before.model is None else before  # what the model learned from stays
        failed = kept.in_state("failed", traceback.format_exc())
        with suppress(InputError):  # what failed first says more
            runs.save_run(folder, failed)
        if is_out_of_memory(error):
            raise InputError(NO_MEMORY) from error
        raise


def _save_patiently(
    folder: Path, run: TrainingRun, model: TrainedModel
) -> Generator[Progress, None, TrainingRun]:
    """Save what was trained; where the disk is full, say so, and try again for a while.

    What was cancelled ends at once.
    """
    give_up = time.monotonic() + (PATIENCE_S if model.state == "done" else 0.0)
    told = ""
    while True:
        try:
            return _save(folder, run, model)
        except InputError as error:
            if time.monotonic() >= give_up:
                raise
            words = f"not saved yet, trying again: {str(error).rstrip('.')}"
            try:
                yield Progress(1.0, words, notes=() if words == told else (words,))
                told = words
                time.sleep(RETRY_S)
            except Cancelled:
                give_up = 0.0


def _save(folder: Path, run: TrainingRun, model: TrainedModel) -> TrainingRun:
    runs.save_weights(folder, run.id, model.weights, {"run": run.id})
    done = run.model_copy(
        update={
            "state": model.state,
            "error": "",
            "model": model.record,
            "device": model.device,
            "selection": model.selection,
            "steps": model.steps,
            "seconds": round(model.seconds, 1),
            "scores": (),  # they, and the least score, were of other weights, if there are any
            "least_score": None,
        }
    )
    runs.save_run(folder, done)
    runs.append_history(folder, run.id, model.history)  # last: it is added to, and never twice
    return done


def remake_pairs(
    project: Project,
    folder: Path,
    run: TrainingRun,
    start: int,
    count: int,
    artifacts: ArtifactStore,
) -> Generator[Progress, None, list[DualImage]]:
    """Return pairs that a run was trained on, made from its recorded recipe and held-out part.

    Pasted pairs are the same, bit for bit, as long as images, classes, clicks and verdicts are.

    Raises
    ------
    InputError
        If the run was trained on real images.
    """
    if run.spec.source == "real":
        raise InputError(
            f"Run '{run.name}' was trained on real images: it has no dual images to make again."
        )
    pairs = yield from _sources(project, folder, run, artifacts).dual_images()
    return (yield from pairs.draw(range(start, start + count)))


def _sources(
    project: Project, folder: Path, run: TrainingRun, artifacts: ArtifactStore
) -> TrainingSources:
    """Return what a run learns from, by the spec and the recipe that it was started with."""
    recipe = load_recipe(run.recipe) if run.recipe else default_recipe()
    recorded = project.model_copy(update={"recipe": recipe})
    return TrainingSources(recorded, folder, run.spec, artifacts)
