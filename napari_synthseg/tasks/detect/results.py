"""Predicted boxes in files, and their scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import Labels, boxes_of, lie_where_known
from napari_synthseg.core.predictions import BoxPrediction, FoundObject
from napari_synthseg.core.scores import Scores, ScoringOptions
from napari_synthseg.io.boxes.table import BoxTable, read_boxes
from napari_synthseg.io.result_files import CANDIDATES_FILE, OBJECTS_FILE
from napari_synthseg.metrics.detection import score_boxes
from napari_synthseg.tasks.results import (
    ImageResult,
    ObjectWriter,
    Written,
    class_names,
    measured_on,
    names_of,
    score_on_clicks,
    truth_words,
    write_object_table,
)


class BoxWriter(ObjectWriter):
    """Writes objects.csv, and candidates.csv with the boxes of any score."""

    def __init__(self, out: Path, class_names: Mapping[int, str]) -> None:
        super().__init__(out, class_names)
        self._candidates = list[Sequence[FoundObject]]()

    def add(self, result: ImageResult) -> None:
        """Keep the boxes of an image."""
        assert isinstance(result.prediction, BoxPrediction)
        self._candidates.append(result.prediction.candidates)
        super().add(result)

    def finish(self) -> Written:
        """Write both tables."""
        path = self.out / CANDIDATES_FILE
        write_object_table(path, self.results, self._candidates, self.class_names)
        return super().finish()


def score_images(results: Sequence[ImageResult], classes: Sequence[ObjectClass]) -> Scores:
    """Score predictions against true boxes or masks; where no image has any, against clicks."""
    known = [one for one in results if one.truth is not None]
    if not known:
        return score_on_clicks(results, classes)
    pairs, candidates = [], {}
    for one in known:
        found = one.prediction
        assert one.truth is not None
        assert isinstance(found, BoxPrediction)
        reported = _boxes_found(found.objects, found.region_origin, one.truth)
        pairs.append((one.ref.name, boxes_of(one.truth), reported))
        ranked = found.candidates or found.objects
        candidates[one.ref.name] = _boxes_found(ranked, found.region_origin, one.truth)
    return score_boxes(
        pairs,
        class_names(classes),
        measured_on=measured_on(known),
        truth=truth_words(one.truth for one in known),
        candidates=candidates,
        incomplete_classes=names_of(classes, (one.incomplete for one in known)),
    )


def _boxes_found(objects: Sequence[FoundObject], origin: Sequence[int], truth: Labels) -> Boxes:
    """Return the boxes of predicted objects, in pixels of the region that begins at `origin`.

    Those that lie where the truth is unknown are left out.
    """
    corners = np.array([o.box for o in objects], float).reshape(-1, 2, 2).swapaxes(1, 2)
    boxes = Boxes.of(
        corners.reshape(-1, 4), [o.cls for o in objects] or 1, [o.score for o in objects] or 1.0
    )
    placed = boxes.shifted([-start for start in origin])
    return placed.take(lie_where_known(placed, truth))


def score_files(predicted: Path, truth: Path, how: ScoringOptions) -> Scores:
    """Score the boxes of a table, or of a folder that `predict` wrote, on the images of the truth.

    Parameters
    ----------
    predicted
        A CSV table of boxes with scores; or a folder with objects.csv, candidates.csv or both.
        Average precision ranks the candidates. F1 counts the objects or, where a threshold is
        given, the candidates that reach it.
    truth
        A CSV table of true boxes. It names every image that is to be scored.

    Raises
    ------
    InputError
        If a table cannot be read, or no predicted box is on an image of the truth.
    """
    true = read_boxes(truth, scored=False)
    objects, candidates, warnings = _read_predicted(predicted, how.threshold)
    ranked = candidates or objects
    if not true.names:
        raise InputError(f"{truth} names no image.")
    if not true.names.keys() & ranked.names.keys():
        raise InputError(f"No image of {predicted} has the stem of an image in {truth}.")
    warnings += _warn_unmatched(true, ranked)
    names = sorted(true.classes | objects.classes | ranked.classes)
    values = {name: value for value, name in enumerate(names, start=1)}

    def pairs() -> Iterator[tuple[str, Boxes, Boxes]]:
        for stem, name in true.names.items():
            yield name, true.of_image(stem, values), objects.of_image(stem, values)

    scores = score_boxes(
        pairs(),
        {value: name for name, value in values.items()},
        measured_on=how.measured_on,
        threshold=how.threshold,
        candidates={name: ranked.of_image(stem, values) for stem, name in true.names.items()},
        max_detections=how.max_detections,
        incomplete_classes=how.ignore,
    )
    return scores.model_copy(update={"warnings": (*warnings, *scores.warnings)})


def _read_predicted(
    path: Path, threshold: float | None
) -> tuple[BoxTable, BoxTable | None, list[str]]:
    """Return the boxes to count, those to rank where they are others, and warnings."""
    files = [path / OBJECTS_FILE, path / CANDIDATES_FILE] if path.is_dir() else [path]
    found = [file for file in files if file.exists()]
    if not found:
        raise InputError(
            f"{path} holds neither {OBJECTS_FILE} nor {CANDIDATES_FILE}."
            if path.is_dir()
            else f"There is no file '{path}': check the name."
        )
    if len(found) == 2:
        candidates = read_boxes(found[1], scored=True)
        if threshold is not None:
            return candidates, None, []
        return read_boxes(found[0], scored=True), candidates, []
    warnings = []
    if found[0].name == OBJECTS_FILE:
        warnings.append(
            f"Average precision ranks only the boxes of {OBJECTS_FILE}, which a threshold has "
            f"chosen: it may be too low. {CANDIDATES_FILE} would hold all."
        )
    return read_boxes(found[0], scored=True), None, warnings


def _warn_unmatched(true: BoxTable, predicted: BoxTable) -> list[str]:
    warnings = []
    if missing := sorted(true.boxes.keys() - predicted.names.keys()):
        warnings.append(
            f"{len(missing)} image(s) of the truth have no predicted box, such as {missing[0]}: "
            "their objects count as missed."
        )
    if extra := sorted(predicted.names.keys() - true.names.keys()):
        warnings.append(
            f"{len(extra)} predicted image(s) are not in the truth, such as {extra[0]}, and left "
            "out. A row with only the image tells that it holds no object."
        )
    return warnings
