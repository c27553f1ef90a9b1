"""What images are said to show, in a file, and the scores of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.predictions import ImageTagsPrediction
from napari_synthseg.core.scores import Scores, ScoringOptions
from napari_synthseg.io.class_tables import IMAGE_LABELS
from napari_synthseg.io.result_files import LABELS_FILE
from napari_synthseg.io.tables import Columns, TableRow, to_number, write_rows
from napari_synthseg.metrics.image_labels import score_image_labels
from napari_synthseg.tasks.results import (
    ImageResult,
    ResultWriter,
    Written,
    class_names,
    measured_on,
    rows_by_image,
    warn_unmatched,
)

DEFAULT_THRESHOLD = 0.5
"""Probability from which a class counts as shown where nothing else is said."""

PREDICTED_COLUMNS = Columns(
    required=("image", "class", "score"),
    optional=("shown",),
    numbers=frozenset({"score"}),
)


class TagWriter(ResultWriter):
    """Writes labels.csv: a row for each image and class."""

    def __init__(self, out: Path, class_names: Mapping[int, str]) -> None:
        super().__init__(out, class_names)
        self._rows: list[tuple[object, ...]] = []
        self._shown: dict[str, list[str]] = {}

    def add(self, result: ImageResult) -> None:
        """Keep the classes of an image."""
        tags = result.prediction
        assert isinstance(tags, ImageTagsPrediction)
        reported = tags.class_values_shown()
        named = {value: self.class_names.get(value, str(value)) for value in tags.probabilities}
        self._rows += [
            (result.name, name, tags.probabilities[value], int(value in reported))
            for value, name in named.items()
        ]
        self._shown[result.stem] = [named[value] for value in reported]

    def finish(self) -> Written:
        """Write the table."""
        write_rows(self.out / LABELS_FILE, ("image", "class", "score", "shown"), self._rows)
        each = self._shown.items()
        lines = (f"{stem}: {', '.join(names) or 'nothing'}" for stem, names in each)
        return Written({"per_image": self._shown}, tuple(lines))


def scored_images(results: Sequence[ImageResult]) -> list[ImageResult]:
    """Return the images of which it is known what they show: by truth, or else by all clicks."""
    true = [one for one in results if one.truth is not None]
    return true or [one for one in results if one.clicks_are_truth and one.ref.exhaustive]


def score_images(results: Sequence[ImageResult], classes: Sequence[ObjectClass]) -> Scores:
    """Score what images are said to show against truth of any kind.

    Where no image has any, fully clicked images that are not for training show what was clicked.

    Raises
    ------
    InputError
        If it is not known what any image shows.
    """
    known = [(one, _shown_on(one)) for one in scored_images(results)]
    if not known:
        raise InputError(
            "It is not known what any of these images shows: import masks, boxes or labels for "
            "them, or click all objects of images that are not used for training."
        )
    values = [c.value for c in classes]
    found = []
    for image, _ in known:
        assert isinstance(image.prediction, ImageTagsPrediction)
        found.append(image.prediction)
    return score_image_labels(
        [image.ref.name for image, _ in known],
        [[value in shown for value in values] for _, shown in known],
        [[f.probabilities.get(value, 0.0) for value in values] for f in found],
        class_names(classes),
        measured_on=measured_on([image for image, _ in known]),
        known=[
            [value in shown or value not in image.incomplete for value in values]
            for image, shown in known
        ],
        threshold={value: found[0].thresholds.get(value, DEFAULT_THRESHOLD) for value in values},
    )


def _shown_on(image: ImageResult) -> frozenset[int]:
    """Return the values of the classes that an image shows, as far as it is known."""
    if image.truth is not None:
        return image.truth.class_values_shown()
    return frozenset(click.cls for click in image.clicks)


@dataclass
class _ImageScores:
    """What a table says of one image, by class name."""

    scores: dict[str, float] = field(default_factory=dict)
    shown: dict[str, bool] = field(default_factory=dict)


def score_files(predicted: Path, truth: Path, how: ScoringOptions) -> Scores:
    """Score a labels.csv, or the one of a folder that `predict` wrote, on the images of the truth.

    Parameters
    ----------
    predicted
        CSV ``image,class,score[,shown]``: a row for each image and class. Without a threshold, a
        class counts as shown where `shown` is 1 or, if there is no such column, from 0.5 on.
    truth
        CSV ``image,class``: a row for each class that an image shows; an empty class says that it
        shows none. It names every image that is to be scored.

    Raises
    ------
    InputError
        If a table cannot be read, or no predicted image is in the truth.
    """
    true = rows_by_image(truth, IMAGE_LABELS)
    path = predicted / LABELS_FILE if predicted.is_dir() else predicted
    found = {
        stem: _read_scores(rows)
        for stem, (_, rows) in rows_by_image(path, PREDICTED_COLUMNS).items()
    }
    stems = [stem for stem in true if stem in found]
    if not stems:
        raise InputError(f"No image of {path} has the stem of an image in {truth}.")
    shown = {s: {cells["class"] for _, cells in true[s][1]} - {""} for s in stems}
    names = sorted(set().union(*shown.values(), *(found[s].scores for s in stems)))
    thresholds = {
        value: _threshold(name, [found[s] for s in stems], how.threshold, path)
        for value, name in enumerate(names, start=1)
    }
    scores = score_image_labels(
        [true[stem][0] for stem in stems],
        [[name in shown[stem] for name in names] for stem in stems],
        [[found[stem].scores.get(name, 0.0) for name in names] for stem in stems],
        dict(enumerate(names, start=1)),
        measured_on=how.measured_on,
        threshold=thresholds,
    )
    return scores.model_copy(update={"warnings": (*warn_unmatched(true, found), *scores.warnings)})


def _read_scores(rows: Sequence[TableRow]) -> _ImageScores:
    """Return what the rows of one image say."""
    image = _ImageScores()
    for where, cells in rows:
        cls = cells["class"]
        if not cls:
            raise InputError(f"{where}: the class is missing.")
        if cls in image.scores:
            raise InputError(f"{where}: class '{cls}' of '{cells['image']}' is there twice.")
        image.scores[cls] = to_number(where, "score", cells["score"], "number")
        if "shown" in cells:
            if cells["shown"] not in ("0", "1"):
                raise InputError(f"{where}: shown is '{cells['shown']}', which is not 0 or 1.")
            image.shown[cls] = cells["shown"] == "1"
    return image


def _threshold(cls: str, images: Sequence[_ImageScores], asked: float | None, path: Path) -> float:
    """Return the score from which a class counts as shown."""
    if asked is not None:
        return asked
    if not any(image.shown for image in images):
        return DEFAULT_THRESHOLD
    shown = [i.scores[cls] for i in images if i.shown.get(cls)]
    others = [score for i in images if (score := i.scores.get(cls)) is not None]
    least = min(shown, default=inf)
    if sum(score >= least for score in others) != len(shown):
        raise InputError(
            f"{path}: class '{cls}' is shown on an image with a lower score than one that does not "
            "show it: give --threshold."
        )
    return least
