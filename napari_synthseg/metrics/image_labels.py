"""Labels of whole images: which classes a classifier sees on an image, several at once or none.

Definitions
-----------
``ap`` of a class is the average precision of the images ranked by its score (see `ranking`): the
sum of precision x step of recall. An order by chance gets the share of images that show the
class, ``prevalence``, so that no ``ap`` can be read without it. Over all classes ``ap`` is the
mean of the classes for which it is defined, and ``prevalence`` the mean of the same.
``precision``, ``recall`` and ``f1`` count the pairs of image and class whose score reaches the
threshold; over all classes they are pooled, and ``f1_mean`` is the mean over classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.scores import Measured, Scores
from napari_synthseg.metrics.checks import require_images
from napari_synthseg.metrics.counts import Counts, mean_by_name
from napari_synthseg.metrics.ranking import average_precision


def score_image_labels(
    images: Sequence[str],
    true: ArrayLike,
    predicted: ArrayLike,
    class_names: Mapping[int, str],
    *,
    measured_on: Measured,
    threshold: float | Mapping[int, float] = 0.5,
    known: ArrayLike = True,
) -> Scores:
    """Score the classes a classifier sees on images against those that are there.

    Parameters
    ----------
    images
        Image names.
    true
        Whether each image shows each class, shape (image, class), the classes in the order of
        `class_names`.
    predicted
        How sure the classifier is of that, same shape; any finite numbers.
    class_names
        Class value -> name.
    measured_on
        Whether the images are real or synthetic.
    threshold
        Number from which a class counts as seen, for all classes or by class value.
    known
        Whether it is known if each image shows each class, same shape; what is not does not count.

    Returns
    -------
    Scores with ``ap``, ``prevalence``, ``f1``, ``precision``, ``recall``, and ``f1_mean`` over
    all classes. A class that no image shows has only its ``prevalence``, with a warning; what is
    seen of it by mistake still counts as false in the pooled values. One of which nothing is known
    has none.

    Raises
    ------
    InputError
        If there is no image, or the shapes do not fit, or a number is not finite.
    """
    shown, sure = np.asarray(true, np.bool_), np.asarray(predicted, np.float64)
    _check(images, shown, sure, class_names)
    least = [threshold[v] if isinstance(threshold, Mapping) else threshold for v in class_names]
    certain = np.broadcast_to(np.asarray(known, np.bool_), shown.shape)
    shown, seen = shown & certain, (sure >= np.asarray(least)) & certain
    sums = (side.sum(axis=0).tolist() for side in (shown, seen, shown & seen))
    counts = [Counts(*numbers) for numbers in zip(*sums, strict=True)]
    per_class = {
        name: _values_of_class(shown[mine, i], sure[mine, i], counts[i])
        for i, (name, mine) in enumerate(zip(class_names.values(), certain.T, strict=True))
        if mine.any()
    }
    pooled = sum(counts, Counts())
    return Scores(
        measured_on=measured_on,
        images=tuple(images),
        objects=pooled.true,
        truth="image labels",
        counted="labels",
        values={
            **mean_by_name(
                {
                    "ap": of_class["ap"],
                    "prevalence": of_class["prevalence"],
                    "f1_mean": of_class["f1"],
                }
                for of_class in per_class.values()
                if "ap" in of_class
            ),
            **(pooled.ratios() if pooled.true else {}),
        },
        per_class=per_class,
        warnings=_warn_of_one_side(class_names, shown, certain),
    )


def _check(
    images: Sequence[str],
    shown: NDArray[np.bool_],
    sure: NDArray[np.float64],
    class_names: Mapping[int, str],
) -> None:
    require_images(images)
    expected = (len(images), len(class_names))
    for name, array in (("truth", shown), ("prediction", sure)):
        if array.shape != expected:
            raise InputError(
                f"The {name} has shape {array.shape}, but {expected[0]} images and "
                f"{expected[1]} classes are to be scored."
            )
    if not np.isfinite(sure).all():
        image = images[int(np.flatnonzero(~np.isfinite(sure).all(axis=1))[0])]
        raise InputError(f"The prediction for image '{image}' holds numbers that are not finite.")


def _values_of_class(
    shown: NDArray[np.bool_], sure: NDArray[np.float64], counts: Counts
) -> dict[str, float]:
    prevalence = {"prevalence": float(shown.mean())}
    if not shown.any():
        return prevalence
    return {"ap": average_precision(sure, shown), **prevalence, **counts.ratios()}


def _warn_of_one_side(
    class_names: Mapping[int, str], shown: NDArray[np.bool_], known: NDArray[np.bool_]
) -> tuple[str, ...]:
    """Warn of classes that no image shows, that every image does, or that some may or may not."""
    warnings: list[str] = []
    nowhere: list[str] = []
    everywhere: list[str] = []
    for name, column, mine in zip(class_names.values(), shown.T, known.T, strict=True):
        if not mine.all():
            warnings.append(
                f"Not every object of class '{name}' is marked: {np.count_nonzero(~mine)} of "
                f"{len(mine)} images, which may show one, do not count for it."
            )
        if not column.any():
            nowhere.append(name)
        elif column[mine].all():
            everywhere.append(name)
    if nowhere:
        warnings.append(
            f"{_name_classes(nowhere)} on no image: how well it is found is not defined."
        )
    if everywhere:
        warnings.append(
            f"{_name_classes(everywhere)} on every image: any order of them has an average "
            "precision of 1."
        )
    return tuple(warnings)


def _name_classes(names: Sequence[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    if len(names) == 1:
        return f"Class {quoted[0]} is"
    return f"Classes {', '.join(quoted[:-1])} and {quoted[-1]} are"
