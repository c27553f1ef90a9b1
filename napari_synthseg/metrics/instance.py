"""Instance masks against true masks: which objects are found whole, and of their class.

Definitions
-----------
A predicted object matches a true one of the same class if their IoU is greater than the
threshold, one-to-one. Counts are pooled over images (and, for the values over all classes, over
classes) before a ratio is taken, except in ``matching_ap_mean``, the mean over images on which
there is anything to match. An object found with the wrong class is missed in one class and false
in the other; ``f1_any_class`` forgives that. ``dice`` compares foreground pixels, pooled.
Pixels of unknown truth do not count, nor predicted objects of which more than half lies there.
An image on which not every object of a class is marked does not count for that class.
``count_error`` is sum |predicted - true| / sum true over images and classes; where there is no
true object, it is the number of predicted ones. `Counts` says what ratios of nothing are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import InstanceLabels, where_known
from napari_synthseg.core.scores import Measured, Scores
from napari_synthseg.metrics.checks import (
    NO_CLASS_LEFT,
    require_images,
    require_known_classes,
    warn_incomplete_classes,
)
from napari_synthseg.metrics.counts import Counts
from napari_synthseg.metrics.overlap import measure_overlap

THRESHOLDS = (0.5, 0.7, 0.8)
"""IoU that matches exceed."""

ANY_CLASS = 0
"""Stands for all classes where objects are matched whatever their class."""


def match_instances(
    true: NDArray[np.integer], predicted: NDArray[np.integer], threshold: float = 0.5
) -> list[tuple[int, int]]:
    """Match predicted with true objects one-to-one, IoU > `threshold`, whatever their class.

    Parameters
    ----------
    true, predicted
        Instance ids of the same shape ([z,] y, x), 0 = background.
    threshold
        IoU that a match must exceed, at least 0 and less than 1.

    Returns
    -------
    (true id, predicted id) of each match.

    Raises
    ------
    InputError
        If the shapes differ or ids are not whole numbers >= 0.
    """
    overlap = measure_overlap(true, predicted)
    chosen = overlap.match(threshold)
    true_ids = overlap.true_ids[overlap.rows[chosen]]
    predicted_ids = overlap.predicted_ids[overlap.columns[chosen]]
    return list(zip(true_ids.tolist(), predicted_ids.tolist(), strict=True))


def score_instances(
    pairs: Iterable[tuple[str, InstanceLabels, InstanceLabels]],
    class_names: Mapping[int, str],
    *,
    measured_on: Measured,
) -> Scores:
    """Score predicted instance masks against true ones, pooled over images.

    Parameters
    ----------
    pairs
        Image name, truth and prediction of each image; taken one at a time.
    class_names
        Class value -> name, the first class first. Ids without a class belong to the first.
    measured_on
        Whether the images are real or synthetic.

    Returns
    -------
    Scores with ``f1@t``, ``precision@t``, ``recall@t``, ``matching_ap@t`` (pooled),
    ``matching_ap_mean@t`` (mean over images) for each of `THRESHOLDS`, ``dice``, ``count_error``,
    and with several classes ``f1_any_class@t``. A class that occurs neither in the truth nor in the
    predictions is left out of `per_class`, with a warning. One that is incomplete in the truth of
    all images has only F1 and recall, over these.

    Raises
    ------
    InputError
        If there is no image, truth and prediction of one do not fit each other, or all classes are
        incomplete on all images.
    """
    names: list[str] = []
    trusted: list[set[int]] = []
    by_class: dict[int, list[_Matched]] = {value: [] for value in (ANY_CLASS, *class_names)}
    for name, true, predicted in pairs:
        try:
            for value, matched in _match_classes(true, predicted, class_names).items():
                by_class[value].append(matched)
        except InputError as error:
            raise InputError(f"Image '{name}': {error}") from None
        names.append(name)
        trusted.append(set(class_names) - true.incomplete)
    require_images(names)
    if not any(trusted):
        raise InputError(NO_CLASS_LEFT)
    any_class = by_class.pop(ANY_CLASS)
    per_image = [
        _join(whole, [by_class[value][n] for value in trusted[n]])
        for n, whole in enumerate(any_class)
        if trusted[n]
    ]
    values = _values(per_image)
    if len(class_names) > 1:
        pooled = _pool(any_class)
        values |= {f"f1_any_class@{t:g}": pooled[i].f1 for i, t in enumerate(THRESHOLDS)}
    present = [v for v, each in by_class.items() if not all(m.empty for m in each)]
    complete = {
        value: [m for m, known in zip(each, trusted, strict=True) if value in known]
        for value, each in by_class.items()
    }
    return Scores(
        measured_on=measured_on,
        images=tuple(names),
        objects=sum(m.objects[0].true for m in per_image),
        values=values,
        per_class={
            class_names[v]: _values(complete[v]) if complete[v] else _values_found(by_class[v])
            for v in present
        },
        warnings=(
            *(
                f"Class '{name}' occurs neither in the truth nor in the predictions."
                for value, name in class_names.items()
                if value not in present
            ),
            *warn_incomplete_classes(class_names[v] for v in present if not complete[v]),
            *(
                f"Not every object of class '{class_names[v]}' is marked on "
                f"{len(names) - len(each)} of {len(names)} images, which do not count for it."
                for v, each in complete.items()
                if 0 < len(each) < len(names)
            ),
        ),
    )


@dataclass(frozen=True)
class _Matched:
    """The counts of one image: objects at each threshold, pixels, |predicted - true| objects."""

    objects: tuple[Counts, ...]
    pixels: Counts
    count_difference: int

    @property
    def empty(self) -> bool:
        return self.pixels.empty


def _match_classes(
    true: InstanceLabels, predicted: InstanceLabels, class_names: Mapping[int, str]
) -> dict[int, _Matched]:
    """Count on one image, for each class value, and for `ANY_CLASS` of those that are complete."""
    overlap = measure_overlap(*where_known(true.ids, predicted.ids))
    true_classes = _classes_of(overlap.true_ids, true, class_names, "truth")
    predicted_classes = _classes_of(overlap.predicted_ids, predicted, class_names, "prediction")
    matched = {}
    for value in (ANY_CLASS, *class_names):
        meant = [value] if value != ANY_CLASS else list(class_names.keys() - true.incomplete)
        is_true, is_predicted = np.isin(true_classes, meant), np.isin(predicted_classes, meant)
        allowed = is_true[overlap.rows] & is_predicted[overlap.columns]
        counts = int(is_true.sum()), int(is_predicted.sum())
        matched[value] = _Matched(
            tuple(Counts(*counts, overlap.match(t, allowed).size) for t in THRESHOLDS),
            Counts(
                int(overlap.true_areas[is_true].sum()),
                int(overlap.predicted_areas[is_predicted].sum()),
                int(overlap.shared[allowed].sum()),
            ),
            abs(counts[1] - counts[0]),
        )
    return matched


def _classes_of(
    ids: NDArray[np.int64], labels: InstanceLabels, class_names: Mapping[int, str], what: str
) -> NDArray[np.int64]:
    first = next(iter(class_names))
    classes = [labels.classes.get(i, first) for i in ids.tolist()]
    require_known_classes(f"the {what}", classes, class_names)
    return np.array(classes, np.int64)


def _join(whole: _Matched, each: Sequence[_Matched]) -> _Matched:
    """Return the counts of the classes of an image together; pixels are those of all of them."""
    return _Matched(_pool(each), whole.pixels, sum(m.count_difference for m in each))


def _pool(each: Iterable[_Matched]) -> tuple[Counts, ...]:
    """Add up the counts of objects, threshold by threshold."""
    return tuple(sum(column, Counts()) for column in zip(*(m.objects for m in each), strict=True))


def _values_found(images: Sequence[_Matched]) -> dict[str, float]:
    """Return what can be said of a class of which not every object is in the truth."""
    wanted = {f"{name}@{t:g}" for name in ("f1", "recall") for t in THRESHOLDS}
    return {name: value for name, value in _values(images).items() if name in wanted}


def _values(images: Sequence[_Matched]) -> dict[str, float]:
    """Turn the counts of all images into named values."""
    pooled = _pool(images)
    values = {f"f1@{t:g}": pooled[i].f1 for i, t in enumerate(THRESHOLDS)}
    for i, threshold in enumerate(THRESHOLDS):
        each = [m.objects[i].matching_ap for m in images if not m.empty]
        values[f"matching_ap@{threshold:g}"] = pooled[i].matching_ap
        values[f"matching_ap_mean@{threshold:g}"] = float(np.mean(each)) if each else 1.0
        values[f"precision@{threshold:g}"] = pooled[i].precision
        values[f"recall@{threshold:g}"] = pooled[i].recall
    values["dice"] = sum((m.pixels for m in images), Counts()).f1
    values["count_error"] = sum(m.count_difference for m in images) / max(pooled[0].true, 1)
    return values
