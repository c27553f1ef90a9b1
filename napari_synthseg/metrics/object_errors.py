"""Which objects were found, which were missed, and which are false, one by one.

Objects are matched one-to-one as in the scores, whatever their class: masks and boxes by an overlap
(IoU) of `LEAST_IOU`, centers by their distance. What is left over is told by its cause, where one
can be seen: several true objects found as one, one found as several, or a poor outline.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.boxes import Boxes, find_overlaps
from napari_synthseg.metrics.detection import pair_boxes
from napari_synthseg.metrics.localization import match_centers
from napari_synthseg.metrics.overlap import Overlap

LEAST_IOU = 0.5

MOST_OF_IT = 0.5
"""Share of an object that must lie in another one to be a part of it."""

SEEN_IOU = 0.1
"""Overlap from which on a missed and a false object are one that is poorly outlined."""

ErrorKind = Literal["missed", "false", "merged", "split", "outline", "class"]

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class ObjectError:
    """One mistake.

    Attributes
    ----------
    kind
        "missed", "false"; "merged": several true objects found as one; "split": one found as
        several; "outline": found, but overlapping too little; "class": found as another class.
    true, predicted
        Numbers of the objects that take part.
    overlap
        IoU, of "outline".
    """

    kind: ErrorKind
    true: tuple[int, ...] = ()
    predicted: tuple[int, ...] = ()
    overlap: float = 0.0


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Which true and predicted objects of one image share something.

    Attributes
    ----------
    rows, columns
        Pair k joins true object ``rows[k]`` with predicted object ``columns[k]``.
    iou, of_true, of_predicted
        What they share, as a share of both together, of the true and of the predicted one.
    """

    rows: Indices
    columns: Indices
    iou: NDArray[np.float64]
    of_true: NDArray[np.float64]
    of_predicted: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Judged:
    """The objects of one image, judged.

    Attributes
    ----------
    found
        Pairs of numbers (true, predicted) of the same class, shape (match, 2).
    errors
        All that is wrong.
    missed, false
        How many true objects were not found, and how many predicted ones are of none, as the
        scores count: a wrong class is both.
    """

    found: Indices
    errors: tuple[ObjectError, ...]
    missed: int
    false: int


def overlaps_of_masks(overlap: Overlap) -> Overlaps:
    """Return what instances share, numbered by their place among the ids that occur."""
    of_true = overlap.shared / overlap.true_areas[overlap.rows]
    of_predicted = overlap.shared / overlap.predicted_areas[overlap.columns]
    return Overlaps(overlap.rows, overlap.columns, overlap.iou, of_true, of_predicted)


def overlaps_of_boxes(true: Boxes, predicted: Boxes) -> Overlaps:
    """Return what boxes share, as far as one holds a tenth of the other."""
    rows, columns, iou = find_overlaps(true.corners, predicted.corners, SEEN_IOU)
    one, other = true.corners[rows], predicted.corners[columns]
    sides = np.minimum(one[:, 2:], other[:, 2:]) - np.maximum(one[:, :2], other[:, :2])
    shared = np.prod(np.maximum(sides, 0), axis=1)
    areas = (np.prod(box[:, 2:] - box[:, :2], axis=1) for box in (one, other))
    of_true, of_predicted = (shared / np.maximum(area, 1e-12) for area in areas)
    return Overlaps(rows, columns, iou, of_true, of_predicted)


def match_masks(overlap: Overlap) -> Indices:
    """Return the matches (true, predicted) of masks, shape (match, 2)."""
    chosen = overlap.match(LEAST_IOU)
    return np.stack([overlap.rows[chosen], overlap.columns[chosen]], axis=1)


def match_boxes_once(true: Boxes, predicted: Boxes) -> Indices:
    """Return the matches (true, predicted) of boxes of the same class as COCO matches them."""
    matches = [np.empty((0, 2), np.intp)]
    for value in np.unique(predicted.classes).tolist():
        mine, theirs = (np.flatnonzero(b.classes == value) for b in (true, predicted))
        ranked = theirs[np.argsort(-predicted.scores[theirs], kind="stable")]
        partners = pair_boxes(true.take(mine), predicted.take(ranked), LEAST_IOU)[0]
        hit = partners >= 0
        matches.append(np.stack([mine[partners[hit]], ranked[hit]], axis=1))
    return np.concatenate(matches)


