"""Scoring predictions against the truth, ours or not: masks, regions, boxes, heat maps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from napari_synthseg.cli.class_folders import warn_unmatched
from napari_synthseg.cli.output import report, table
from napari_synthseg.cli.score_boxes import score_box_files
from napari_synthseg.cli.score_maps import describe_map_scores, score_map_files
from napari_synthseg.cli.score_semantic import describe_semantic_scores, score_class_files
from napari_synthseg.cli.settings import JsonFlag
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.scores import Scores
from napari_synthseg.io.result_files import by_stem, read_classes, read_labels
from napari_synthseg.metrics.instance import score_instances

TASKS = ("segment", "semantic", "detect", "cam")
SHOWN = {
    "segment": (
        "f1@0.5", "f1@0.7", "f1@0.8", "precision@0.5", "recall@0.5", "matching_ap@0.5",
        "matching_ap_mean@0.5", "dice", "count_error",
    ),
    "detect": (
        "ap@0.5", "ap@0.5:0.95", "f1@0.5", "precision@0.5", "recall@0.5", "found", "missed",
        "false",
    ),
}  # fmt: skip
OPTIONS = {
    "segment": (),
    "semantic": ("--ignore", "--tolerance"),
    "detect": ("--ignore", "--threshold", "--max-detections"),
    "cam": ("--ignore", "--threshold", "--tolerance"),
}
"""Options that a task takes, beside those that all take."""
COUNTS = ("found", "missed", "false")
ANY_CLASS = "object"

ClassTables = Mapping[str, Mapping[int, str]]
"""File stem -> instance id -> class name."""

Measured = Literal["real", "synthetic"]


def score(
    task: Annotated[
        str,
        typer.Option(
            "--task",
            metavar="TASK",
            help="segment: objects against objects; semantic: the class of each pixel; detect: "
            "boxes against boxes; cam: heat maps against masks or boxes.",
        ),
    ],
    predicted: Annotated[
        Path,
        typer.Option(
            "--pred",
            metavar="PATH",
            help="Folder of label images, of heat maps (STEM__CLASS.tif) or of objects.csv and "
            "candidates.csv; or a CSV table of boxes.",
        ),
    ],
    truth: Annotated[
        Path,
        typer.Option(
            "--truth", metavar="PATH", help="Folder of label images, or a CSV table of boxes."
        ),
    ],
    ignored: Annotated[
        list[str] | None,
        typer.Option(
            "--ignore",
            metavar="CLASS",
            help="Not every object of this class is in the truth: keep it out of the values over "
            "all classes (detect, cam); repeat for more. semantic: class value or name; true "
            "pixels of it do not count.",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="detect: lowest score of a box that counts for F1; cam: share of a map's range "
            "that a peak must reach (0.5)."
        ),
    ] = None,
    max_detections: Annotated[
        int | None,
        typer.Option(
            min=1, help="detect: boxes per image and class for average precision (all; COCO: 100)."
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            help="cam: how far off a map may point, in object diameters (0); semantic: how far off "
            "a boundary may lie, in pixels (2).",
        ),
    ] = None,
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="The images are synthetic; said with the scores.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Score label images, boxes or heat maps against the truth of the same file stem.

    Classes of label images are compared where both folders hold an objects.csv (image,id,class).
    """
    if task not in TASKS:
        raise InputError(f"--task {task}: a task is one of {', '.join(TASKS)}.")
    given = {
        "--ignore": ignored or None,
        "--threshold": threshold,
        "--max-detections": max_detections,
        "--tolerance": tolerance,
    }
    for option, value in given.items():
        if value is not None and option not in OPTIONS[task]:
            raise InputError(f"{option} does not belong to --task {task}: leave it out.")
    measured: Measured = "synthetic" if synthetic else "real"
    if task == "segment":
        scores = _score_label_files(predicted, truth, measured)
    elif task == "semantic":
        scores = score_class_files(
            predicted,
            truth,
            measured_on=measured,
            ignored=ignored or (),
            tolerance=tolerance,
        )
    elif task == "detect":
        scores = score_box_files(
            predicted,
            truth,
            measured_on=measured,
            ignored=ignored or (),
            threshold=threshold,
            max_detections=max_detections,
        )
    else:
        scores = score_map_files(
            predicted,
            truth,
            measured_on=measured,
            ignored=ignored or (),
            threshold=threshold,
            tolerance=tolerance,
        )
    result = {**scores.model_dump(mode="json"), "caption": scores.caption()}
    report(result, describe_scores(scores), as_json)


def _score_label_files(predicted: Path, truth: Path, measured: Measured) -> Scores:
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
    names = _number_classes(true_classes, predicted_classes)
    values = {name: value for value, name in names.items()}

    def pairs() -> Iterator[tuple[str, InstanceLabels, InstanceLabels]]:
        for stem in stems:
            yield (
                stem,
                read_labels(true_files[stem], true_classes.get(stem, {}), values),
                read_labels(predicted_files[stem], predicted_classes.get(stem, {}), values),
            )

    scores = score_instances(pairs(), names, measured_on=measured)
    return scores.model_copy(update={"warnings": (*warnings, *scores.warnings)})


def describe_scores(scores: Scores) -> list[str]:
    """Return scores as lines: a table, what they were measured on, and warnings."""
    if scores.task == "cam":
        return describe_map_scores(scores)
    if scores.task == "semantic":
        return describe_semantic_scores(scores)
    shown = SHOWN.get(scores.task, ())
    columns = [name for name in shown if name in scores.values] or list(scores.values)
    named = {"all": scores.values, **(scores.per_class if len(scores.per_class) > 1 else {})}
    rows = [
        (name, *(_as_count(c, values[c]) if c in values else "-" for c in columns))
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
