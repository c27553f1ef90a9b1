"""What a model is trained on and chosen by, gathered from a project.

There are two ways. Where objects were clicked, patches of some images make the dual images, and
clicks of others choose the weights. Where regions are learned, from true masks or from dual images
that were themselves learned from true masks, the masks of some images teach, and those of others
choose.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import DualImage, MaskedImages
from napari_synthseg.core.patch import ClickedImage, PatchLibrary
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.core.project import Project
from napari_synthseg.core.recipe import ArtifactStore, Synthesizer
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.synthesis.datasets import (
    CachedDataset,
    FilteredDataset,
    MixedDataset,
    RealDataset,
    label_clicked,
)
from napari_synthseg.tasks.info import TaskInfo, TaskPairs
from napari_synthseg.tasks.registry import task_for, task_info
from napari_synthseg.training.split import Subset, split_clicked
from napari_synthseg.workflow.cutting import clicked_parts, cut
from napari_synthseg.workflow.fitting import current_recipe
from napari_synthseg.workflow.truths import masked_images, true_pairs, true_parts

VALIDATION_PAIRS = 6
"""Synthetic pairs, from held-out clicks, on which weights are compared."""

CHECKED_PAIRS = 16
"""Pairs on which the share of rejected ones is measured before training."""


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What a model is trained on and chosen by; `notes` say what the user should know of it."""

    pairs: Synthesizer
    validation_pairs: tuple[DualImage, ...]
    validation_images: tuple[ClickedImage, ...]
    images: tuple[ImageRef, ...]
    diameter: float
    spacing: tuple[float, ...]
    notes: tuple[str, ...] = ()


def gather_data(
    project: Project, folder: Path, spec: TrainSpec, artifacts: ArtifactStore
) -> Generator[Progress, None, TrainingData]:
    """Return what a model is trained on and chosen by.

    Parameters
    ----------
    project, folder
        The project and where it lies.
    spec
        What is trained.
    artifacts
        Keeps what the recipe learns.

    Raises
    ------
    InputError
        If what the task or the recipe learns from is missing, or they do not go together.
    """
    yield Progress(0.0, "choosing the held-out part")
    if _learns_regions(project, spec):
        return (yield from _gather_regions(project, folder, spec, artifacts))
    return (yield from _gather_objects(project, folder, spec, artifacts))


def make_pairs(
    project: Project, folder: Path, spec: TrainSpec, artifacts: ArtifactStore
) -> Generator[Progress, None, Synthesizer]:
    """Return the dual images that a model is trained on, without real ones among them."""
    if _learns_regions(project, spec):
        found = yield from masked_images(project, folder, spec)
        return (yield from _fitted(project, spec, found.images, artifacts))
    parts, _, _ = _divide(project, folder, spec)
    pairs, _ = yield from _pairs_of(project, folder, spec, parts, artifacts)
    return pairs


def _learns_regions(project: Project, spec: TrainSpec) -> bool:
    """Tell whether true masks of regions are what is learned from, with or without a recipe."""
    task = task_info(spec.task)
    if spec.source == "real":
        return task.marking == "regions"
    if current_recipe(project).learns_from != "masks":
        return False
    if task.needs_objects:
        raise InputError(
            f"The recipe '{current_recipe(project).kind}' makes regions, without separate objects "
            f"to {task.name}: choose the task {task_for('regions').name}, or a recipe that pastes "
            "patches."
        )
    return True


def _gather_regions(
    project: Project, folder: Path, spec: TrainSpec, artifacts: ArtifactStore
) -> Generator[Progress, None, TrainingData]:
    if spec.source == "mixed":
        _real_fraction(spec)  # says what is missing before anything is learned
    found = yield from masked_images(project, folder, spec)
    images, refs = found.images, found.split.train
    pairs: Synthesizer = RealDataset(images.train)
    notes = [found.split.note] if found.split.note else []
    if spec.source != "real":
        pairs = yield from _fitted(project, spec, images, artifacts)
        checked = min(spec.pairs or CHECKED_PAIRS, CHECKED_PAIRS)
        work = pairs.draw(range(checked))
        first = yield from subprogress(work, 0.9, 1.0, "looking at the first dual images")
        notes += _describe_rejected(first, spec.real_fraction)
        if spec.real_fraction:
            pairs = MixedDataset(pairs, images.train, spec.real_fraction)
        else:
            pairs = FilteredDataset(pairs)
    return TrainingData(
        pairs=pairs,
        validation_pairs=images.held,
        validation_images=(),
        images=refs,
        diameter=_usual_diameter(project, refs),
        spacing=_spacing(refs),
        notes=tuple(notes),
    )


def _describe_rejected(first: Sequence[DualImage], real_fraction: float) -> list[str]:
    """Say how many of the first pairs are rejected, and what replaces them."""
    bad = sum(bool(pair.rejection_reason) for pair in first)
    if not bad:
        return []
    found = f"{bad} of the first {len(first)} dual images did not pass the gate"
    if real_fraction:
        return [f"{found}: real images take the place of such pairs"]
    if bad == len(first):
        return [f"{found}: they were learned from, as there was nothing else"]
    return [f"{found}: others take the place of such pairs"]


def _usual_diameter(project: Project, refs: Sequence[ImageRef]) -> float:
    """Return the median of the diameters that are known in pixels; regions need none."""
    found = []
    for ref in refs:
        for cls in project.classes:
            with suppress(InputError):
                found.append(cls.diameter_px(ref))
    return float(np.median(found)) if found else 1.0


