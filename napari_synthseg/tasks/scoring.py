"""What the scoring of all tasks has in common: what is known of an image, and clicks as truth."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from napari_synthseg.core.annotations import Click, ImageRef, ObjectClass
from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import BoxLabels, Labels
from napari_synthseg.core.predictions import FoundObject, ObjectPrediction, Prediction
from napari_synthseg.core.scores import Measured, Scores


@dataclass(frozen=True, eq=False)
class ScoredImage:
    """A prediction, and what is known of its image.

    Attributes
    ----------
    truth
        In pixels of the image's region; None: there is none that the task is scored against.
    clicks
        All clicks on the image, in pixels of the whole image.
    incomplete
        Class values of which not every object is in the truth.
    """

    ref: ImageRef
    prediction: Prediction
    truth: Labels | None = None
    clicks: tuple[Click, ...] = ()
    incomplete: frozenset[int] = frozenset()

    @property
    def clicks_are_truth(self) -> bool:
        """Whether clicks say what is on the image, and nothing was learned from them."""
        return bool(self.clicks) and self.ref.role != "train"


def measured_on(images: Sequence[ScoredImage]) -> Measured:
    """Return "synthetic" if one of the images is."""
    return "synthetic" if any(image.ref.synthetic for image in images) else "real"


def class_names(classes: Sequence[ObjectClass]) -> dict[int, str]:
    """Return class value -> name."""
    return {c.value: c.name for c in classes}


def names_of(classes: Sequence[ObjectClass], values: Iterable[Collection[int]]) -> tuple[str, ...]:
    """Return the names of the classes that have one of some values."""
    wanted = {value for some in values for value in some}
    return tuple(c.name for c in classes if c.value in wanted)


def truth_words(truths: Iterable[Labels | None]) -> str:
    """Return what the truth is, for the caption."""
    kinds = {"boxes" if isinstance(truth, BoxLabels) else "masks" for truth in truths}
    return " and ".join(sorted(kinds))


def warn_unmatched(true: Mapping[str, object], predicted: Mapping[str, object]) -> list[str]:
    """Warn of images that only one side has, by file stem."""
    warnings = []
    if missing := sorted(true.keys() - predicted.keys()):
        warnings.append(f"{len(missing)} true image(s) have no prediction, such as {missing[0]}.")
    if extra := sorted(predicted.keys() - true.keys()):
        warnings.append(f"{len(extra)} prediction(s) have no true image, such as {extra[0]}.")
    return warnings


def score_on_clicks(images: Sequence[ScoredImage], classes: Sequence[ObjectClass]) -> Scores:
    """Score objects by their centers, against the clicks on images that are not for training.

    Raises
    ------
    InputError
        If there are no such clicks.
    """
    from napari_synthseg.metrics.localization import Centers, score_centers

    known = [image for image in images if image.clicks_are_truth]
    if not known:
        raise InputError(
            "None of these images has ground truth: import true masks for an image, or click the "
            "objects of an image that is not used for training."
        )
    pairs = []
    for image in known:
        assert isinstance(image.prediction, ObjectPrediction)
        sides = (
            [(c.position, c.cls) for c in image.clicks],
            [(o.center, o.cls) for o in image.prediction.objects],
        )
        true, found = (
            Centers.of(
                [_in_finest_pixels(position, image.ref) for position, _ in side],
                [cls for _, cls in side],
                image.ref.ndim,
            )
            for side in sides
        )
        pairs.append((image.ref.name, true, found))
    return score_centers(
        pairs,
        class_names(classes),
        {c.value: c.diameter_px(known[0].ref) for c in classes},
        measured_on=measured_on(known),
        incomplete=[image.ref.name for image in known if not image.ref.exhaustive],
    )


def _in_finest_pixels(position: Sequence[float], ref: ImageRef) -> tuple[float, ...]:
    """Return a position in pixels of the finest axis, in which diameters are given."""
    spacing = ref.spacing if ref.ndim == 3 else (1.0, 1.0)
    return tuple(p * s for p, s in zip(position, spacing, strict=True))


def boxes_found(objects: Sequence[FoundObject], origin: Sequence[int]) -> Boxes:
    """Return the boxes of predicted objects, in pixels of the region that begins at `origin`."""
    corners = np.array([o.box for o in objects], float).reshape(-1, 2, 2).swapaxes(1, 2)
    boxes = Boxes.of(
        corners.reshape(-1, 4), [o.cls for o in objects] or 1, [o.score for o in objects] or 1.0
    )
    return boxes.shifted([-start for start in origin])
