"""Positions against true centers: which objects are found where masks are not known.

For truth that is one point per object.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.scores import Measured, Scores
from napari_synthseg.metrics.assignment import assign
from napari_synthseg.metrics.checks import require_images, require_known_classes
from napari_synthseg.metrics.counts import Counts


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

    def of_class(self, value: int) -> NDArray[np.float64]:
        """Return the positions of the points of a class."""
        return np.asarray(self.positions[self.classes == value])

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.positions)


Diameters = Mapping[int, float] | Sequence[Mapping[int, float]]
"""Class value -> typical diameter of its objects, pixels; of all images, or of each in turn."""


def diameters_of_each(diameters: Diameters) -> Iterator[Mapping[int, float]]:
    """Return the diameters on each image; without end where all share them."""
    return repeat(diameters) if isinstance(diameters, Mapping) else iter(diameters)


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
    diameters: Diameters,
    *,
    measured_on: Measured,
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
        Class value -> typical diameter of its objects, pixels; of all images, or of each in turn.
    measured_on
        Whether the images are real or synthetic.
    incomplete
        Names of images on which not every object is in the truth: unmatched predictions there
        count as false, with a warning.

    Returns
    -------
    Scores with the counts ``found``, ``missed``, ``false``, and ``precision``, ``recall``, ``f1``,
    pooled over images and classes, and per class.

    Raises
    ------
    InputError
        If there is no image, or a class has no name or no diameter.
    """
    names: list[str] = []
    false: list[int] = []
    pooled = dict.fromkeys(class_names, Counts())
    for (name, true, predicted), own in zip(pairs, diameters_of_each(diameters), strict=False):
        values = {*true.classes.tolist(), *predicted.classes.tolist()}
        require_known_classes(f"Image '{name}'", values, class_names)
        counts = {
            value: _count(true.of_class(value), predicted.of_class(value), own.get(value), cls)
            for value, cls in class_names.items()
        }
        pooled = {value: pooled[value] + counts[value] for value in class_names}
        names.append(name)
        false.append(sum(c.false for c in counts.values()))
    require_images(names)
    whole = sum(pooled.values(), Counts())
    return Scores(
        task="localize",
        measured_on=measured_on,
        images=tuple(names),
        objects=whole.true,
        truth="clicks",
        values=_values(whole),
        per_class={class_names[v]: _values(c) for v, c in pooled.items() if not c.empty},
        warnings=_warn_incomplete(zip(names, false, strict=True), incomplete),
    )


def _count(
    true: NDArray[np.float64], predicted: NDArray[np.float64], diameter: float | None, name: str
) -> Counts:
    if diameter is None or diameter <= 0.0:
        raise InputError(
            f"Class '{name}' has no diameter: without one, no distance tells whether a center was "
            "found."
        )
    found, _ = match_centers(true, predicted, diameter / 2)
    return Counts(len(true), len(predicted), len(found))


def _values(counts: Counts) -> dict[str, float]:
    return counts.numbers() | counts.ratios()


def _warn_incomplete(
    false_on: Iterable[tuple[str, int]], incomplete: Collection[str]
) -> tuple[str, ...]:
    """Warn of false positives on images whose truth does not hold every object."""
    return tuple(
        f"Not every object on '{name}' is marked: {false} of the predictions there count as "
        "false, though some may be right. True precision and F1 may be higher."
        for name, false in false_on
        if false and name in incomplete
    )
