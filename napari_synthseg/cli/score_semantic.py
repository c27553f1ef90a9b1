"""Scoring folders of class values, ours or not, pixel by pixel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from napari_synthseg.cli.class_folders import (
    WHITE,
    ClassFolder,
    name_values,
    read_names,
    read_white_as_one,
    refuse_unknown,
    survey,
    warn_unmatched,
)
from napari_synthseg.cli.output import table
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.scores import FOREGROUND, Scores, metric_title
from napari_synthseg.io.result_files import CLASSES_FILE, by_stem
from napari_synthseg.metrics.areas import BACKGROUND
from napari_synthseg.metrics.semantic import TOLERANCE_PX, score_semantic

SHOWN = (
    "miou", "present_miou_per_image", "present_miou_pooled", "absent_rate", "dice", "boundary_f1",
    "pixel_accuracy",
)  # fmt: skip
OF_CLASS = (
    "iou", "dice", "precision", "recall", "boundary_f1", "share_true", "share_predicted",
)  # fmt: skip
SHARES = ("absent_rate", "share_true", "share_predicted")
"""Values that may be tiny and matter all the same."""


def score_class_files(
    predicted: Path,
    truth: Path,
    *,
    measured_on: Literal["real", "synthetic"],
    ignored: Sequence[str] = (),
    tolerance: float | None = None,
) -> Scores:
    """Score the class values of a folder against those of the same file stem in another.

    The values are called as a classes.csv in either folder says; without one, each value that
    occurs is a class.

    Parameters
    ----------
    predicted, truth
        Folders of images of class values, 0 = background. Where all images of one hold nothing but
        0 and 255, and 1 is what the other or the table knows, 255 is read as 1, with a warning.
    measured_on
        Whether the images are real or synthetic.
    ignored
        The class value, or the name of a class, that takes a true pixel out of all counts; one at
        most.
    tolerance
        Pixels that a predicted boundary may lie off; None for 2.

    Raises
    ------
    InputError
        If an image cannot be read, two differ in shape, or one holds a value that no class has.
    """
    true_files, predicted_files = by_stem(truth), by_stem(predicted)
    stems = sorted(true_files.keys() & predicted_files.keys())
    if not stems:
        raise InputError(f"No file in {predicted} has the stem of a file in {truth}.")
    named = read_names(truth, predicted)
    ignore = _ignored_value(ignored, named)
    true, given = survey(stems, true_files, predicted_files)
    true, given = read_white_as_one(true, given, named, ignore)
    if named is not None:
        refuse_unknown(true, given, named, ignore)
    names = name_values(true, given, ignore) if named is None else named
    scores = score_semantic(
        ((stem, true.read(stem), given.read(stem)) for stem in stems),
        names,
        measured_on=measured_on,
        ignore=ignore,
        tolerance=TOLERANCE_PX if tolerance is None else tolerance,
    )
    warnings = (
        *warn_unmatched(true_files, predicted_files),
        *_warn_of_values(true, given, named, ignore),
        *scores.warnings,
    )
    return scores.model_copy(update={"warnings": warnings})


def _ignored_value(ignored: Sequence[str], named: Mapping[int, str] | None) -> int | None:
    if not ignored:
        return None
    if len(ignored) > 1:
        raise InputError(
            "--task semantic takes one --ignore: save all pixels to ignore with the same value."
        )
    (text,) = ignored
    values = {name: value for value, name in {0: BACKGROUND, **(named or {})}.items()}
    try:
        return int(text)
    except ValueError:
        if text in values:
            return values[text]
        raise InputError(
            f"--ignore {text}: give a class value, or the name of a class in a {CLASSES_FILE} "
            "beside the images."
        ) from None


def _warn_of_values(
    true: ClassFolder, given: ClassFolder, named: Mapping[int, str] | None, ignore: int | None
) -> Iterator[str]:
    for folder in (true, given):
        if folder.white_is_one:
            yield (
                f"All images of {folder.path} hold nothing but 0 and {WHITE}: {WHITE} is read as "
                "class 1."
            )
    values = true.all_values()
    if ignore is not None and ignore not in values:
        yield f"No true pixel has the value {ignore}, which is to be ignored."
    if named is None and ignore != WHITE and WHITE in values and values - {0, WHITE}:
        yield (
            f"The value {WHITE} of the truth is scored as a class: where it stands for unknown "
            f"pixels, give --ignore {WHITE}."
        )


def describe_semantic_scores(scores: Scores) -> list[str]:
    """Return scores as lines: of each class, over classes, and which was taken for which.

    The standard mean IoU, both of the classes present in the truth, and the share of pixels given
    to absent classes always stand side by side.
    """
    of_each = table(
        ("class", *(metric_title(name) for name in OF_CLASS)),
        [
            (called, *(_cell(values, name) for name in OF_CLASS))
            for called, values in scores.per_class.items()
        ],
    )
    over_classes = table(
        ("over classes", "all", "without background"),
        [
            (
                _title(name, scores),
                _cell(scores.values, name),
                _cell(scores.values, f"{name}{FOREGROUND}"),
            )
            for name in SHOWN
        ],
    )
    predicted = list(next(iter(scores.confusion.values()), ()))
    confusion = table(
        ("pixels: true class by predicted", *predicted),
        [
            (called, *(f"{row[name]:,}" for name in predicted))
            for called, row in scores.confusion.items()
        ],
    )
    warnings = [f"Warning: {w}" for w in scores.warnings]
    return [*of_each, "", *over_classes, "", *confusion, "", scores.caption(), *warnings]


def _title(name: str, scores: Scores) -> str:
    title = metric_title(name)
    if name == "boundary_f1" and "boundary_tolerance" in scores.values:
        title += f", within {scores.values['boundary_tolerance']:g} pixels"
    return title


def _cell(values: Mapping[str, float], name: str) -> str | float:
    if name not in values:
        return "-"
    return f"{100 * values[name]:.3g}%" if name in SHARES else values[name]
