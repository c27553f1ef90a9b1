"""Instance masks against true masks: which objects are found whole, and of their class.

Definitions
-----------
A predicted object matches a true one of the same class if their IoU is greater than the
threshold, one-to-one. Counts are pooled over images (and, for the values over all classes, over
classes) before a ratio is taken, except in ``matching_ap_mean``, the mean over images on which
there is anything to match. An object found with the wrong class is missed in one class and false
in the other; ``f1_any_class`` forgives that. ``dice`` compares foreground pixels, pooled.
``count_error`` is sum |predicted - true| / sum true over images and classes; where there is no
true object, it is the number of predicted ones. `Counts` says what ratios of nothing are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.scores import Scores
from napari_synthseg.metrics.checks import (
    require_images,
    require_known_classes,
)
from napari_synthseg.metrics.counts import Counts
from napari_synthseg.metrics.overlap import Overlap, measure_overlap

THRESHOLDS = (0.5, 0.7, 0.8)


@dataclass(frozen=True, eq=False)
class Matches:
    """The one-to-one matches of one image.

    Attributes
    ----------
    pairs
        (true id, predicted id) of each match.
    iou
        IoU of each match, same order.
    missed
        True ids without a partner.
    false
        Predicted ids without a partner.
    """

    pairs: tuple[tuple[int, int], ...]
    iou: tuple[float, ...]
    missed: tuple[int, ...]
    false: tuple[int, ...]


def match_instances(
    true: NDArray[np.integer], predicted: NDArray[np.integer], threshold: float = 0.5
) -> Matches:
    """Match predicted with true objects one-to-one, IoU > `threshold`, whatever their class.

    Parameters
    ----------
    true, predicted
        Instance ids of the same shape ([z,] y, x), 0 = background.
    threshold
        IoU that a match must exceed, at least 0 and less than 1.

    Raises
    ------
    InputError
        If the shapes differ or ids are not whole numbers >= 0.
    """
    overlap = measure_overlap(true, predicted)
    chosen = overlap.match(threshold)
    true_ids = overlap.true_ids[overlap.rows[chosen]]
    predicted_ids = overlap.predicted_ids[overlap.columns[chosen]]
    return Matches(
        pairs=tuple(zip(true_ids.tolist(), predicted_ids.tolist(), strict=True)),
        iou=tuple(overlap.iou[chosen].tolist()),
        missed=tuple(np.setdiff1d(overlap.true_ids, true_ids).tolist()),
        false=tuple(np.setdiff1d(overlap.predicted_ids, predicted_ids).tolist()),
    )


def score_instances(
    pairs: Iterable[tuple[str, InstanceLabels, InstanceLabels]],
    class_names: Mapping[int, str],
    *,
    measured_on: Literal["real", "synthetic"],
    truth: str = "masks",
    thresholds: Sequence[float] = THRESHOLDS,
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
    truth
        What the truth is, for the caption.
    thresholds
        IoU thresholds.

    Returns
    -------
    Scores with ``f1@t``, ``precision@t``, ``recall@t``, ``matching_ap@t`` (pooled),
    ``matching_ap_mean@t`` (mean over images) for each threshold, ``dice``, ``count_error``, and
    with several classes ``f1_any_class@t``. A class that occurs neither in the truth nor in the
    predictions is left out of `per_class`, with a warning.

    Raises
    ------
    InputError
        If there is no image, or truth and prediction of one do not fit each other.
    """
    names: list[str] = []
    by_class: dict[int, list[_Tally]] = {value: [] for value in class_names}
    any_class: list[_Tally] = []
    for name, true, predicted in pairs:
        try:
            image = _OverlapOfClasses.measure(true, predicted, class_names)
        except InputError as error:
            raise InputError(f"Image '{name}': {error}") from None
        names.append(name)
        for value, tallies in by_class.items():
            tallies.append(image.tally(thresholds, value))
        any_class.append(image.tally(thresholds))
    require_images(names)
    per_image = [
        _Tally(_sum_classes(tallies), whole.pixels, sum(t.count_difference for t in tallies))
        for whole, *tallies in zip(any_class, *by_class.values(), strict=True)
    ]
    values = _values(per_image, thresholds)
    if len(class_names) > 1:
        pooled = _sum_classes(any_class)
        values |= {f"f1_any_class@{t:g}": pooled[i].f1 for i, t in enumerate(thresholds)}
    present = [v for v, tallies in by_class.items() if not all(t.empty for t in tallies)]
    return Scores(
        measured_on=measured_on,
        images=tuple(names),
        objects=sum(t.objects[0].true for t in per_image),
        truth=truth,
        values=values,
        per_class={class_names[v]: _values(by_class[v], thresholds) for v in present},
        warnings=tuple(
            f"Class '{name}' occurs neither in the truth nor in the predictions."
            for value, name in class_names.items()
            if value not in present
        ),
    )


