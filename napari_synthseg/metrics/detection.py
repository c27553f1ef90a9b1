"""Scored boxes against true boxes: which objects a detector finds, and how well it ranks them.

Definitions
-----------
Boxes are matched as COCO does (Lin et al., "Microsoft COCO", ECCV 2014): per image and class the
predicted boxes come by falling score, and each takes the free true box it overlaps most, if their
IoU is at least the threshold. ``precision``, ``recall`` and ``f1`` count the boxes whose score
reaches a threshold, pooled over images and classes. ``ap@0.5`` and ``ap@0.5:0.95`` (the mean over
the IoU thresholds 0.5, 0.55, ..., 0.95) rank all boxes; over all classes they are the mean of the
classes that have a true box. Boxes of equal score are ranked in the order of images, then of
rows. COCO looks at no more than 100 boxes per image and class; a field of cells may hold more
than that, so that here all count unless `max_detections` says otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_synthseg.core.boxes import Boxes, find_overlaps
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.scores import Measured, Scores
from napari_synthseg.metrics.checks import (
    NO_CLASS_LEFT,
    require_images,
    require_known_classes,
    require_named,
    warn_incomplete_classes,
)
from napari_synthseg.metrics.counts import Counts, mean_by_name
from napari_synthseg.metrics.ranking import interpolate_precision

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)


def match_boxes(true: Boxes, ranked: Boxes, thresholds: ArrayLike) -> NDArray[np.bool_]:
    """Match boxes one-to-one as COCO does, whatever their class.

    Parameters
    ----------
    true
        True boxes.
    ranked
        Predicted boxes, the highest score first. Since each chooses before those that follow,
        the matches of the first k do not depend on the rest.
    thresholds
        IoU that a match must reach, shape (threshold,), > 0.

    Returns
    -------
    Whether each predicted box is matched, shape (threshold, box).
    """
    return pair_boxes(true, ranked, thresholds) >= 0


def pair_boxes(true: Boxes, ranked: Boxes, thresholds: ArrayLike) -> NDArray[np.intp]:
    """Return the true box that each predicted one is matched with, or -1; see `match_boxes`.

    Shape (threshold, box).
    """
    # an IoU of 1 may come out a little smaller where boxes lie at fractions of a pixel
    least = np.minimum(np.atleast_1d(np.asarray(thresholds, np.float64)), 1.0 - 1e-10)
    partners = np.full((least.size, len(ranked)), -1, np.intp)
    if not len(true) or not len(ranked):
        return partners
    boxes, near, iou = find_overlaps(ranked.corners, true.corners, float(least.min()))
    order = np.lexsort((-near, boxes))  # of equals, the last is taken
    boxes, near, iou = boxes[order], near[order], iou[order]
    alone = (np.bincount(boxes)[boxes] == 1) & (np.bincount(near)[near] == 1)
    # nothing else asks for the true box
    partners[:, boxes[alone]] = np.where(iou[alone] >= least[:, None], near[alone], -1)
    free = np.ones((least.size, len(true)), np.bool_)
    rows = np.arange(least.size)
    rest = np.flatnonzero(~alone)
    starts = np.flatnonzero(np.diff(boxes[rest], prepend=-1))
    for mine in np.split(rest, starts[1:]) if rest.size else ():
        offered = np.where(free[:, near[mine]], iou[mine], 0.0)
        best = offered.argmax(axis=1)
        hit = offered[rows, best] >= least
        partners[hit, boxes[mine[0]]] = near[mine][best[hit]]
        free[rows[hit], near[mine][best[hit]]] = False
    return partners


def score_boxes(
    pairs: Iterable[tuple[str, Boxes, Boxes]],
    class_names: Mapping[int, str],
    *,
    measured_on: Measured,
    truth: str = "boxes",
    threshold: float | None = None,
    candidates: Mapping[str, Boxes] | None = None,
    max_detections: int | None = None,
    incomplete_classes: Collection[str] = (),
) -> Scores:
    """Score predicted boxes against true ones, pooled over images.

    Parameters
    ----------
    pairs
        Image name, true and predicted boxes of each image. An image without a true box belongs
        here too: what is predicted there is false.
    class_names
        Class value -> name. A match needs the same class on both sides.
    measured_on
        Whether the images are real or synthetic.
    truth
        What the truth is, for the caption.
    threshold
        Score that a predicted box must reach to count for F1, precision and recall; None: all.
    candidates
        Image name -> the boxes that average precision ranks, where the predicted boxes are
        only those above a threshold; an image that is not named has none. None: the predicted
        boxes.
    max_detections
        Number of boxes per image and class that average precision ranks, the best first.
        100 gives the figures of COCO; None: all.
    incomplete_classes
        Names of classes of which not every object is in the truth. They stay out of the values
        over all classes, and have neither precision nor average precision of their own.

    Returns
    -------
    Scores with ``ap@0.5``, ``ap@0.5:0.95``, ``f1@0.5``, ``precision@0.5``, ``recall@0.5``,
    ``found``, ``missed`` and ``false``, and ``at_score`` where a threshold was given. Average
    precision is left out, with a warning, where there is no true box.

    Raises
    ------
    InputError
        If there is no image, a box has an unknown class, or all classes are incomplete.
    """
    trusted = _trusted(class_names, incomplete_classes)
    tallies = {value: _ClassBoxes() for value in class_names}
    least = -np.inf if threshold is None else threshold
    names: list[str] = []
    for name, true, predicted in pairs:
        ranking = predicted if candidates is None else candidates.get(name, Boxes.of([]))
        values = np.concatenate([boxes.classes for boxes in (true, predicted, ranking)]).tolist()
        require_known_classes(f"Image '{name}'", values, class_names)
        for value, tally in tallies.items():
            mine = true.of_class(value)
            tally.count(mine, predicted.of_class(value).ranked(), least)
            tally.rank(mine, ranking.of_class(value).ranked(), max_detections)
        names.append(name)
    require_images(names)
    pooled = sum((tallies[value].pooled for value in trusted), Counts())
    values = {
        **mean_by_name(tallies[value].average_precisions() for value in trusted),
        **_values(pooled),
    }
    if threshold is not None:
        values["at_score"] = threshold
    return Scores(
        measured_on=measured_on,
        images=tuple(names),
        objects=pooled.true,
        truth=truth,
        values=values,
        per_class={
            class_names[v]: tally.values(v in trusted)
            for v, tally in tallies.items()
            if not tally.empty
        },
        warnings=(
            *_warn_without_truth({class_names[v]: tallies[v] for v in trusted}),
            *warn_incomplete_classes(n for n in class_names.values() if n in incomplete_classes),
        ),
    )


@dataclass(eq=False)
class _ClassBoxes:
    """What is kept of one class: per image the counts at IoU 0.5, and the ranked boxes."""

    counts: list[Counts] = field(default_factory=list)
    scores: list[NDArray[np.float64]] = field(default_factory=list)
    hits: list[NDArray[np.bool_]] = field(default_factory=list)

    @property
    def pooled(self) -> Counts:
        return sum(self.counts, Counts())

    @property
    def empty(self) -> bool:
        return self.pooled.empty and not any(scores.size for scores in self.scores)

    def count(self, true: Boxes, ranked: Boxes, least: float) -> None:
        """Add an image: how many boxes with a score of at least `least` are right."""
        chosen = ranked.take(ranked.scores >= least)
        matched = match_boxes(true, chosen, 0.5)
        self.counts.append(Counts(len(true), len(chosen), int(matched.sum())))

    def rank(self, true: Boxes, ranked: Boxes, limit: int | None) -> None:
        """Add an image: which of its first boxes are right at each IoU."""
        first = ranked.take(np.arange(len(ranked))[:limit])
        self.scores.append(first.scores)
        self.hits.append(match_boxes(true, first, IOU_THRESHOLDS))

    def average_precisions(self) -> dict[str, float]:
        """Return the average precisions by name; none where there is no true box."""
        true = self.pooled.true
        if not true:
            return {}
        order = np.argsort(-np.concatenate(self.scores), kind="stable")
        hits = np.concatenate(self.hits, axis=1)[:, order]
        each = [interpolate_precision(row, true) for row in hits]
        return {"ap@0.5": each[0], "ap@0.5:0.95": float(np.mean(each))}

    def values(self, trusted: bool) -> dict[str, float]:
        values = _values(self.pooled)
        if trusted:
            return {**self.average_precisions(), **values}
        return {key: values[key] for key in ("f1@0.5", "recall@0.5", "found", "missed")}


def _values(counts: Counts) -> dict[str, float]:
    return {f"{name}@0.5": value for name, value in counts.ratios().items()} | counts.numbers()


def _trusted(class_names: Mapping[int, str], incomplete: Collection[str]) -> list[int]:
    """Return the classes whose truth is complete."""
    require_named(incomplete, class_names)
    trusted = [value for value, name in class_names.items() if name not in incomplete]
    if not trusted:
        raise InputError(NO_CLASS_LEFT)
    return trusted


def _warn_without_truth(tallies: Mapping[str, _ClassBoxes]) -> tuple[str, ...]:
    return tuple(
        f"Class '{name}' has no true box: its average precision is not defined, and its "
        f"{tally.pooled.predicted} predicted box(es) count as false."
        for name, tally in tallies.items()
        if not tally.pooled.true
    )
