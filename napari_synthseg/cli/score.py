"""Scoring predictions against the truth, ours or not: masks, regions, boxes, labels, heat maps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from napari_synthseg.cli.console import report, table
from napari_synthseg.cli.settings import JsonFlag
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.scores import FOREGROUND, Measured, Scores, ScoringOptions, metric_title
from napari_synthseg.tasks.registry import shown_metrics
from napari_synthseg.workflow.evaluating import (
    score_folders,
    scored_from_files,
    scoring_options,
)

COUNT_METRICS = ("found", "missed", "false")
TINY_METRICS = ("absent_rate", "share_true", "share_predicted")
"""Values that may be tiny and matter all the same."""


def score(
    task: Annotated[
        str,
        typer.Option(
            metavar="TASK",
            help="segment: objects against objects; semantic: the class of each pixel; detect: "
            "boxes against boxes; classify: labels of images; cam: heat maps against masks or "
            "boxes.",
        ),
    ],
    predicted: Annotated[
        Path,
        typer.Option(
            "--pred",
            metavar="PATH",
            help="Folder of label images, of heat maps (STEM__CLASS.tif) or of tables that "
            "'predict' wrote; or a CSV table of boxes or labels.",
        ),
    ],
    truth: Annotated[
        Path,
        typer.Option(
            metavar="PATH", help="Folder of label images, or a CSV table of boxes or image labels."
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
            help="detect: lowest score of a box that counts for F1; classify: lowest score of a "
            "class that counts as shown; cam: share of a map's range that a peak must reach (0.5)."
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
            "a boundary may lie, in pixels (2); tasks of other packages: how far off a center may "
            "lie, in pixels.",
        ),
    ] = None,
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="The images are synthetic; said with the scores.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Score label images, boxes, labels or heat maps against the truth of the same file stem.

    Classes of label images are compared where both folders hold an objects.csv (image,id,class).
    """
    if task not in scored_from_files():
        raise InputError(f"--task {task}: a task is one of {', '.join(scored_from_files())}.")
    measured_on: Measured = "synthetic" if synthetic else "real"
    how = ScoringOptions(measured_on, tuple(ignored or ()), threshold, max_detections, tolerance)
    for name in ("ignore", "threshold", "max_detections", "tolerance"):
        if getattr(how, name) not in (None, ()) and name not in scoring_options(task):
            option = f"--{name.replace('_', '-')}"
            raise InputError(f"{option} does not belong to --task {task}: leave it out.")
    scores = score_folders(task, predicted, truth, how).result()
    result = {**scores.model_dump(mode="json"), "caption": scores.caption()}
    report(result, describe_scores(scores), as_json)


def describe_scores(scores: Scores) -> list[str]:
    """Return scores as lines: tables, what they were measured on, and warnings."""
    if any(name.endswith("_chance") for name in scores.values):
        lines = _beside_chance(scores)
    elif scores.confusion:
        lines = _of_regions(scores)
    else:
        lines = _of_classes(scores)
    return [*lines, scores.caption(), *(f"Warning: {w}" for w in scores.warnings)]


def _named(scores: Scores) -> dict[str, Mapping[str, float]]:
    """Return the values over all classes and, where there are several, of each."""
    return {"all": scores.values, **(scores.per_class if len(scores.per_class) > 1 else {})}


def _of_classes(scores: Scores) -> list[str]:
    """Return one table with a row for each class."""
    shown, _ = shown_metrics(scores.task)
    columns = [name for name in shown if name in scores.values] or list(scores.values)
    return _class_table(_named(scores), columns, columns)


def _class_table(
    values: Mapping[str, Mapping[str, float]], metrics: Sequence[str], titles: Iterable[str]
) -> list[str]:
    rows = [(name, *(_cell(of_class, m) for m in metrics)) for name, of_class in values.items()]
    return table(("class", *titles), rows)


def _beside_chance(scores: Scores) -> list[str]:
    """Return one table of each figure beside its chance level."""
    columns = _named(scores)
    header = ("", *(cell for name in columns for cell in (name, "chance")))
    rows = []
    for figure in scores.values:
        chance = f"{figure}_chance"
        if chance in scores.values:
            cells = [values[name] for values in columns.values() for name in (figure, chance)]
            rows.append((metric_title(figure), *cells))
    maps = ("heat maps", *(cell for v in columns.values() for cell in (int(v["maps"]), "")))
    return table(header, [*rows, maps])


def _of_regions(scores: Scores) -> list[str]:
    """Return tables of each class, over classes, and which class was taken for which.

    The standard mean IoU, both of the classes present in the truth, and the share of pixels given
    to absent classes always stand side by side.
    """
    shown, of_class = shown_metrics(scores.task)
    each = _class_table(scores.per_class, of_class, map(metric_title, of_class))
    header = ("over classes", "all", "without background")
    rows = [
        (_title(m, scores), _cell(scores.values, m), _cell(scores.values, m + FOREGROUND))
        for m in shown
    ]
    predicted = list(next(iter(scores.confusion.values()), ()))
    pixels = [
        (true, *(f"{row[name]:,}" for name in predicted)) for true, row in scores.confusion.items()
    ]
    confusion = table(("pixels: true class by predicted", *predicted), pixels)
    return [*each, "", *table(header, rows), "", *confusion, ""]


def _title(name: str, scores: Scores) -> str:
    title = metric_title(name)
    if name == "boundary_f1" and "boundary_tolerance" in scores.values:
        title += f", within {scores.values['boundary_tolerance']:g} pixels"
    return title


def _cell(values: Mapping[str, float], name: str) -> str | float:
    value = values.get(name)
    if value is None:
        return "-"
    if name in TINY_METRICS:
        return f"{100 * value:.3g}%"
    return int(value) if name in COUNT_METRICS and value == value // 1 else value