@dataclass(frozen=True)
class _Tally:
    """The counts of one image: objects at each threshold, pixels, |predicted - true| objects."""

    objects: tuple[Counts, ...]
    pixels: Counts
    count_difference: int

    @property
    def empty(self) -> bool:
        return self.pixels.empty


@dataclass(frozen=True, eq=False)
class _OverlapOfClasses:
    """An overlap with the class of each of its instances, in the order of the overlap's ids."""

    overlap: Overlap
    true_classes: NDArray[np.int64]
    predicted_classes: NDArray[np.int64]

    @classmethod
    def measure(
        cls, true: InstanceLabels, predicted: InstanceLabels, class_names: Mapping[int, str]
    ) -> _OverlapOfClasses:
        overlap = measure_overlap(true.ids, predicted.ids)
        return cls(
            overlap,
            _classes_of(overlap.true_ids, true, class_names, "truth"),
            _classes_of(overlap.predicted_ids, predicted, class_names, "prediction"),
        )

    def tally(self, thresholds: Sequence[float], value: int | None = None) -> _Tally:
        """Count for one class, or for all objects whatever their class."""
        overlap = self.overlap
        is_true = self.true_classes == value if value else self.true_classes > 0
        is_predicted = self.predicted_classes == value if value else self.predicted_classes > 0
        allowed = is_true[overlap.rows] & is_predicted[overlap.columns]
        true, predicted = int(is_true.sum()), int(is_predicted.sum())
        return _Tally(
            tuple(Counts(true, predicted, overlap.match(t, allowed).size) for t in thresholds),
            Counts(
                int(overlap.true_areas[is_true].sum()),
                int(overlap.predicted_areas[is_predicted].sum()),
                int(overlap.shared[allowed].sum()),
            ),
            abs(predicted - true),
        )


def _classes_of(
    ids: NDArray[np.int64], labels: InstanceLabels, class_names: Mapping[int, str], what: str
) -> NDArray[np.int64]:
    first = next(iter(class_names))
    classes = [labels.classes.get(i, first) for i in ids.tolist()]
    require_known_classes(f"the {what}", classes, class_names)
    return np.array(classes, np.int64)


def _sum_classes(tallies: Iterable[_Tally]) -> tuple[Counts, ...]:
    """Add up object counts, threshold by threshold."""
    return tuple(
        sum(column, Counts()) for column in zip(*(t.objects for t in tallies), strict=True)
    )


def _values(tallies: Sequence[_Tally], thresholds: Sequence[float]) -> dict[str, float]:
    """Turn the tallies of all images into named values."""
    pooled = _sum_classes(tallies)
    values = {f"f1@{t:g}": pooled[i].f1 for i, t in enumerate(thresholds)}
    for i, threshold in enumerate(thresholds):
        each = [t.objects[i].matching_ap for t in tallies if not t.empty]
        values[f"matching_ap@{threshold:g}"] = pooled[i].matching_ap
        values[f"matching_ap_mean@{threshold:g}"] = float(np.mean(each)) if each else 1.0
        values[f"precision@{threshold:g}"] = pooled[i].precision
        values[f"recall@{threshold:g}"] = pooled[i].recall
    values["dice"] = sum((t.pixels for t in tallies), Counts()).f1
    values["count_error"] = sum(t.count_difference for t in tallies) / max(pooled[0].true, 1)
    return values
