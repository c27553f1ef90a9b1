"""Scores of regions: each pixel has a class, and a prediction gives it one.

Definitions
-----------
Pixels are counted by true and predicted class, n[t, p]; pixels whose truth is the ignored value, or
unknown (-1), leave all counts. With row sums n[c, :] (true), column sums n[:, c] (predicted) and
the diagonal n[c, c] (right), a class c has

- ``iou`` = n[c, c] / (true + predicted - right), the Jaccard index;
- ``dice`` = 2 n[c, c] / (true + predicted), which is the F1 of its pixels;
- ``precision`` = right / predicted and ``recall`` = right / true, 0 where nothing is to divide by;
- ``boundary_f1``, see `boundary`;
- ``share_true`` and ``share_predicted``, its share of all counted pixels.

A class without any true and any predicted pixel has none of them but the shares. *Pooled* means
that n is added up over images before a ratio is taken. Values over all classes:

- ``miou``, the standard mean IoU: pooled, mean over the classes that occur in the truth *or* in the
  prediction of any image. A class that occurs in neither is left out, not counted as 0 or as 1, as
  torchmetrics (``multiclass_jaccard_index``) and scikit-learn (``jaccard_score``) do.
- ``present_miou_per_image``: for each image the mean IoU over the classes that its truth holds;
  then the mean over images.
- ``present_miou_pooled``: pooled, mean over the classes that the truth of any image holds.
- ``dice``: pooled, mean over the classes of ``miou``.
- ``boundary_f1``: pooled, mean over the classes with a boundary in the truth of any image;
  ``boundary_tolerance`` is the distance that was allowed.
- ``pixel_accuracy``: share of the counted pixels that got their class.
- ``absent_rate``: share of the counted pixels that were given to a class that the truth of their
  image does not hold.

Each mean over classes is there a second time as ``..._foreground``, without the background.
The mean IoU over the classes present in the truth is the metric of arXiv 2408.00707. Whether
presence is decided by image or over all images is not known, so that both are given.

Why presence matters: of 10,000 pixels 9,000 are background and 1,000 are cell. All are right but
five of the background that were given to "crystal", of which there is none. The IoU of background
is 8,995 / 9,000, of cell 1, of crystal 0 / 5 = 0. The standard mean IoU collapses to
(0.9994 + 1 + 0) / 3 = 0.6665; over the classes present it is (0.9994 + 1) / 2 = 0.9997. That one is
blind to what absent classes get, so that ``absent_rate`` (0.0005) belongs beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.scores import FOREGROUND, Measured, Scores
from napari_synthseg.metrics.boundary import BoundaryCounts, count_boundaries
from napari_synthseg.metrics.checks import require_images
from napari_synthseg.metrics.confusion import ClassSet, count_classes, count_pixels
from napari_synthseg.metrics.counts import Counts, mean_by_name

PER_IMAGE = "present_miou_per_image"

TOLERANCE_PX = 2.0
"""Pixels that a predicted boundary may lie off."""


def score_semantic(
    images: Iterable[tuple[str, NDArray[Any], NDArray[Any]]],
    names: Mapping[int, str],
    *,
    measured_on: Measured,
    ignore: int | None = None,
    tolerance: float = TOLERANCE_PX,
) -> Scores:
    """Score predicted class values against the true ones, pixel by pixel.

    Parameters
    ----------
    images
        Image name, true and predicted class values, arrays of whole numbers and of one shape
        ([z,] y, x). They are looked at one after the other, so that a generator needs the memory
        of one image.
    names
        Class value -> name. 0 is the background, which is called "background" unless they call it
        otherwise.
    measured_on
        Whether the images are real or synthetic.
    ignore
        True pixels of this value leave all counts, as do those that are unknown (-1). Where it is
        the value of a class, that class is not scored; pixels of others that are given to it
        still count as missed.
    tolerance
        Pixels that a predicted boundary may lie off.

    Returns
    -------
    Scores with the values that the module defines, for each scored class too, and the confusion
    matrix. `Scores.objects` is the number of pixels counted. A value for which there is nothing
    to measure is left out, with a warning.

    Raises
    ------
    InputError
        If there is no image; if truth and prediction differ in shape; if one of them holds a value
        that no class has; or if the tolerance is no distance.
    """
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise InputError(f"A tolerance of {tolerance} pixels is no distance: give 0 or more.")
    classes = ClassSet.of(names, ignore)
    tally = _PixelTally(classes)
    for name, truth, predicted in images:
        tally.add(name, np.asarray(truth), np.asarray(predicted), tolerance)
    require_images(tally.images)
    counts = count_classes(tally.confusion)
    counted = int(tally.confusion.sum())
    return Scores(
        measured_on=measured_on,
        images=tuple(tally.images),
        objects=counted,
        counted="pixels",
        values=_values(tally, counts, tolerance) if counted else {},
        per_class={
            classes.names[i]: _values_of_class(counts[i], tally.edges[i], counted)
            for i in classes.scored
            if counted
        },
        confusion={
            classes.names[t]: dict(zip(classes.names, tally.confusion[t].tolist(), strict=True))
            for t in classes.scored
        },
        warnings=tuple(_warnings(tally, counts)),
    )


@dataclass
class _PixelTally:
    """What is counted while one image after the other is looked at.

    Attributes
    ----------
    classes
        The classes.
    confusion
        Pixels of all images by true and predicted class.
    edges
        Boundary pixels of all images, of each class.
    images, uncounted
        Names of all images, and of those without a pixel that counts.
    present
        Of each image the mean IoU of the classes present in its truth, and the same without the
        background, where there are any, by the name of the metric.
    given_to_absent
        Number of pixels given to classes that the truth of their image does not hold.
    """

    classes: ClassSet
    confusion: NDArray[np.int64] = field(init=False)
    edges: list[BoundaryCounts] = field(init=False)
    images: list[str] = field(default_factory=list)
    uncounted: list[str] = field(default_factory=list)
    present: list[dict[str, float]] = field(default_factory=list)
    given_to_absent: int = 0

    def __post_init__(self) -> None:
        size = self.classes.size
        self.confusion = np.zeros((size, size), np.int64)
        self.edges = [BoundaryCounts()] * size

    def add(
        self, name: str, truth: NDArray[Any], predicted: NDArray[Any], tolerance: float
    ) -> None:
        """Count an image."""
        if truth.shape != predicted.shape:
            raise InputError(
                f"Image '{name}': the truth has the shape {truth.shape}, the prediction "
                f"{predicted.shape}: give both the same shape."
            )
        self.images.append(name)
        size = self.classes.size
        true, given = self.classes.encode(name, truth, predicted)
        confusion = count_pixels(true, given, size)
        if not confusion.any():
            self.uncounted.append(name)
            return
        self.confusion += confusion
        edges = count_boundaries(true, given, size, tolerance)
        self.edges = [a + b for a, b in zip(self.edges, edges, strict=True)]
        counts = count_classes(confusion)
        ious = {i: counts[i].iou for i in self.classes.scored if counts[i].true}
        self.present.append(_means(PER_IMAGE, ious, self.classes))
        self.given_to_absent += sum(
            counts[i].predicted for i in self.classes.scored if not counts[i].true
        )


def _means(metric: str, of_classes: Mapping[int, float], classes: ClassSet) -> dict[str, float]:
    """Return the mean over classes, with and without the background, as far as there are any."""
    among = {
        metric: list(of_classes.values()),
        f"{metric}{FOREGROUND}": [v for i, v in of_classes.items() if i != classes.background],
    }
    return {name: fmean(each) for name, each in among.items() if each}


def _values(tally: _PixelTally, counts: Sequence[Counts], tolerance: float) -> dict[str, float]:
    classes = tally.classes
    occurring = [i for i in classes.scored if not counts[i].empty]
    present = [i for i in classes.scored if counts[i].true]
    counted = int(tally.confusion.sum())
    return {
        **_means("miou", {i: counts[i].iou for i in occurring}, classes),
        **mean_by_name(tally.present),
        **_means("present_miou_pooled", {i: counts[i].iou for i in present}, classes),
        "absent_rate": tally.given_to_absent / counted,
        **_means("dice", {i: counts[i].f1 for i in occurring}, classes),
        "pixel_accuracy": int(np.trace(tally.confusion)) / counted,
        **_means(
            "boundary_f1",
            {i: tally.edges[i].f1 for i in classes.scored if tally.edges[i].true},
            classes,
        ),
        "boundary_tolerance": float(tolerance),
    }


def _values_of_class(counts: Counts, edges: BoundaryCounts, counted: int) -> dict[str, float]:
    shares = {
        "share_true": counts.true / counted,
        "share_predicted": counts.predicted / counted,
    }
    if counts.empty:
        return shares
    return {
        "iou": counts.iou,
        "dice": counts.f1,
        "precision": counts.precision,
        "recall": counts.recall,
        **({} if edges.empty else {"boundary_f1": edges.f1}),
        **shares,
    }


def _warnings(tally: _PixelTally, counts: Sequence[Counts]) -> Iterator[str]:
    """Yield what a reader must know before believing the values."""
    classes = tally.classes
    if not tally.confusion.any():
        yield "No pixel counts: the truth is empty, or ignored everywhere. Nothing was measured."
        return
    if tally.uncounted:
        yield (
            f"{len(tally.uncounted)} image(s) have no true pixel that counts, such as "
            f"'{tally.uncounted[0]}': they add nothing."
        )
    scored = {classes.names[i]: counts[i] for i in classes.scored}
    for name, of_class in scored.items():
        if of_class.empty:
            yield (
                f"Class '{name}' has neither a true nor a predicted pixel: it has no IoU and is "
                "left out of all means."
            )
        elif not of_class.true:
            yield (
                f"Class '{name}' is in no truth, and {of_class.predicted:,} pixel(s) were given to "
                "it: the standard mIoU counts its IoU as 0, that of the present classes leaves it "
                "out."
            )
    if len(true := [name for name, of_class in scored.items() if of_class.true]) == 1:
        yield f"The truth holds one class only, '{true[0]}': nothing else could be found or missed."
    if bare := sum(f"{PER_IMAGE}{FOREGROUND}" not in of_image for of_image in tally.present):
        yield (
            f"{bare} image(s) hold no true pixel but background: they are left out of the mean "
            "over images without background."
        )
    if not any(tally.edges[i].true for i in classes.scored):
        yield "The truth holds no boundary between classes: there is no boundary F1."
