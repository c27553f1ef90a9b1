"""Scores for people: tables, and the lines that lie over the image. Never without a caption."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap

from napari_synthseg.core.scores import FOREGROUND, Scores, metric_title
from napari_synthseg.ui.presenters.tables import Cell, Table, heading

IN_OVERLAY = ("present_miou_per_image", "miou", "absent_rate", "f1@0.5", "f1@0.7", "f1", "ap",
              "pointing", "energy", "precision@0.5", "recall@0.5", "found", "missed", "false",
              "count_error")  # fmt: skip
"""Metrics that are written over the image, and come first in the table."""

OVERLAY_WIDTH = 52
"""Characters in a line over the image: fits a canvas of 500 pixels."""

COUNTS = ("found", "missed", "false")
"""Metrics that are whole numbers."""

MEANINGS = {
    "f1": "objects found with at least this overlap (IoU): 1 is every object, and nothing else",
    "precision": "share of the predicted objects that are true",
    "recall": "share of the true objects that were found",
    "matching_ap": "true / (true + false + missed) over all objects: 1 is perfect",
    "matching_ap_mean": "true / (true + false + missed), the mean over images: 1 is perfect",
    "count_error": "wrong count, as a share of the true count: 0 is perfect",
    "dice": "overlap of predicted and true foreground: 1 is perfect",
}

OF_REGIONS = {
    "present_miou_per_image": (
        "mIoU, present, by image",
        "Overlap of predicted and true areas: the mean over the classes that an image's truth "
        "shows, then over images. 1 is perfect.",
    ),
    "present_miou_pooled": (
        "mIoU, present, pooled",
        "The same over the pixels of all images together.",
    ),
    "miou": (
        "mIoU, standard",
        "The mean over all classes that occur in truth or prediction: a few pixels of a class that "
        "the truth does not show lower it.",
    ),
    "dice": ("Dice", "Overlap as Dice counts it, the mean over classes. 1 is perfect."),
    "boundary_f1": (
        "boundary F1",
        "How exactly the boundaries between regions were found. 1 is perfect.",
    ),
    "pixel_accuracy": ("pixels right", "Share of the pixels that got their class."),
    "absent_rate": (
        "pixels of absent classes",
        "Share of the pixels given to classes that the image's truth does not show: 0 is perfect. "
        "The figures of present classes do not see these.",
    ),
}
"""Metric of regions -> what its row says, and what it means; shown in this order."""

BY_CLASS = {
    "iou": ("IoU", "Overlap of predicted and true area, as a share of both together"),
    "precision": ("prec.", "Precision: share of what was given to the class that is right"),
    "recall": ("recall", "Share of the class that was found"),
    "boundary_f1": ("edge", "Boundary F1: how exactly the boundaries of the class were found"),
    "share_true": ("area", "True share of the area"),
}
"""Metric of one class of regions -> what its column says, and what it means."""

PRESENT_EXPLAINED = (
    "'Present' counts the classes that the truth shows; 'standard' also those that were "
    "predicted where there are none."
)

CONFUSION_EXPLAINED = "Where the pixels of each true class (rows) went. Green is right."

RIGHT, WRONG = "#3fa45b", "#e0604c"


def score_tables(scores: Scores) -> list[Table]:
    """Return the tables that show scores: of regions three, else one row a metric."""
    if scores.confusion:
        return [_overall(scores), _by_class(scores), confusion_table(scores.confusion)]
    classes = list(scores.per_class) if len(scores.per_class) > 1 else []
    names = sorted(scores.values, key=lambda name: name not in IN_OVERLAY)
    rows = [heading(metric_title(name), _meaning(name)) for name in names]
    cells = [
        [
            _figure(name, figures.get(name), _meaning(name))
            for figures in (scores.values, *(scores.per_class[c] for c in classes))
        ]
        for name in names
    ]
    return [Table(rows, [heading("all"), *map(heading, classes)], cells)]


def _overall(scores: Scores) -> Table:
    names = [name for name in OF_REGIONS if name in scores.values]
    cells = [
        [
            _figure(name, scores.values.get(name + suffix), OF_REGIONS[name][1])
            for suffix in ("", FOREGROUND)
        ]
        for name in names
    ]
    columns = heading("all", "over all classes"), heading("no bg.", "over all but the background")
    return Table([heading(*OF_REGIONS[name]) for name in names], columns, cells)


def _by_class(scores: Scores) -> Table:
    columns = [heading(*words) for words in BY_CLASS.values()]
    cells = [
        [_figure(name, figures.get(name), meaning) for name, (_, meaning) in BY_CLASS.items()]
        for figures in scores.per_class.values()
    ]
    return Table([heading(name) for name in scores.per_class], columns, cells, PRESENT_EXPLAINED)


def confusion_table(confusion: Mapping[str, Mapping[str, int]]) -> Table:
    """Return shares of the pixels of each true class (rows) by predicted class."""
    names = list(next(iter(confusion.values())))
    cells = []
    for true, counts in confusion.items():
        total = sum(counts.values())
        cells.append([_share(true, name, counts.get(name, 0), total) for name in names])
    rows = [Cell(name, f"truly {name}") for name in confusion]
    columns = [Cell(name, f"given to {name}") for name in names]
    return Table(rows, columns, cells, CONFUSION_EXPLAINED)


def _share(true: str, given: str, pixels: int, total: int) -> Cell:
    """Return a cell, the stronger colored the larger its share."""
    share = pixels / total if total else 0.0
    return Cell(
        f"{share:.1%}" if total else "-",
        f"{pixels:,} of {total:,} pixels that are truly {true} were given to {given}",
        RIGHT if true == given else WRONG,
        0.08 + 0.6 * share if pixels else 0.0,
    )


def _meaning(name: str) -> str:
    return MEANINGS.get(name.partition("@")[0].removesuffix(FOREGROUND), "")


def _figure(name: str, value: float | None, meaning: str) -> Cell:
    return Cell("" if value is None else number_text(name, value), meaning)


def number_text(name: str, value: float) -> str:
    """Return a figure as people read it: counts whole, shares with three digits."""
    if name in COUNTS or (value == int(value) and value > 1):
        return str(int(value))
    return f"{value:.3f}"


def overlay_text(scores: Scores) -> str:
    """Return the lines that are written over the image, caption included."""
    figures = [
        f"{_short_title(name)}: {number_text(name, scores.values[name])}"
        for name in IN_OVERLAY
        if name in scores.values
    ]
    is_long = any(len(text) > OVERLAY_WIDTH // 2 for text in figures)
    step = 1 if is_long else 2
    rows = ["   ".join(figures[i : i + step]) for i in range(0, len(figures), step)]
    for sentence in (scores.caption(), *(f"Note: {w}" for w in scores.warnings[:1])):
        rows += wrap(sentence, OVERLAY_WIDTH)
    return "\n".join(rows)


def _short_title(name: str) -> str:
    return OF_REGIONS[name][0] if name in OF_REGIONS else metric_title(name)
