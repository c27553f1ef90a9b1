"""One unit, from files to figures, by calls of the session."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from benchmarks.study.clicks import ClickedMasks, make_clicks
from benchmarks.study.draw import Sample
from benchmarks.study.records import (
    ADAPTED,
    LOCKS,
    MeasuredOn,
    Record,
    TrainedOn,
    Training,
    describe_machine,
)
from benchmarks.study.units import Unit, recipe_of
from napari_synthseg.core.annotations import Click, ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import (
    BoxLabels,
    InstanceLabels,
    Labels,
    RegionLabels,
    instances_of,
)
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.scores import Scores
from napari_synthseg.storage.artifacts import FolderArtifactStore
from napari_synthseg.workflow.jobs import Job
from napari_synthseg.workflow.session import Session

RunJob = Callable[[Job[Any]], Any]
"""Runs a job, shows its progress, and returns its value."""


def measure_unit(
    unit: Unit, folder: Path, run_job: RunJob = Job.result, shared: Path | None = None
) -> Record:
    """Train and score one unit in a project of its own.

    Parameters
    ----------
    unit
        What to do.
    folder
        Where the project is made; it must not exist.
    run_job
        Runs the project's jobs.
    shared
        Folder where what recipes learn is kept for all units; default: the project's own.
    """
    started = time.perf_counter()
    with Session.create(folder) as session:
        trained_on = fill_project(session, unit)
        fitting = time.perf_counter()
        if shared is not None:
            _fit_once(session, unit, shared, run_job)
        wall, cpu = time.perf_counter(), time.process_time()
        fitting = wall - fitting
        run: TrainingRun = run_job(session.train(unit.spec, unit.label))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        scored = time.perf_counter()
        refs = [ref for ref in session.project.images if ref.role == "test"]
        scores, values = _score(session, run, refs, run_job)
        if unit.arm.adapt:
            _, adapted = _score(session, run, refs, run_job, adapt=True)
            values |= {f"{name}{ADAPTED}": value for name, value in adapted.items()}
    return Record(
        unit=unit.name(),
        arm=unit.arm.name,
        source=unit.arm.source,
        seed=unit.seed,
        image_seed=unit.image_seed,
        settings=unit.settings(),
        trained_on=trained_on,
        measured_on=MeasuredOn(
            kind=scores.measured_on,
            which=unit.scored_on,
            images=scores.images,
            objects=scores.objects,
            caption=scores.caption(),
        ),
        values=values,
        warnings=scores.warnings,
        training=Training(
            steps=run.steps,
            selection=run.selection,
            wall_seconds=round(wall, 2),
            cpu_seconds=round(cpu, 2),
            device=run.device,
            spec=run.spec,
        ),
        fitting_seconds=round(fitting, 2),
        scoring_seconds=round(time.perf_counter() - scored, 2),
        all_seconds=round(time.perf_counter() - started, 2),
        recipe=run.recipe if unit.arm.source != "real" else {},
        versions=run.versions,
        machine=describe_machine(),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _fit_once(session: Session, unit: Unit, shared: Path, run_job: RunJob) -> None:
    """Fit a recipe that learns from masks, unless that was done for another unit.

    Arms of the same seed and images share what is learned. The lock makes other processes wait for
    it in place of learning the same beside.
    """
    recipe = session.project.recipe
    if recipe is None or recipe.learns_from != "masks":
        return
    session.artifacts = FolderArtifactStore(shared)
    # whatever the recipe: some differ only in what is done after learning
    same = f"{unit.seed} {[s.identity() for s in unit.train]}"
    name = hashlib.sha256(same.encode()).hexdigest()[:12]
    (shared / LOCKS).mkdir(parents=True, exist_ok=True)
    with FileLock(shared / LOCKS / f"generator-{name}.lock"):
        run_job(session.synthesize(1))


def _score(
    session: Session,
    run: TrainingRun,
    refs: Sequence[ImageRef],
    run_job: RunJob,
    adapt: bool = False,
) -> tuple[Scores, dict[str, float]]:
    """Predict and score; of classifiers their heat maps, too."""
    predictions = run_job(session.predict(run, refs, adapt))
    scores: Scores = run_job(session.score(run, predictions))
    values = flatten(scores)
    if run.task == "classify":
        maps = run_job(session.explain(run, refs, adapt=adapt))
        values |= flatten(run_job(session.score(run, maps)))
    return scores, values


def flatten(scores: Scores) -> dict[str, float]:
    """Return the figures by name, those of each class as "NAME [CLASS]" where there are several."""
    values = dict(scores.values)
    if len(scores.per_class) > 1:
        for cls, figures in scores.per_class.items():
            values |= {f"{name} [{cls}]": value for name, value in figures.items()}
    return values


def fill_project(session: Session, unit: Unit) -> TrainedOn:
    """Put a unit's images, classes, clicks, ground truth and recipe into an empty project."""
    arm = unit.arm
    masks = [sample.labels() for sample in unit.train]
    regions = any(isinstance(labels, RegionLabels) for labels in masks)
    for value, name in enumerate(unit.class_names, start=1):
        size = {} if regions else {"diameter": _diameter(unit, value)}
        cls = session.project.next_class(name, **size)
        session.edit(session.project.with_classes(cls), "add class")
    clicked = [ClickedMasks((), False)] * len(masks)
    if not regions:
        clicked = make_clicks(
            [labels for labels in masks if not isinstance(labels, RegionLabels)],
            jitter=arm.jitter,
            each=arm.clicks,
            in_all=arm.clicks_in_all,
            seeds=(unit.seed, unit.image_seed),
        )
    for sample, labels, marks in zip(unit.train, masks, clicked, strict=True):
        _add_training_image(session, sample, labels, marks, arm.source)
    for sample in unit.test:
        sample.add_truth(session, _add(session, sample, role="test"))
    if arm.source != "real":
        recipe = recipe_of(arm, unit.seed)
        chosen = {"recipe": recipe, "train_spec": unit.spec}
        session.edit(session.project.model_copy(update=chosen), "choose the recipe")
    return TrainedOn(
        images=tuple(s.image.name for s in unit.train),
        clicks=sum(len(marks.clicks) for marks in clicked),
        objects=sum(_count_objects(labels) for labels in masks),
        diameter=float(np.median([c.diameter for c in session.project.classes])),
    )


