"""One training run from project snapshot to saved weights: what `Session.train` puts in a job."""

from __future__ import annotations

import time
import traceback
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.patch import ClickedImage, PatchLibrary
from napari_synthseg.core.project import ImageRef, Project
from napari_synthseg.core.recipe import Synthesizer, load_recipe
from napari_synthseg.core.training import (
    TaskName,
    TrainedModel,
    TrainingRun,
    TrainSpec,
    TrainStep,
)
from napari_synthseg.patches.split import Part, split
from napari_synthseg.pipeline import Progress, clicked_parts, cut, fit, synthesize
from napari_synthseg.store import runs
from napari_synthseg.store.images import open_pixels
from napari_synthseg.synth import default_recipe
from napari_synthseg.synth.box_sizes import SizedPairs, measure_growth, sized
from napari_synthseg.synth.mixing import (
    MixedPairs,
    RepeatedPairs,
    TruePairs,
    label_clicked,
)
from napari_synthseg.true_images import TAUGHT_BY, true_pairs, true_parts

VALIDATION_PAIRS = 6
"""Synthetic pairs, from held-out clicks, on which weights are compared."""

RECORDED_PACKAGES = ("napari-synthseg", "torch", "monai", "numpy", "scikit-image")


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What a model is trained on and chosen by."""

    pairs: Synthesizer
    validation_pairs: tuple[DualImage, ...]
    validation_images: tuple[ClickedImage, ...]
    images: tuple[ImageRef, ...]
    diameter: float
    spacing: tuple[float, ...]


def new_run(project: Project, spec: TrainSpec, run_id: str, name: str) -> TrainingRun:
    """Return the record of a run that is about to start."""
    recipe = (project.recipe or default_recipe()).model_dump(mode="json")
    return TrainingRun(
        id=run_id,
        name=name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        spec=spec,
        recipe=recipe,
        versions={package: version(package) for package in RECORDED_PACKAGES},
    )


def train(
    project: Project, folder: Path, run: TrainingRun
) -> Generator[Progress | TrainStep, None, TrainingRun]:
    """Train as the run's spec says; save weights, history and record; return the record.

    Cancelling keeps the best weights so far and returns the record as cancelled. A failure is
    written into the run's record, with its traceback, before it is raised.
    """
    from napari_synthseg.learn.train import train_model

    started = time.monotonic()  # a time limit covers cutting and fitting, too
    runs.save_run(folder, run)
    try:
        data = yield from _training_data(project, folder, run.spec)
        run = run.model_copy(update={"images": tuple(ref.id for ref in data.images)})
        model = yield from train_model(
            run.spec,
            data.pairs,
            class_names={c.value: c.name for c in project.classes},
            diameter=data.diameter,
            spacing=data.spacing,
            validation_pairs=data.validation_pairs,
            validation_images=data.validation_images,
            started=started,
            checkpoint=runs.load_checkpoint(folder, run.id),
            save_checkpoint=lambda arrays, meta: runs.save_checkpoint(folder, run.id, arrays, meta),
        )
    except Exception:
        failed = run.model_copy(update={"state": "failed", "error": traceback.format_exc()})
        runs.save_run(folder, failed)
        raise
    return _save(folder, run, model)


def _save(folder: Path, run: TrainingRun, model: TrainedModel) -> TrainingRun:
    runs.save_weights(folder, run.id, model.weights, {"run": run.id})
    runs.append_history(folder, run.id, model.history)
    last = model.history[-1] if model.history else None
    done = run.model_copy(
        update={
            "state": model.state,
            "model": describe_model(model),
            "device": model.device,
            "selection": model.selection,
            "steps": last.step if last else 0,
            "seconds": round(last.seconds, 1) if last else 0.0,
        }
    )
    runs.save_run(folder, done)
    return done


def describe_model(model: TrainedModel) -> dict[str, Any]:
    """Return what must be saved beside the weights to use them again (JSON types only)."""
    return {
        "spec": model.spec.model_dump(mode="json"),
        "in_channels": model.in_channels,
        "out_channels": model.out_channels,
        "task": dict(model.task),
    }


def _training_data(
    project: Project, folder: Path, spec: TrainSpec
) -> Generator[Progress, None, TrainingData]:
    yield Progress(0.0, "choosing the held-out part")
    parts, held, diameters = _divide(project, folder, spec)
    held_true = true_pairs(project, folder, spec.task, held)
    if spec.source == "real":
        pairs: Synthesizer = TruePairs(true_pairs(project, folder, spec.task, parts))
        held_pairs = held_true
    else:
        pairs, library = yield from _pairs_of(project, folder, spec, parts)
        growth = measure_growth(library) if spec.task == "detect" and spec.size_boxes else {}
        pairs = SizedPairs(pairs, growth)
        if spec.source == "mixed":
            mixed_in = _known_elsewhere(project, spec.task, parts, held)
            real = true_pairs(project, folder, spec.task, mixed_in)
            pairs = MixedPairs(pairs, real, _real_fraction(spec))
        elif spec.real_fraction:
            clicked = tuple(sized(p, growth) for p in _clicked_pairs(library, folder, parts))
            pairs = MixedPairs(pairs, clicked, spec.real_fraction)
        made = yield from _validation_pairs(project, folder, held)
        held_pairs = tuple(sized(pair, growth) for pair in made)
        if spec.source == "mixed":
            held_pairs += held_true
    return TrainingData(
        pairs=pairs,
        validation_pairs=held_pairs,
        validation_images=tuple(
            ClickedImage(p.ref, open_pixels(p.ref, folder), p.clicks) for p in held
        ),
        images=tuple(p.ref for p in parts),
        diameter=float(np.median(diameters)),
        spacing=_spacing(p.ref for p in parts),
    )


def _clicked_pairs(
    library: PatchLibrary, folder: Path, parts: Sequence[Part]
) -> tuple[DualImage, ...]:
    """Return the fully clicked images with the masks found on them."""
    labelled = (label_clicked(library, p.ref.id, open_pixels(p.ref, folder)) for p in parts)
    real = tuple(pair for pair in labelled if pair is not None)
    if not real:
        raise InputError(
            "No training image can be mixed in: on none is every object clicked. Tell of an image "
            "that all its objects are clicked, or set the real fraction to 0."
        )
    return real


def _real_fraction(spec: TrainSpec) -> float:
    if not spec.real_fraction:
        raise InputError(
            "Training on dual and real images needs to know how many are real: set the real "
            "fraction, such as 0.1, or train on dual images alone."
        )
    return spec.real_fraction


def _known_elsewhere(
    project: Project, task: TaskName, parts: Sequence[Part], held: Sequence[Part]
) -> tuple[Part, ...]:
    """Return what may be mixed in: training parts with truth, and images that nobody clicked."""
    clicked = {p.ref.id for p in (*parts, *held)}
    rest = [p for p in true_parts(project, task) if p.ref.id not in clicked]
    return (*(p for p in parts if project.truth_of(p.ref, *TAUGHT_BY[task])), *rest)


def remake_pairs(
    project: Project, folder: Path, run: TrainingRun, start: int, count: int
) -> Generator[Progress, None, list[DualImage]]:
    """Return pairs that a run was trained on, made from its recorded recipe and held-out part.

    The pairs are the same, bit for bit, as long as images, classes, clicks and verdicts are.

    Raises
    ------
    InputError
        If the run was trained on real images.
    """
    if run.spec.source == "real":
        raise InputError(
            f"Run '{run.name}' was trained on real images: it has no dual images to make again."
        )
    recipe = load_recipe(run.recipe) if run.recipe else default_recipe()
    parts, _, _ = _divide(project, folder, run.spec)
    as_then = project.model_copy(update={"recipe": recipe})
    pairs, _ = yield from _pairs_of(as_then, folder, run.spec, parts)
    return (yield from synthesize(pairs, start, count))


def _pairs_of(
    project: Project, folder: Path, spec: TrainSpec, parts: Sequence[Part]
) -> Generator[Progress, None, tuple[Synthesizer, PatchLibrary]]:
    """Return the dual images of some parts, as many different ones as the spec allows."""
    library = yield from cut(project, folder, parts)
    pairs = yield from fit(project.recipe or default_recipe(), library)
    return (pairs if spec.pairs is None else RepeatedPairs(pairs, spec.pairs)), library


def _divide(
    project: Project, folder: Path, spec: TrainSpec
) -> tuple[tuple[Part, ...], tuple[Part, ...], list[float]]:
    """Return the parts to train on, those held out, and the diameters of what they show."""
    if spec.source == "real":
        parts = true_parts(project, spec.task)
    else:
        parts = clicked_parts(project)
        if spec.source == "mixed":
            true_parts(project, spec.task)  # says what is missing before anything is cut
    shapes = {p.ref.id: open_pixels(p.ref, folder).shape[1:] for p in parts}
    diameters = [
        cls.diameter_px(part.ref)
        for part in parts
        for cls in project.classes
        if any(c.cls == cls.value for c in part.clicks)
    ] or [cls.diameter_px(part.ref) for part in parts for cls in project.classes]
    wanted = tuple(Part(r, project.clicks_on(r)) for r in project.images if r.role == "validate")
    held = tuple(p for p in wanted if p.clicks)
    if not held:
        gap = max(diameters)
        parts, held = split(
            parts, shapes, fraction=spec.validation_fraction, gap=gap, seed=spec.seed
        )
    return tuple(parts), tuple(held), diameters


def _spacing(refs: Iterable[ImageRef]) -> tuple[float, ...]:
    """Return the usual spacing of volumes; nothing for flat images, whose pixels are square."""
    each = [ref.spacing for ref in refs if ref.ndim == 3]
    return tuple(float(s) for s in np.median(each, axis=0)) if each else ()


def _validation_pairs(
    project: Project, folder: Path, held: Sequence[Part]
) -> Generator[Progress, None, tuple[DualImage, ...]]:
    if not held:
        return ()
    try:
        library = yield from cut(project, folder, held)
        synthesizer = yield from fit(project.recipe or default_recipe(), library)
    except InputError:
        return ()  # nothing usable is held out: the clicks alone must decide
    return tuple(synthesizer.pairs(range(VALIDATION_PAIRS)))
