"""Predicted objects in files, and their scores, pixel masks against masks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.labels import InstanceLabels, instances_of
from napari_synthseg.core.predictions import InstancePrediction
from napari_synthseg.core.scores import Scores, ScoringOptions
from napari_synthseg.io.result_files import (
    OBJECTS_FILE,
    ClassTable,
    class_names_of,
    read_classes,
    read_labels,
    write_labels,
)
from napari_synthseg.metrics.instance import score_instances
from napari_synthseg.tasks.results import (
    ImageResult,
    ObjectWriter,
    class_names,
    matching_files,
    measured_on,
    score_on_clicks,
    warn_unmatched,
)

ANY_CLASS = "object"
"""Name of the class where none has a name."""


class MaskWriter(ObjectWriter):
    """Writes STEM.tif with instance ids, and objects.csv."""

    def add(self, result: ImageResult) -> None:
        """Write the ids of an image, and keep its objects."""
        assert isinstance(result.prediction, InstancePrediction)
        write_labels(self.out / f"{result.stem}.tif", result.prediction.ids, result.ref)
        super().add(result)


def score_images(results: Sequence[ImageResult], classes: Sequence[ObjectClass]) -> Scores:
    """Score predictions against true masks; where no image has any, against clicks."""
    known = [one for one in results if one.truth is not None]
    if not known:
        return score_on_clicks(results, classes)

    def pairs() -> Iterator[tuple[str, InstanceLabels, InstanceLabels]]:
        for one in known:
            assert one.truth is not None
            assert isinstance(one.prediction, InstancePrediction)
            true = replace(instances_of(one.truth), incomplete=one.incomplete)
            yield one.ref.name, true, one.prediction.as_labels()

    return score_instances(pairs(), class_names(classes), measured_on=measured_on(known))


def score_files(predicted: Path, truth: Path, how: ScoringOptions) -> Scores:
    """Score folders of label images; classes count where both have an objects.csv."""
    stems, true_files, predicted_files = matching_files(predicted, truth)
    true_classes, predicted_classes = read_classes(truth), read_classes(predicted)
    warnings = warn_unmatched(true_files, predicted_files)
    if true_classes is None or predicted_classes is None:
        known = (true_classes or predicted_classes or {}).values()
        if len({name for table in known for name in table.values()}) > 1:
            bare = truth if true_classes is None else predicted
            warnings.append(
                f"Classes are ignored, as {bare} has no {OBJECTS_FILE}: to compare them, write one "
                "there, with the columns image,id,class."
            )
        true_classes = predicted_classes = {}
    tables = (*true_classes.values(), *predicted_classes.values())
    named = sorted({name for table in tables for name in table.values()}) or [ANY_CLASS]
    values = {name: value for value, name in enumerate(named, start=1)}

    def read(files: Mapping[str, Path], table: ClassTable, stem: str) -> InstanceLabels:
        return read_labels(files[stem], class_names_of(table, stem, files[stem]), values)

    def pairs() -> Iterator[tuple[str, InstanceLabels, InstanceLabels]]:
        for stem in stems:
            yield (
                stem,
                read(true_files, true_classes, stem),
                read(predicted_files, predicted_classes, stem),
            )

    names = {value: name for name, value in values.items()}
    scores = score_instances(pairs(), names, measured_on=how.measured_on)
    return scores.model_copy(update={"warnings": (*warnings, *scores.warnings)})
