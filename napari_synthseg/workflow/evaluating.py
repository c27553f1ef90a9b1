"""Scores against ground truth: of what a run found on a project's images, or of any files."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_synthseg.core.annotations import ImageRef, TruthKind
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import (
    BoxLabels,
    InstanceLabels,
    Labels,
    incomplete_classes,
    instances_of,
)
from napari_synthseg.core.predictions import HeatMaps, Prediction, at_score
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.core.recipe import load_recipe
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.scores import Scores, ScoringOptions
from napari_synthseg.explain import scoring as heat_map_scoring
from napari_synthseg.io.naming import name_some
from napari_synthseg.tasks.registry import task_info, task_names
from napari_synthseg.tasks.results import ImageResult, diameters_on, names_of, truth_words
from napari_synthseg.training.split import of_same_specimen
from napari_synthseg.workflow.jobs import Job
from napari_synthseg.workflow.truths import true_labels

HEAT_MAPS = "cam"
"""What is scored is heat maps, in commands."""

MAP_KINDS: tuple[TruthKind, ...] = ("instance", "boxes")
"""Kinds of ground truth that heat maps are scored against, what says most first."""


KnownImage = tuple[ImageRef, Labels | None, frozenset[int]]
"""An image, its truth, and the values of the classes of which not every object is in it."""


def score(
    project: Project,
    folder: Path,
    run: TrainingRun,
    found: Sequence[Prediction] | Sequence[HeatMaps],
) -> Generator[Progress, None, Scores]:
    """Score what a run found against the ground truth of the images, as its task does.

    Of heat maps it is scored where they point.

    Raises
    ------
    InputError
        If none of the images has ground truth.
    """
    least = run.least_score
    predictions = {p.image: at_score(p, least) for p in found if not isinstance(p, HeatMaps)}
    maps = {m.image: m for m in found if isinstance(m, HeatMaps)}
    if maps:
        scores, counted = yield from _score_maps(project, folder, maps)
    else:
        task = task_info(run.task)
        known = yield from _open_truth(project, folder, task.truth_kinds, predictions)
        images = [
            ImageResult(ref, predictions[ref.id], labels, project.clicks_on(ref), incomplete)
            for ref, labels, incomplete in known
        ]
        scores = task.score_images(images, project.classes).of_task(task.name)
        counted = [one.ref for one in task.scored_images(images)]
    warnings = (*_found_otherwise(found, counted), *_seen_before(run, counted))
    warnings += _of_same_specimen(project, run, counted)
    warnings += scores.warnings
    if predictions and least is not None:
        warnings += (f"Objects that score below {least:.2f} were left out.",)
    return scores.model_copy(update={"run": run.id, "warnings": warnings})


def _open_truth(
    project: Project, folder: Path, kinds: Sequence[TruthKind], found: Collection[str]
) -> Generator[Progress, None, list[KnownImage]]:
    """Return the images on which something was found, with the best truth of some kinds."""
    refs = [ref for ref in project.images if ref.id in found]
    known: list[KnownImage] = []
    for number, ref in enumerate(refs):
        yield Progress(number / len(refs), f"scoring {ref.name}")
        truth = project.truth_of(ref, *kinds)
        labels = None if truth is None else true_labels(project, folder, truth, ref)
        known.append((ref, labels, incomplete_classes(labels) if labels else frozenset()))
    return known


def _found_otherwise(
    found: Sequence[Prediction] | Sequence[HeatMaps], scored: Sequence[ImageRef]
) -> tuple[str, ...]:
    """Return a warning for each way other than the usual one in which something was found."""
    how = {one.image: one.how for one in found}
    ways = dict.fromkeys(how[ref.id] for ref in scored if how[ref.id])
    images = {way: [ref for ref in scored if how[ref.id] == way] for way in ways}
    return tuple(f"On {name_some(images[way])} {way}." for way in ways)


def _seen_before(run: TrainingRun, scored: Sequence[ImageRef]) -> tuple[str, ...]:
    """Return a warning if a model is scored on images that it was trained on, or on their truth."""
    seen = [ref for ref in scored if ref.id in run.images]
    if not seen:
        return ()
    by_truth = run.spec.source != "synthetic" or load_recipe(run.recipe).learns_from == "masks"
    if by_truth:
        return (
            f"The model was trained on {name_some(seen)}: these images were used for training, so "
            "the score does not show how the model does on other images.",
        )
    return (
        f"Learned from the pixels of {name_some(seen)}, not from the truth: on others it may do "
        "worse.",
    )


def _of_same_specimen(
    project: Project, run: TrainingRun, scored: Sequence[ImageRef]
) -> tuple[str, ...]:
    """Return a warning if a model is scored on other images of what it was trained on."""
    others = (ref for ref in scored if ref.id not in run.images)
    shared = of_same_specimen(others, project.images_of(run))
    if not shared:
        return ()
    named = name_some(shared)
    return (f"Learned from the same file or specimen as {named}: on others it may do worse.",)


def _score_maps(
    project: Project, folder: Path, maps: Mapping[str, HeatMaps]
) -> Generator[Progress, None, tuple[Scores, list[ImageRef]]]:
    """Return the scores of heat maps, and the images on which they were scored."""
    from napari_synthseg.metrics.heat_maps.scores import score_heat_maps

    opened = yield from _open_truth(project, folder, MAP_KINDS, maps)
    known = [(ref, labels, values) for ref, labels, values in opened if labels is not None]
    if not known:
        raise InputError(
            "None of these images has true masks or boxes, so where the maps point cannot be "
            "scored: import them."
        )
    refs = [ref for ref, _, _ in known]
    scores = score_heat_maps(
        [(ref.name, _pointed_at(labels), maps[ref.id].maps) for ref, labels, _ in known],
        project.class_names,
        measured_on="synthetic" if any(ref.synthetic for ref in refs) else "real",
        truth=truth_words(labels for _, labels, _ in known),
        diameters=[diameters_on(ref, project.classes) for ref in refs],
        incomplete_classes=names_of(project.classes, (values for _, _, values in known)),
    )
    return scores, refs


def _pointed_at(truth: Labels) -> InstanceLabels | BoxLabels:
    """Return what heat maps may point at: the objects of the classes that the image shows."""
    from napari_synthseg.metrics.heat_maps.targets import covers_pixels

    if not isinstance(truth, BoxLabels):
        return instances_of(truth)
    shown = np.isin(truth.boxes.classes, list(truth.class_values_shown()))
    return replace(truth, boxes=truth.boxes.take(shown & covers_pixels(truth.boxes, truth.shape)))


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
