"""Scores of predicted objects, pixel masks against masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import InstanceLabels, instances_of
from napari_synthseg.core.predictions import InstancePrediction
from napari_synthseg.core.scores import Scores, ScoringOptions
from napari_synthseg.io.result_files import by_stem, read_classes, read_labels
from napari_synthseg.metrics.instance import score_instances
from napari_synthseg.tasks.scoring import (
    ScoredImage,
    class_names,
    measured_on,
    score_on_clicks,
    warn_unmatched,
)

ANY_CLASS = "object"
"""Name of the class where none has a name."""


def score_images(images: Sequence[ScoredImage], classes: Sequence[ObjectClass]) -> Scores:
    """Score predictions against true masks; where no image has any, against clicks."""
    known = [image for image in images if image.truth is not None]
    if not known:
        return score_on_clicks(images, classes)

    def pairs() -> Iterator[tuple[str, InstanceLabels, InstanceLabels]]:
        for image in known:
            assert image.truth is not None
            assert isinstance(image.prediction, InstancePrediction)
            yield image.ref.name, instances_of(image.truth), image.prediction.as_labels()

    return score_instances(pairs(), class_names(classes), measured_on=measured_on(known))


def score_files(predicted: Path, truth: Path, how: ScoringOptions) -> Scores:
    """Score folders of label images; classes count where both have an objects.csv."""
    true_files, predicted_files = by_stem(truth), by_stem(predicted)
    stems = sorted(true_files.keys() & predicted_files.keys())
    if not stems:
        raise InputError(f"No file in {predicted} has the stem of a file in {truth}.")
    true_classes, predicted_classes = read_classes(truth), read_classes(predicted)
    warnings = warn_unmatched(true_files, predicted_files)
    if true_classes is None or predicted_classes is None:
        if true_classes is not None or predicted_classes is not None:
            warnings.append("Only one of the folders has an objects.csv: classes are ignored.")
        true_classes = predicted_classes = {}
    tables = (*true_classes.values(), *predicted_classes.values())
    named = sorted({name for table in tables for name in table.values()}) or [ANY_CLASS]
    values = {name: value for value, name in enumerate(named, start=1)}

    def pairs() -> Iterator[tuple[str, InstanceLabels, InstanceLabels]]:
        for stem in stems:
            yield (
                stem,
                read_labels(true_files[stem], true_classes.get(stem, {}), values),
                read_labels(predicted_files[stem], predicted_classes.get(stem, {}), values),
            )

    names = {value: name for name, value in values.items()}
    scores = score_instances(pairs(), names, measured_on=how.measured_on)
    return scores.model_copy(update={"warnings": (*warnings, *scores.warnings)})