def match_points(
    true: tuple[NDArray[np.float64], NDArray[np.int64]],
    predicted: tuple[NDArray[np.float64], NDArray[np.int64]],
    radii: dict[int, float],
) -> Indices:
    """Return the matches (true, predicted) of centers of the same class, at most a radius apart.

    `true` and `predicted` are positions, shape (point, axis), and classes, shape (point,).
    """
    matches = [np.empty((0, 2), np.intp)]
    for value, radius in radii.items():
        mine, theirs = (np.flatnonzero(classes == value) for _, classes in (true, predicted))
        rows, columns = match_centers(true[0][mine], predicted[0][theirs], radius)
        matches.append(np.stack([mine[rows], theirs[columns]], axis=1))
    return np.concatenate(matches)


def judge(
    true_classes: NDArray[np.int64],
    predicted_classes: NDArray[np.int64],
    matches: Indices,
    overlaps: Overlaps | None = None,
    forgiven: Iterable[int] = (),
) -> Judged:
    """Tell what each object that is not matched, or with another class, went wrong by.

    Parameters
    ----------
    true_classes, predicted_classes
        Class value of each object.
    matches
        Pairs of numbers (true, predicted), each object once at most; classes may differ.
    overlaps
        What they share, to tell causes; None: only centers are known.
    forgiven
        Class values of which not every object is in the truth: none of them is false.
    """
    same = true_classes[matches[:, 0]] == predicted_classes[matches[:, 1]]
    found, mixed_up = matches[same], matches[~same]
    errors = [ObjectError("class", (t,), (p,)) for t, p in mixed_up.tolist()]
    left_true, left_predicted = (
        np.ones(len(classes), bool) for classes in (true_classes, predicted_classes)
    )
    left_true[matches[:, 0]] = left_predicted[matches[:, 1]] = False
    lenient = np.isin(predicted_classes, list(forgiven))
    missed = int(left_true.sum()) + len(mixed_up)
    false = int((left_predicted & ~lenient).sum()) + int((~lenient[mixed_up[:, 1]]).sum())
    if overlaps is not None:
        errors += _causes(overlaps, left_true, left_predicted)
    errors += [ObjectError("missed", (t,)) for t in np.flatnonzero(left_true).tolist()]
    extra = np.flatnonzero(left_predicted & ~lenient)
    errors += [ObjectError("false", (), (p,)) for p in extra.tolist()]
    return Judged(found, tuple(errors), missed, false)


def _causes(
    overlaps: Overlaps, left_true: NDArray[np.bool_], left_predicted: NDArray[np.bool_]
) -> list[ObjectError]:
    """Return errors with a cause; the objects they explain are left over no more."""
    errors: list[ObjectError] = []
    inside = overlaps.of_true > MOST_OF_IT
    for whole, parts in _several(overlaps.columns, overlaps.rows, inside):
        if left_true[parts].any():
            errors.append(ObjectError("merged", tuple(parts), (whole,)))
            left_true[parts], left_predicted[whole] = False, False
    inside = overlaps.of_predicted > MOST_OF_IT
    for whole, parts in _several(overlaps.rows, overlaps.columns, inside):
        if left_predicted[parts].any():
            errors.append(ObjectError("split", (whole,), tuple(parts)))
            left_true[whole], left_predicted[parts] = False, False
    for k in np.argsort(-overlaps.iou, kind="stable").tolist():
        t, p, iou = overlaps.rows[k], overlaps.columns[k], float(overlaps.iou[k])
        if iou < SEEN_IOU:
            break
        if left_true[t] and left_predicted[p]:
            errors.append(ObjectError("outline", (int(t),), (int(p),), iou))
            left_true[t] = left_predicted[p] = False
    return errors


def _several(
    whole: Indices, parts: Indices, inside: NDArray[np.bool_]
) -> list[tuple[int, list[int]]]:
    """Return the objects that hold most of at least two others, with these."""
    held: dict[int, list[int]] = {}
    for one, part in zip(whole[inside].tolist(), parts[inside].tolist(), strict=True):
        held.setdefault(one, []).append(part)
    return [(one, sorted(each)) for one, each in sorted(held.items()) if len(each) > 1]
