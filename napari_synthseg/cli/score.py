"""Scoring folders of predictions against folders of ground truth, ours or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer

from napari_synthseg.cli.label_files import by_stem, read_classes
from napari_synthseg.cli.output import JsonFlag, report, table
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import Labels
from napari_synthseg.core.scores import Scores
from napari_synthseg.score.instance import score_instances
from napari_synthseg.store.labels import read_label_file

TASKS = ("segment",)
SHOWN = (
    "f1@0.5", "f1@0.7", "f1@0.8", "precision@0.5", "recall@0.5", "matching_ap@0.5",
    "matching_ap_mean@0.5", "dice", "count_error",
)  # fmt: skip
COUNTS = ("found", "missed", "false")
ANY_CLASS = "object"

ClassTables = Mapping[str, Mapping[int, str]]
"""File stem -> instance id -> class name."""


def score(
    task: Annotated[
        str, typer.Option("--task", metavar="TASK", help="segment: instance masks against masks.")
    ],
    predicted: Annotated[
        Path, typer.Option("--pred", metavar="DIR", help="Predicted label images.")
    ],
    truth: Annotated[Path, typer.Option("--truth", metavar="DIR", help="True label images.")],
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="The images are synthetic; said with the scores.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Score label images against true ones of the same file stem.

    Classes are compared where both folders hold an objects.csv (image,id,class).
    """
    if task not in TASKS:
        raise InputError(f"--task {task}: a task is one of {', '.join(TASKS)}.")
    true_files, predicted_files = by_stem(truth), by_stem(predicted)
    stems = sorted(true_files.keys() & predicted_files.keys())
    if not stems:
        raise InputError(f"No file in {predicted} has the stem of a file in {truth}.")
    true_classes, predicted_classes = read_classes(truth), read_classes(predicted)
    warnings = _warn_unmatched(true_files, predicted_files)
    if true_classes is None or predicted_classes is None:
        if true_classes is not None or predicted_classes is not None:
            warnings.append("Only one of the folders has an objects.csv: classes are ignored.")
        true_classes = predicted_classes = {}
    names = _number_classes(true_classes, predicted_classes)
    values = {name: value for value, name in names.items()}

    def pairs() -> Iterator[tuple[str, Labels, Labels]]:
        for stem in stems:
            yield (
                stem,
                _labels(true_files[stem], true_classes.get(stem, {}), values),
                _labels(predicted_files[stem], predicted_classes.get(stem, {}), values),
            )

    measured: Literal["real", "synthetic"] = "synthetic" if synthetic else "real"
    scores = score_instances(pairs(), names, measured_on=measured)
    scores = scores.model_copy(update={"warnings": (*warnings, *scores.warnings)})
    report(
        {**scores.model_dump(mode="json"), "caption": scores.caption()},
        describe_scores(scores),
        as_json,
    )


def describe_scores(scores: Scores) -> list[str]:
    """Return scores as lines: a table, what they were measured on, and warnings."""
    columns = [name for name in SHOWN if name in scores.values] or list(scores.values)
    named = {"all": scores.values, **(scores.per_class if len(scores.per_class) > 1 else {})}
    rows = [
        (name, *(_as_count(c, values.get(c, float("nan"))) for c in columns))
        for name, values in named.items()
    ]
    lines = table(("class", *columns), rows)
    return [*lines, scores.caption(), *(f"Warning: {w}" for w in scores.warnings)]


def _as_count(name: str, value: float) -> float | int:
    return int(value) if name in COUNTS and value == value // 1 else value


def _number_classes(*tables: ClassTables) -> dict[int, str]:
    """Return class value -> name, for all names that occur; one class where none has a name."""
    names = {name for table in tables for classes in table.values() for name in classes.values()}
    return dict(enumerate(sorted(names) or [ANY_CLASS], start=1))


def _labels(path: Path, classes: Mapping[int, str], values: Mapping[str, int]) -> Labels:
    ids = read_label_file(path).ids
    present = {int(i) for i in np.unique(ids)} - {0}
    if len(values) > 1 and (missing := present - classes.keys()):
        raise InputError(
            f"{path.parent / 'objects.csv'} has no row for id {min(missing)} of {path.name}."
        )
    return Labels(ids, {i: values[classes[i]] for i in present if i in classes})


def _warn_unmatched(true_files: Mapping[str, Path], predicted: Mapping[str, Path]) -> list[str]:
    warnings = []
    if missing := sorted(true_files.keys() - predicted.keys()):
        warnings.append(f"{len(missing)} true image(s) have no prediction, such as {missing[0]}.")
    if extra := sorted(predicted.keys() - true_files.keys()):
        warnings.append(f"{len(extra)} prediction(s) have no true image, such as {extra[0]}.")
    return warnings
