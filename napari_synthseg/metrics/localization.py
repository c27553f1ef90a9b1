"""Positions against true centers: which objects are found where masks are not known.

For truth that is no more than a point an object. Two questions are kept apart: do predicted
*centers* lie close enough to true ones (`score_centers`), and do predicted *masks* each hold one
true point (`score_masks_on_points`)?
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.scores import Scores
from napari_synthseg.metrics.assignment import assign
from napari_synthseg.metrics.counts import Counts
from napari_synthseg.metrics.warnings import warn_incomplete


@dataclass(frozen=True, eq=False)
class Centers:
    """Points with a class each.

    Attributes
    ----------
    positions
        Shape (point, axis), float64, pixels, order ([z,] y, x).
    classes
        Class value of each point, shape (point,), int64.
    """

    positions: NDArray[np.float64]
    classes: NDArray[np.int64]

    @classmethod
    def of(cls, positions: ArrayLike, classes: ArrayLike | int = 1, ndim: int = 2) -> Centers:
        """Make centers from anything array-like; one class value may stand for all points."""
        points = np.asarray(positions, np.float64)
        points = points.reshape(0, ndim) if points.size == 0 else points
        if points.ndim != 2 or not np.isfinite(points).all():
            raise InputError("Centers must be finite numbers in the shape (point, axis).")
        return cls(points, np.broadcast_to(np.asarray(classes, np.int64), len(points)).copy())

    @classmethod
    def of_labels(cls, labels: InstanceLabels, origin: ArrayLike = 0.0) -> Centers:
        """Return the centroid of each instance; `origin` is the position of the first pixel."""
        from scipy.ndimage import center_of_mass

        ids = np.unique(labels.ids)
        ids = ids[ids > 0]
        centroids = center_of_mass(labels.ids > 0, labels.ids, ids) if ids.size else []
        centers = cls.of(
            centroids, [labels.classes.get(i, 1) for i in ids.tolist()] or 1, labels.ids.ndim
        )
        return cls(centers.positions + np.asarray(origin, np.float64), centers.classes)

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.positions)


def match_centers(
    true: NDArray[np.float64], predicted: NDArray[np.float64], radius: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Match predicted with true points one-to-one, at most `radius` pixels apart.

    The largest possible number of matches is taken, and among those the one whose points lie
    closest together in sum.

    Parameters
    ----------
    true, predicted
        Positions, shape (point, axis), pixels.
    radius
        Largest distance of a match, pixels, > 0.

    Returns
    -------
    Indices into `true` and into `predicted`, one of each per match.
    """
    from scipy.spatial import KDTree

    if not len(true) or not len(predicted):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    near = KDTree(true).sparse_distance_matrix(KDTree(predicted), radius, output_type="ndarray")
    rows, columns = near["i"], near["j"]
    chosen = assign(rows, columns, 1.0 - near["v"] / radius)
    return rows[chosen], columns[chosen]


def score_centers(
    pairs: Iterable[tuple[str, Centers, Centers]],
    class_names: Mapping[int, str],
    diameters: Mapping[int, float],
    *,
    measured_on: Literal["real", "synthetic"],
    truth: str = "clicks",
    incomplete: Collection[str] = (),
) -> Scores:
    """Score predicted centers against true ones: found = within half a diameter, one-to-one.

    Parameters
    ----------
    pairs
        Image name, true and predicted centers of each image.
    class_names
        Class value -> name. A match needs the same class on both sides.
    diameters
        Class value -> typical diameter of its objects, pixels.
    measured_on, truth, incomplete
        See `score_instances`.

    Returns
    -------
    Scores with the counts ``found``, ``missed``, ``false``, and ``precision``, ``recall``, ``f1``,
    pooled over images and classes, and per class.

    Raises
    ------
    InputError
        If there is no image, or a class has no name or no diameter.
    """

    def count(true: Centers, predicted: Centers, value: int) -> Counts:
        if diameters.get(value, 0.0) <= 0.0:
            raise InputError(
                f"Class '{class_names[value]}' has no diameter: without one, "
                "no distance tells whether a center was found."
            )
        mine = true.positions[true.classes == value]
        theirs = predicted.positions[predicted.classes == value]
        found, _ = match_centers(mine, theirs, diameters[value] / 2)
        return Counts(len(mine), len(theirs), len(found))

    return _score(pairs, class_names, count, _classes_of_centers, measured_on, truth, incomplete)


