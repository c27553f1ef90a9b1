"""What models say of an image: objects, regions, boxes, points, classes, heat maps."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.labels import InstanceLabels, count_values

PredictionKind = Literal["instance", "semantic", "boxes", "points", "image_labels"]


@dataclass(frozen=True)
class FoundPoint:
    """The center of one predicted object, in full-image pixels."""

    id: int
    cls: int
    score: float
    center: tuple[float, ...]


@dataclass(frozen=True)
class FoundObject(FoundPoint):
    """One predicted object; `box` is (start, stop) per axis, half-open, full-image pixels."""

    box: tuple[tuple[float, float], ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class _OfRun:
    """What all that a run says of an image says.

    Attributes
    ----------
    image, run
        Ids; what applies a model fills them in.
    region_origin
        Full-image position of the first pixel of the part of the image that was looked at; filled
        in likewise.
    notes
        Where the image differs from those that the run learned from, and what to do; sentences
        without a point.
    scale
        What the scale was chosen by that the image was seen at.
    how
        What was chosen otherwise than usual to find it, such as to adapt the model; a sentence
        without a point. Scores of it say so, too. Empty: nothing.
    """

    image: str = ""
    run: str = ""
    region_origin: tuple[int, ...] = (0, 0)
    notes: tuple[str, ...] = ()
    scale: str = ""
    how: str = ""


@dataclass(frozen=True, eq=False, kw_only=True)
class InstancePrediction(_OfRun):
    """Objects with their pixels.

    Attributes
    ----------
    ids
        Instance ids, int32, 0 = background, the region's spatial shape.
    objects
        One for each id.
    """

    kind: ClassVar[Literal["instance"]] = "instance"
    ids: NDArray[np.int32]
    objects: tuple[FoundObject, ...]

    def as_labels(self) -> InstanceLabels:
        """Return ids and classes without scores."""
        return InstanceLabels(self.ids, {o.id: o.cls for o in self.objects})


class ValueCounts:
    """Pixels of each value of an array (256 entries), and which array that is.

    Counting takes long, and predictions are replaced often.
    """

    def __init__(self, values: NDArray[np.uint8], pixels: NDArray[np.int64] | None = None) -> None:
        self.pixels = count_values(values) if pixels is None else pixels
        self._values = weakref.ref(values)

    def are_of(self, values: NDArray[np.uint8]) -> bool:
        """Tell whether this very array was counted."""
        return self._values() is values

    def __reduce__(self) -> tuple[type[ValueCounts], tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        """Return the counts alone: a pickled array comes back as another one."""
        return ValueCounts, (np.zeros(0, np.uint8), self.pixels)


@dataclass(frozen=True, eq=False, kw_only=True)
class RegionPrediction(_OfRun):
    """The class of each pixel.

    Attributes
    ----------
    values
        Class values, uint8, 0 = background, the region's spatial shape.
    counts
        Pixels of each value: counted where the prediction is made, in a worker, unless those are
        given.
    """

    kind: ClassVar[Literal["semantic"]] = "semantic"
    values: NDArray[np.uint8]
    counts: ValueCounts | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.counts is None or not self.counts.are_of(self.values):
            object.__setattr__(self, "counts", ValueCounts(self.values))

    @property
    def pixel_counts(self) -> NDArray[np.int64]:
        """Pixels of each value (256 entries)."""
        assert self.counts is not None
        return self.counts.pixels


@dataclass(frozen=True, eq=False, kw_only=True)
class BoxPrediction(_OfRun):
    """Objects with their boxes; `candidates` also hold those that score too low to be reported."""

    kind: ClassVar[Literal["boxes"]] = "boxes"
    objects: tuple[FoundObject, ...]
    candidates: tuple[FoundObject, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class PointPrediction(_OfRun):
    """Centers of objects."""

    kind: ClassVar[Literal["points"]] = "points"
    objects: tuple[FoundPoint, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageTagsPrediction(_OfRun):
    """Which classes the image shows.

    Attributes
    ----------
    probabilities
        Class value -> probability that the image shows it.
    thresholds
        Class value -> probability from which on the class is reported.
    """

    kind: ClassVar[Literal["image_labels"]] = "image_labels"
    probabilities: Mapping[int, float]
    thresholds: Mapping[int, float]

    def class_values_shown(self) -> tuple[int, ...]:
        """Return the values of the classes that are reported."""
        return tuple(v for v, p in self.probabilities.items() if p >= self.thresholds[v])


ObjectPrediction = InstancePrediction | BoxPrediction | PointPrediction
"""Predictions that hold `objects`."""

Prediction = (
    InstancePrediction | RegionPrediction | BoxPrediction | PointPrediction | ImageTagsPrediction
)


def objects_from(prediction: ObjectPrediction, least: float) -> tuple[FoundPoint, ...]:
    """Return the objects that score at least `least`: of boxes, also those not reported."""
    known: tuple[FoundPoint, ...] = prediction.objects
    if isinstance(prediction, BoxPrediction) and prediction.candidates:
        known = prediction.candidates
    return tuple(thing for thing in known if thing.score >= least)


def at_score(prediction: Prediction, least: float | None) -> Prediction:
    """Return a prediction with the objects that score at least `least`; None leaves it.

    Regions and image labels have no objects, and stay as they are.
    """
    if least is None:
        return prediction
    match prediction:
        case PointPrediction(objects=points):
            return replace(prediction, objects=tuple(o for o in points if o.score >= least))
        case BoxPrediction(objects=objects, candidates=candidates):
            boxes = candidates or objects
            return replace(prediction, objects=tuple(o for o in boxes if o.score >= least))
        case InstancePrediction(objects=objects):
            return _masks_from(prediction, tuple(o for o in objects if o.score >= least))
    return prediction


def _masks_from(
    prediction: InstancePrediction, kept: tuple[FoundObject, ...]
) -> InstancePrediction:
    """Return masks of some of the objects alone."""
    if len(kept) == len(prediction.objects):
        return prediction
    shown = np.zeros(int(prediction.ids.max(initial=0)) + 1, np.int32)
    known = np.array([thing.id for thing in kept], np.int32)
    shown[known] = known
    return replace(prediction, ids=shown[prediction.ids], objects=kept)


@dataclass(frozen=True, eq=False, kw_only=True)
class HeatMaps(_OfRun):
    """Where on one image a model finds the evidence for each class.

    Attributes
    ----------
    maps
        Class value -> map, float32, the image region's spatial shape. Raw: of any sign and scale,
        the same scale all over the image.
    method, layer
        How the maps were made; see `napari_synthseg.explain.cam`.
    """

    maps: Mapping[int, NDArray[np.float32]]
    method: str
    layer: str
