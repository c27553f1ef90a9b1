"""Scores of what a run found on a project's images, against the ground truth that they have."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Literal

import numpy as np

from napari_synthseg.core.annotations import (
    BoxTruth,
    ImageRef,
    InstanceTruth,
    PointTruth,
    TruthKind,
)
from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import (
    BoxLabels,
    ImageTags,
    InstanceLabels,
    Labels,
    boxes_of,
    instances_of,
    regions_of,
)
from napari_synthseg.core.predictions import (
    BoxPrediction,
    FoundObject,
    HeatMaps,
    ImageTagsPrediction,
    InstancePrediction,
    ObjectPrediction,
    Prediction,
    RegionPrediction,
)
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.core.recipe import Recipe
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.scores import Scores
from napari_synthseg.tasks.registry import task_info
from napari_synthseg.workflow.truths import true_labels

MAP_KINDS: tuple[TruthKind, ...] = ("instance", "boxes")
"""Kinds of ground truth that heat maps are scored against, what says most first."""

Known = list[tuple[ImageRef, Labels]]
"""Images with their ground truth."""


def score(
    project: Project,
    folder: Path,
    run: TrainingRun,
    found: Sequence[Prediction] | Sequence[HeatMaps],
) -> Generator[Progress, None, Scores]:
    """Score what a run found against the ground truth of the images.

    Masks are compared object by object, regions pixel by pixel, boxes by their overlap, and what a
    classifier says with what the images show; of heat maps it is told where they point. Where no
    image has such ground truth, the clicks on images that are not for training are the truth, and
    objects are compared by their centers.

    Raises
    ------
    InputError
        If none of the images has ground truth.
    """
    predictions = {p.image: p for p in found if not isinstance(p, HeatMaps)}
    maps = {m.image: m for m in found if isinstance(m, HeatMaps)}
    if maps:
        scores = yield from _score_maps(project, folder, maps)
    else:
        scores = yield from _score_predictions(project, folder, run.task, predictions)
    warnings = (*_seen_before(project, run, {**predictions, **maps}), *scores.warnings)
    return scores.model_copy(update={"run": run.id, "warnings": warnings})


def _seen_before(
    project: Project, run: TrainingRun, found: Mapping[str, object]
) -> tuple[str, ...]:
    """Return a warning if a model is scored by the very truth that it was trained on."""
    kind = Recipe.kinds.get(str(run.recipe.get("kind", "")))
    learned = run.spec.source != "real" and kind is not None and kind.learns_from == "masks"
    if run.spec.source == "synthetic" and not learned:
        return ()
    seen = [i.name for i in project.images if i.id in found and i.id in run.images]
    if not seen:
        return ()
    names = ", ".join(f"'{name}'" for name in seen)
    return (
        f"The model was trained on {names}: this tells how well it was learned by heart, not how "
        "the model does on other images.",
    )


def _score_predictions(
    project: Project, folder: Path, task: str, found: Mapping[str, Prediction]
) -> Generator[Progress, None, Scores]:
    kinds = task_info(task).truth_kinds
    known = yield from _open_truth(project, folder, kinds, found)
    if task == "classify":
        known = known or _clicked_labels(project, found)
        return _score_labels(project, _only(found, ImageTagsPrediction), known)
    if task == "semantic":
        return _score_regions(project, _only(found, RegionPrediction), known)
    if not known:
        return _score_clicks(project, _only(found, ObjectPrediction))
    if task == "detect":
        return _score_boxes(project, _only(found, BoxPrediction), known)
    return _score_masks(project, _only(found, InstancePrediction), known)


def _only(found: Mapping[str, object], kind: type | UnionType) -> dict[str, Any]:
    """Return the predictions of one kind."""
    return {image: each for image, each in found.items() if isinstance(each, kind)}


def _score_maps(
    project: Project, folder: Path, found: Mapping[str, HeatMaps]
) -> Generator[Progress, None, Scores]:
    from napari_synthseg.metrics.heat_maps.scores import score_heat_maps

    known = yield from _open_truth(project, folder, MAP_KINDS, found)
    if not known:
        raise InputError(
            "None of these images has true masks or boxes, so where the maps point cannot be "
            "scored: import them."
        )
    refs = [ref for ref, _ in known]
    return score_heat_maps(
        [(ref.name, _pointed_at(truth), found[ref.id].maps) for ref, truth in known],
        _names(project),
        measured_on=_kind_of_images(refs),
        truth=_words(known),
        diameters={c.value: c.diameter_px(refs[0]) for c in project.classes},
        incomplete_classes=_incomplete(project, refs, MAP_KINDS),
    )


def _pointed_at(truth: Labels) -> InstanceLabels | Boxes:
    """Return what heat maps may point at: the objects of the classes that the image shows."""
    from napari_synthseg.metrics.heat_maps.targets import covers_pixels

    if not isinstance(truth, BoxLabels):
        return instances_of(truth)
    shown = np.isin(truth.boxes.classes, list(truth.class_values_shown()))
    return truth.boxes.take(shown & covers_pixels(truth.boxes, truth.shape))


def _open_truth(
    project: Project, folder: Path, kinds: Sequence[TruthKind], found: Mapping[str, object]
) -> Generator[Progress, None, Known]:
    """Return the ground truth of the images that have some of these kinds."""
    pairs = [
        (ref, truth)
        for ref in project.images
        if ref.id in found and (truth := project.truth_of(ref, *kinds))
    ]
    known: Known = []
    for number, (ref, truth) in enumerate(pairs):
        yield Progress(number / len(pairs), f"scoring {ref.name}")
        known.append((ref, true_labels(project, folder, truth, ref)))
    return known


def _score_masks(project: Project, found: Mapping[str, InstancePrediction], known: Known) -> Scores:
    from napari_synthseg.metrics.instance import score_instances

    pairs = [(ref.name, instances_of(truth), found[ref.id].as_labels()) for ref, truth in known]
    kind = _kind_of_images([ref for ref, _ in known])
    return score_instances(pairs, _names(project), measured_on=kind)


def _score_regions(project: Project, found: Mapping[str, RegionPrediction], known: Known) -> Scores:
    from napari_synthseg.metrics.semantic import score_semantic

    if not known:
        raise InputError(
            "None of these images has true masks of regions or objects: import them, or paint them "
            "in a Labels layer."
        )
    return score_semantic(
        ((ref.name, regions_of(truth).values, found[ref.id].values) for ref, truth in known),
        _names(project),
        measured_on=_kind_of_images([ref for ref, _ in known]),
    )


def _score_boxes(project: Project, found: Mapping[str, BoxPrediction], known: Known) -> Scores:
    from napari_synthseg.metrics.detection import score_boxes

    refs = [ref for ref, _ in known]
    origins = {ref.id: found[ref.id].region_origin for ref in refs}
    return score_boxes(
        [
            (ref.name, boxes_of(truth), _boxes(found[ref.id].objects, origins[ref.id]))
            for ref, truth in known
        ],
        _names(project),
        measured_on=_kind_of_images(refs),
        truth=_words(known),
        candidates={
            ref.name: _boxes(found[ref.id].candidates or found[ref.id].objects, origins[ref.id])
            for ref in refs
        },
        incomplete_classes=_incomplete(project, refs, task_info("detect").truth_kinds),
    )


def _boxes(objects: Sequence[FoundObject], origin: Sequence[int]) -> Boxes:
    """Return the boxes of what was found, in pixels of the image's region."""
    corners = np.array([o.box for o in objects], float).reshape(-1, 2, 2).swapaxes(1, 2)
    boxes = Boxes.of(
        corners.reshape(-1, 4), [o.cls for o in objects] or 1, [o.score for o in objects] or 1.0
    )
    return boxes.shifted([-start for start in origin])