def score_masks_on_points(
    pairs: Iterable[tuple[str, Centers, InstanceLabels]],
    class_names: Mapping[int, str],
    *,
    measured_on: Literal["real", "synthetic"],
    truth: str = "clicks",
    incomplete: Collection[str] = (),
) -> Scores:
    """Score predicted masks against true points: a point is found if a mask of its class holds it.

    One-to-one: a mask that holds several points finds one of them and the others are missed; a
    mask that holds none is false. Positions count from the first pixel of the mask's array.

    Parameters
    ----------
    pairs
        Image name, true points and predicted masks of each image.
    class_names, measured_on, truth, incomplete
        See `score_centers`.

    Returns
    -------
    Scores with the values that `score_centers` gives.

    Raises
    ------
    InputError
        If there is no image, or a class has no name.
    """

    def count(true: Centers, predicted: InstanceLabels, value: int) -> Counts:
        points = true.positions[true.classes == value]
        ids = {i for i in np.unique(predicted.ids).tolist() if i > 0}
        ids = {i for i in ids if predicted.classes.get(i, 1) == value}
        hit = set(_ids_under(points, predicted.ids).tolist()) & ids
        return Counts(len(points), len(ids), len(hit))

    return _score(pairs, class_names, count, _classes_of_labels, measured_on, truth, incomplete)


Predicted = TypeVar("Predicted")


def _score(
    pairs: Iterable[tuple[str, Centers, Predicted]],
    class_names: Mapping[int, str],
    count: Callable[[Centers, Predicted, int], Counts],
    classes: Callable[[Predicted], set[int]],
    measured_on: Literal["real", "synthetic"],
    truth: str,
    incomplete: Collection[str],
) -> Scores:
    """Pool the counts of each image and class, and put them into words."""
    names: list[str] = []
    false: list[int] = []
    pooled = dict.fromkeys(class_names, Counts())
    for name, true, predicted in pairs:
        if unknown := (set(true.classes.tolist()) | classes(predicted)) - class_names.keys():
            raise InputError(
                f"Image '{name}' holds class {min(unknown)}, but the classes to score are "
                f"{', '.join(f'{v} ({n})' for v, n in class_names.items())}."
            )
        counts = {value: count(true, predicted, value) for value in class_names}
        pooled = {value: pooled[value] + counts[value] for value in class_names}
        names.append(name)
        false.append(sum(c.false for c in counts.values()))
    if not names:
        raise InputError("There is no image to score: give at least one with truth.")
    whole = sum(pooled.values(), Counts())
    return Scores(
        task="localize",
        measured_on=measured_on,
        images=tuple(names),
        objects=whole.true,
        truth=truth,
        values=_values(whole),
        per_class={class_names[v]: _values(c) for v, c in pooled.items() if not c.empty},
        warnings=warn_incomplete(zip(names, false, strict=True), incomplete),
    )


def _values(counts: Counts) -> dict[str, float]:
    return {
        "found": counts.matched,
        "missed": counts.missed,
        "false": counts.false,
        "precision": counts.precision,
        "recall": counts.recall,
        "f1": counts.f1,
    }


def _classes_of_centers(centers: Centers) -> set[int]:
    return set(centers.classes.tolist())


def _classes_of_labels(labels: InstanceLabels) -> set[int]:
    return {labels.classes.get(i, 1) for i in np.unique(labels.ids).tolist() if i > 0}


def _ids_under(points: NDArray[np.float64], ids: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the id at the pixel nearest to each point; points outside the array give none."""
    pixel = np.floor(points + 0.5).astype(np.int64)
    inside = ((pixel >= 0) & (pixel < ids.shape)).all(axis=1)
    under: NDArray[np.int32] = ids[tuple(pixel[inside].T)]
    return under