def _gather_objects(
    project: Project, folder: Path, spec: TrainSpec, artifacts: ArtifactStore
) -> Generator[Progress, None, TrainingData]:
    parts, held, diameters = _divide(project, folder, spec)
    task = task_info(spec.task)
    held_true = yield from true_pairs(project, folder, task, held)
    refs = [p.ref for p in parts]
    if spec.source == "real":
        pairs: Synthesizer = RealDataset((yield from true_pairs(project, folder, task, parts)))
        val_pairs = held_true
    else:
        pairs, library = yield from _pairs_of(project, folder, spec, parts, artifacts)
        fitted = task.fit_labels(spec, library)
        pairs = TaskPairs(pairs, fitted)
        if spec.source == "mixed":
            mixed_in = _known_elsewhere(project, task, parts, held)
            refs = list({p.ref.id: p.ref for p in (*parts, *mixed_in)}.values())
            real = yield from true_pairs(project, folder, task, mixed_in)
            pairs = MixedDataset(pairs, real, _real_fraction(spec))
        elif spec.real_fraction:
            clicked = tuple(fitted(p) for p in _clicked_pairs(library, folder, parts))
            pairs = MixedDataset(pairs, clicked, spec.real_fraction)
        made = yield from _validation_pairs(project, folder, held, artifacts)
        val_pairs = tuple(fitted(pair) for pair in made)
        if spec.source == "mixed":
            val_pairs += held_true
    return TrainingData(
        pairs=pairs,
        validation_pairs=val_pairs,
        validation_images=tuple(
            ClickedImage(p.ref, open_pixels(p.ref, folder), p.clicks) for p in held
        ),
        images=tuple(refs),
        diameter=float(np.median(diameters)),
        spacing=_spacing(p.ref for p in parts),
    )


def _clicked_pairs(
    library: PatchLibrary, folder: Path, parts: Sequence[Subset]
) -> tuple[DualImage, ...]:
    """Return the fully clicked images with the masks found on them."""
    labelled = (label_clicked(library, p.ref.id, open_pixels(p.ref, folder)) for p in parts)
    real = tuple(pair for pair in labelled if pair is not None)
    if not real:
        raise InputError(
            "No training image can be mixed in: on none is every object clicked. Mark an image as "
            "fully clicked, or set the real fraction to 0."
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
    project: Project, task: TaskInfo, parts: Sequence[Subset], held: Sequence[Subset]
) -> tuple[Subset, ...]:
    """Return what may be mixed in: training parts with truth, and images that nobody clicked."""
    clicked = {p.ref.id for p in (*parts, *held)}
    rest = [p for p in true_parts(project, task) if p.ref.id not in clicked]
    return (*(p for p in parts if project.truth_of(p.ref, *task.truth_kinds)), *rest)


def _pairs_of(
    project: Project,
    folder: Path,
    spec: TrainSpec,
    parts: Sequence[Subset],
    artifacts: ArtifactStore,
) -> Generator[Progress, None, tuple[Synthesizer, PatchLibrary]]:
    """Return the dual images of some parts, as many different ones as the spec allows."""
    library = yield from cut(project, folder, parts)
    return (yield from _fitted(project, spec, library, artifacts)), library


def _fitted(
    project: Project,
    spec: TrainSpec,
    source: PatchLibrary | MaskedImages,
    artifacts: ArtifactStore,
) -> Generator[Progress, None, Synthesizer]:
    """Return dual images, as many different ones as the spec asks for, else as are enough."""
    recipe = current_recipe(project)
    pairs = yield from recipe.fit(source, artifacts)
    count = spec.pairs or recipe.default_pool_size
    return pairs if count is None else CachedDataset(pairs, count)


def _divide(
    project: Project, folder: Path, spec: TrainSpec
) -> tuple[tuple[Subset, ...], tuple[Subset, ...], list[float]]:
    """Return the parts to train on, those held out, and the diameters of what they show."""
    if spec.source == "real":
        parts = true_parts(project, task_info(spec.task))
    else:
        parts = clicked_parts(project)
        if spec.source == "mixed":
            true_parts(project, task_info(spec.task))  # says what is missing before anything is cut
    shapes = {p.ref.id: open_pixels(p.ref, folder).shape[1:] for p in parts}
    diameters = [
        cls.diameter_px(part.ref)
        for part in parts
        for cls in project.classes
        if any(c.cls == cls.value for c in part.clicks)
    ] or [cls.diameter_px(part.ref) for part in parts for cls in project.classes]
    wanted = tuple(Subset(r, project.clicks_on(r)) for r in project.images if r.role == "validate")
    held = tuple(p for p in wanted if p.clicks)
    if not held:
        gap = max(diameters)
        parts, held = split_clicked(
            parts, shapes, fraction=spec.validation_fraction, gap=gap, seed=spec.seed
        )
    return tuple(parts), tuple(held), diameters


def _spacing(refs: Iterable[ImageRef]) -> tuple[float, ...]:
    """Return the usual spacing of volumes; nothing for flat images, whose pixels are square."""
    each = [ref.spacing for ref in refs if ref.ndim == 3]
    return tuple(float(s) for s in np.median(each, axis=0)) if each else ()


def _validation_pairs(
    project: Project, folder: Path, held: Sequence[Subset], artifacts: ArtifactStore
) -> Generator[Progress, None, tuple[DualImage, ...]]:
    if not held:
        return ()
    try:
        library = yield from cut(project, folder, held)
        synthesizer = yield from current_recipe(project).fit(library, artifacts)
    except InputError:
        return ()  # nothing usable is held out: the clicks alone must decide
    return tuple((yield from synthesizer.draw(range(VALIDATION_PAIRS))))