def _count_objects(labels: Labels) -> int:
    match labels:
        case BoxLabels():
            return len(labels.boxes)
        case InstanceLabels():
            return labels.count
    return 0


def _diameter(unit: Unit, value: int) -> float:
    size = typical_diameter([sample.labels() for sample in unit.base], value)
    return round(size * unit.arm.diameter_factor, 1)


def typical_diameter(masks: Sequence[Labels], cls: int = 1) -> float:
    """Return the median diameter of the objects of a class, pixels.

    That of a disk (ball) of the size of the mask, or the root of the area of a box.

    Raises
    ------
    InputError
        If there is no such object.
    """
    boxed = [m.boxes.of_class(cls).sizes() for m in masks if isinstance(m, BoxLabels)]
    if boxed and len(both := np.concatenate(boxed)):
        return float(np.median(np.sqrt(np.prod(both, axis=1))))
    objects = [m.ids for m in masks if isinstance(m, InstanceLabels)]
    sizes = [np.unique(ids[ids > 0], return_counts=True)[1] for ids in objects]
    if boxed or not sum(map(len, sizes)):
        raise InputError(f"[data]: the training images hold no object of class {cls}.")
    median = float(np.median(np.concatenate(sizes)))
    flat = objects[0].ndim == 2
    return float(2 * np.sqrt(median / np.pi) if flat else np.cbrt(6 * median / np.pi))


def _add_training_image(
    session: Session, sample: Sample, masks: Labels, marks: ClickedMasks, source: str
) -> None:
    exhaustive = marks.exhaustive and sample.marks_all
    ref = _add(session, sample, role="train", exhaustive=exhaustive)
    if not sample.labels_only:
        new = [Click(image=ref.id, position=c.position, cls=c.cls) for c in marks.clicks]
        session.edit(session.project.with_clicks(*new), "click")
    if source in ("real", "mixed", "masks"):
        sample.add_truth(session, ref)
    elif source == "true-mask-patches":
        session.import_labels(ref, instances_of(masks), "patch_masks").result()


def _add(session: Session, sample: Sample, **fields: Any) -> ImageRef:
    added = session.add_images(sample.image, group=sample.group, region=sample.region, **fields)
    refs = added.result().images
    if len(refs) != 1:
        raise InputError(
            f"[data]: '{sample.image.name}' is a stack of {len(refs)} planes: the reader 'folder' "
            "takes single images."
        )
    return refs[0]
