"""Which objects of an image were found, missed and false, at any smallest score."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import BoxTruth, ImageRef, InstanceTruth, PointTruth
from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import (
    BoxLabels,
    InstanceLabels,
    Labels,
    PointLabels,
    boxes_of,
    lie_where_known,
    where_known,
)
from napari_synthseg.core.predictions import (
    FoundObject,
    FoundPoint,
    InstancePrediction,
    ObjectPrediction,
    PointPrediction,
    Prediction,
    objects_from,
)
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.metrics import object_errors
from napari_synthseg.metrics.object_errors import Judged, Overlaps
from napari_synthseg.metrics.overlap import Overlap, measure_overlap
from napari_synthseg.storage.truths import open_labels
from napari_synthseg.tasks.registry import task_info
from napari_synthseg.tasks.results import diameters_on, scaled

Numbers = NDArray[np.intp]
Counts = Callable[[Sequence[FoundPoint]], Sequence[bool]]
"""Tells of each object whether it lies where the truth is known."""


@dataclass(frozen=True, eq=False)
class JudgedImage:
    """The objects of one image at one smallest score.

    Attributes
    ----------
    image
        Id.
    judged
        Numbers in it are places in `true` and `predicted`.
    true, predicted
        In pixels of the whole image.
    sizes
        Diameter of the circle of the same area of each true object, pixels; 0: not known.
    truth
        What the truth is: "masks", "boxes" or "clicks".
    counts_false
        Whether the truth holds all objects, so that others are false.
    """

    image: str
    judged: Judged
    true: Sequence[FoundPoint]
    predicted: Sequence[FoundPoint]
    sizes: Sequence[float]
    truth: str
    counts_false: bool = True


@dataclass(frozen=True, eq=False)
class Judge:
    """Compares one prediction with the truth of its image, at any smallest score.

    What takes long is done once: `overlap` of masks. `match` does the rest.
    """

    prediction: ObjectPrediction
    true: tuple[FoundPoint, ...]
    sizes: tuple[float, ...]
    truth: str
    forgiven: frozenset[int]
    counts_false: bool
    match: Callable[[Sequence[FoundPoint], Numbers], tuple[Numbers, Overlaps | None]]
    """(objects, numbers of those that count) -> matches with their place among these, overlaps."""
    counts: Counts = lambda every: [True] * len(every)

    def at(self, least: float | None) -> JudgedImage:
        """Judge the objects that score at least `least`; None: those that the model reports."""
        every: Sequence[FoundPoint] = self.prediction.objects
        if least is not None:
            every = objects_from(self.prediction, 0.0)
        kept = [
            n
            for n, (one, counts) in enumerate(zip(every, self.counts(every), strict=True))
            if counts and (least is None or one.score >= least)
        ]
        matches, overlaps = self.match(every, np.array(kept, np.intp))
        predicted = [every[n] for n in kept]
        everything = {o.cls for o in predicted} if not self.counts_false else set()
        judged = object_errors.judge(
            np.array([o.cls for o in self.true], np.int64),
            np.array([o.cls for o in predicted], np.int64),
            matches,
            overlaps,
            self.forgiven | everything,
        )
        return JudgedImage(
            self.prediction.image, judged, self.true, predicted, self.sizes, self.truth,
            self.counts_false,
        )  # fmt: skip


def make_judges(
    project: Project, folder: Path, task: str, found: Sequence[Prediction]
) -> Generator[Progress, None, list[Judge]]:
    """Return what compares predictions with the truth, of those whose image has one."""
    judges: list[Judge] = []
    refs = {ref.id: ref for ref in project.images}
    for number, prediction in enumerate(found):
        ref = refs.get(prediction.image)
        if ref is None or not isinstance(prediction, ObjectPrediction):
            continue
        yield Progress(number / len(found), f"comparing with the truth of {ref.name}")
        judge = _judge_of(project, folder, task, prediction, ref)
        if judge is not None:
            judges.append(judge)
    return judges


def _judge_of(
    project: Project, folder: Path, task: str, prediction: ObjectPrediction, ref: ImageRef
) -> Judge | None:
    """Return the judge of one image by the truth that its task is scored against, else clicks."""
    truth = project.truth_of(ref, *task_info(task).truth_kinds, "points")
    if isinstance(truth, InstanceTruth | BoxTruth | PointTruth):
        labels = open_labels(truth, ref, folder)
        return _by_truth(project, prediction, ref, labels, frozenset(truth.incomplete))
    clicks = project.clicks_on(ref)
    if not clicks or (ref.role == "train" and not ref.exhaustive):
        return None
    true = tuple(FoundPoint(n, c.cls, 1.0, c.position) for n, c in enumerate(clicks, 1))
    return _by_centers(project, prediction, ref, true, "clicks", ref.exhaustive)


def _by_truth(
    project: Project,
    prediction: ObjectPrediction,
    ref: ImageRef,
    labels: Labels,
    forgiven: frozenset[int],
) -> Judge | None:
    origin = tuple(start for start, _ in ref.region) if ref.region else (0,) * ref.ndim
    if isinstance(labels, InstanceLabels) and isinstance(prediction, InstancePrediction):
        return _by_masks(prediction, labels, origin, forgiven)
    if isinstance(labels, PointLabels):
        true = tuple(
            FoundPoint(n, int(cls), 1.0, tuple(np.add(at, origin).tolist()))
            for n, (at, cls) in enumerate(zip(labels.positions, labels.classes, strict=True), 1)
        )
        return _by_centers(project, prediction, ref, true, "points", not forgiven)
    if not isinstance(labels, BoxLabels | InstanceLabels) or ref.ndim != 2:
        return None
    words = "boxes" if isinstance(labels, BoxLabels) else "masks"
    objects = _boxed(boxes_of(labels).shifted(origin))
    if isinstance(prediction, PointPrediction):
        return _by_centers(project, prediction, ref, objects, words, not forgiven)

    def counts(every: Sequence[FoundPoint]) -> Sequence[bool]:
        placed = _as_boxes(every).shifted([-start for start in origin])
        return [bool(known) for known in lie_where_known(placed, labels)]

    return _by_boxes(prediction, objects, words, forgiven, counts)


def _by_masks(
    prediction: InstancePrediction,
    labels: InstanceLabels,
    origin: tuple[int, ...],
    forgiven: frozenset[int],
) -> Judge:
    known = where_known(labels.ids, prediction.ids)
    overlap = measure_overlap(*known)
    unseen = set(np.unique(prediction.ids).tolist()) - set(np.unique(known[1]).tolist())
    slices = labels.slices()
    flat = labels.ids.ndim == 2
    true, sizes = [], []
    for ident, area in zip(overlap.true_ids.tolist(), overlap.true_areas.tolist(), strict=True):
        box = tuple((s.start + o, s.stop + o) for s, o in zip(slices[ident], origin, strict=True))
        middle = tuple((start + stop - 1) / 2 for start, stop in box)
        true.append(FoundObject(ident, labels.classes.get(ident, 1), 1.0, middle, box))
        sizes.append(2 * (area / np.pi) ** 0.5 if flat else 2 * (0.75 * area / np.pi) ** (1 / 3))

    def match(every: Sequence[FoundPoint], kept: Numbers) -> tuple[Numbers, Overlaps]:
        place = {every[n].id: at for at, n in enumerate(kept.tolist())}
        columns = np.array([place.get(i, -1) for i in overlap.predicted_ids.tolist()], np.intp)
        shown = columns[overlap.columns] >= 0
        part = Overlap(
            overlap.true_ids, overlap.predicted_ids, overlap.true_areas, overlap.predicted_areas,
            overlap.rows[shown], overlap.columns[shown], overlap.shared[shown],
        )  # fmt: skip
        matches, shared = object_errors.match_masks(part), object_errors.overlaps_of_masks(part)
        matches[:, 1] = columns[matches[:, 1]]
        return matches, Overlaps(
            shared.rows, columns[shared.columns], shared.iou, shared.of_true, shared.of_predicted
        )

    def counts(every: Sequence[FoundPoint]) -> Sequence[bool]:
        return [one.id not in unseen for one in every]

    return Judge(prediction, tuple(true), tuple(sizes), "masks", forgiven, True, match, counts)


def _by_boxes(
    prediction: ObjectPrediction,
    objects: tuple[FoundObject, ...],
    words: str,
    forgiven: frozenset[int],
    counts: Counts,
) -> Judge:
    true = _as_boxes(objects)

    def match(every: Sequence[FoundPoint], kept: Numbers) -> tuple[Numbers, Overlaps]:
        predicted = _as_boxes([every[n] for n in kept.tolist()])
        matches = object_errors.match_boxes_once(true, predicted)
        return matches, object_errors.overlaps_of_boxes(true, predicted)

    sides = true.corners[:, 2:] - true.corners[:, :2]
    sizes = tuple(np.sqrt(np.prod(sides, axis=1)).tolist())
    return Judge(prediction, objects, sizes, words, forgiven, True, match, counts)


def _by_centers(
    project: Project,
    prediction: ObjectPrediction,
    ref: ImageRef,
    true: tuple[FoundPoint, ...],
    words: str,
    is_complete: bool,
) -> Judge | None:
    try:
        diameters = diameters_on(ref, project.classes)
    except InputError:  # a length, but no pixel size: nothing tells how near is near enough
        return None
    radii = {value: diameter / 2 for value, diameter in diameters.items()}
    mine = _centers(true, ref)

    def match(every: Sequence[FoundPoint], kept: Numbers) -> tuple[Numbers, None]:
        theirs = _centers([every[n] for n in kept.tolist()], ref)
        return object_errors.match_points(mine, theirs, radii), None

    sizes = tuple(diameters.get(one.cls, 0.0) for one in true)
    return Judge(prediction, true, sizes, words, frozenset(), is_complete, match)


def _centers(
    objects: Sequence[FoundPoint], ref: ImageRef
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    positions = np.array([scaled(o.center, ref.spacing) for o in objects], float)
    return positions.reshape(-1, ref.ndim), np.array([o.cls for o in objects], np.int64)


def _boxed(boxes: Boxes) -> tuple[FoundObject, ...]:
    objects = []
    for number, (ymin, xmin, ymax, xmax, cls) in enumerate(boxes.rows(), start=1):
        center = ((ymin + ymax - 1) / 2, (xmin + xmax - 1) / 2)
        objects.append(FoundObject(number, cls, 1.0, center, ((ymin, ymax), (xmin, xmax))))
    return tuple(objects)


def _as_boxes(objects: Sequence[FoundPoint]) -> Boxes:
    rows = [o.box for o in objects if isinstance(o, FoundObject)]
    corners = np.array(rows, float).reshape(-1, 2, 2).swapaxes(1, 2).reshape(-1, 4)
    scores = [o.score for o in objects]
    return Boxes.of(corners, [o.cls for o in objects] or 1, scores or 1.0)