def _score_labels(
    project: Project, found: Mapping[str, ImageTagsPrediction], known: Known
) -> Scores:
    from napari_synthseg.metrics.image_labels import score_image_labels

    values = [c.value for c in project.classes]
    refs = [ref for ref, _ in known]
    first = found[refs[0].id]
    return score_image_labels(
        [ref.name for ref in refs],
        [[value in truth.class_values_shown() for value in values] for _, truth in known],
        [[found[ref.id].probabilities.get(value, 0.0) for value in values] for ref in refs],
        _names(project),
        measured_on=_kind_of_images(refs),
        threshold={value: first.thresholds.get(value, 0.5) for value in values},
    )


def _clicked_labels(project: Project, found: Mapping[str, Prediction]) -> Known:
    """Return what fully clicked images that are not for training show."""
    known: Known = [
        (ref, ImageTags(frozenset(c.cls for c in project.clicks_on(ref)), ()))
        for ref in project.images
        if ref.id in found and ref.role != "train" and ref.exhaustive and project.clicks_on(ref)
    ]
    if not known:
        raise InputError(
            "It is not known what any of these images shows: import masks, boxes or labels for "
            "them, or click all objects of images that are not used for training."
        )
    return known


def _score_clicks(project: Project, found: Mapping[str, ObjectPrediction]) -> Scores:
    from napari_synthseg.metrics.localization import Centers, score_centers

    refs = [
        ref
        for ref in project.images
        if ref.id in found and ref.role != "train" and project.clicks_on(ref)
    ]
    if not refs:
        raise InputError(
            "None of these images has ground truth: import true masks for an image, or click the "
            "objects of an image that is not used for training."
        )
    pairs = [
        (
            ref.name,
            Centers.of(_even([c.position for c in clicks], ref), [c.cls for c in clicks], ref.ndim),
            Centers.of(_even([o.center for o in objects], ref), [o.cls for o in objects], ref.ndim),
        )
        for ref, clicks, objects in (
            (ref, project.clicks_on(ref), found[ref.id].objects) for ref in refs
        )
    ]
    return score_centers(
        pairs,
        _names(project),
        {c.value: c.diameter_px(refs[0]) for c in project.classes},
        measured_on=_kind_of_images(refs),
        truth="clicks",
        incomplete=[ref.name for ref in refs if not ref.exhaustive],
    )


def _incomplete(
    project: Project, refs: Sequence[ImageRef], kinds: Sequence[TruthKind]
) -> tuple[str, ...]:
    """Return the names of the classes of which not every object is in the ground truth."""
    truths = (project.truth_of(ref, *kinds) for ref in refs)
    values = {
        value
        for truth in truths
        if isinstance(truth, InstanceTruth | BoxTruth | PointTruth)
        for value in truth.incomplete
    }
    return tuple(c.name for c in project.classes if c.value in values)


def _names(project: Project) -> dict[int, str]:
    return {c.value: c.name for c in project.classes}


def _words(known: Known) -> str:
    """Say what the truth is."""
    kinds = {"boxes" if isinstance(truth, BoxLabels) else "masks" for _, truth in known}
    return " and ".join(sorted(kinds))


def _even(positions: Sequence[Sequence[float]], ref: ImageRef) -> list[tuple[float, ...]]:
    """Return positions in a volume in pixels of its finest axis, in which diameters are given."""
    spacing = ref.spacing if ref.ndim == 3 else (1.0, 1.0)
    return [tuple(p * s for p, s in zip(at, spacing, strict=True)) for at in positions]


def _kind_of_images(refs: Sequence[ImageRef]) -> Literal["real", "synthetic"]:
    """Say what was measured on: one synthetic image among them, and it is not "real"."""
    return "synthetic" if any(ref.synthetic for ref in refs) else "real"
