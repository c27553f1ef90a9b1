"""Scores for people: tables, and the lines that lie over the image. Never without a caption.

Which metrics come first, and in which order, the task says.
"""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap

from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.scores import CHANCE, FOREGROUND, Scores, metric_title
from napari_synthseg.tasks.registry import shown_metrics
from napari_synthseg.ui.presenters.tables import Cell, Table, heading
from napari_synthseg.workflow.evaluating import HEAT_MAPS

OVERLAY_WIDTH = 52
"""Characters in a line over the image: fits a canvas of 500 pixels."""

COUNTS = ("found", "missed", "false")
"""Metrics that are whole numbers."""

SHORT_TITLES = {
    "present_miou_per_image": "mIoU, present, by image",
    "present_miou_pooled": "mIoU, present, pooled",
    "miou": "mIoU, standard",
    "boundary_tolerance": "how far a boundary may be off and still count as found, pixels",
    "pixel_accuracy": "pixels right",
    "absent_rate": "pixels of absent classes",
}
"""Metric -> its title where that of reports is too long for the panel."""

IOU = "overlap (IoU: what both share, of what both cover)"

MEANINGS = {
    "f1": "precision and recall in one figure (their harmonic mean): 1 is perfect",
    "f1@": f"objects found with at least this {IOU}: 1 is every object, and nothing else",
    "precision": "share of what was predicted that is true",
    "recall": "share of what is true that was found",
    "matching_ap": "true / (true + false + missed) over all objects: 1 is perfect",
    "matching_ap_mean": "true / (true + false + missed), the mean over images: 1 is perfect",
    "count_error": "wrong count, as a share of the true count: 0 is perfect",
    "dice": "overlap of what was predicted and what is true: 1 is perfect",
    "present_miou_per_image": f"{IOU} of predicted and true areas: the mean over the classes that "
    "an image's truth shows, then over images; 1 is perfect",
    "present_miou_pooled": "the same over the pixels of all images together",
    "miou": f"{IOU}: the mean over all classes that occur in truth or prediction: a few pixels of "
    "a class that the truth does not show lower it",
    "boundary_f1": "how exactly the boundaries between regions were found: 1 is perfect",
    "pixel_accuracy": "share of the pixels that got their class",
    "absent_rate": "share of the pixels given to classes that the image's truth does not show: 0 "
    "is perfect; the figures of present classes do not see these",
    "ap": "average precision: 1 where all that is true has a higher score than all that is not",
    "f1_mean": "F1 of each class, the mean of them",
    "prevalence": "share of the images that show the class: what AP is by chance",
    "found": "true objects that were found",
    "missed": "true objects that were not found",
    "false": "predicted objects that are not true",
    "pointing": "share of the heat maps whose brightest point lies in an object of the class",
    "energy": "share of a heat map's brightness that lies in objects",
    "pixel_ap": "1 where all pixels of objects are brighter than all others",
    "max_box_acc_v2": "share of the heat maps of which a box around a bright part fits an object, "
    "at the best threshold",
    "max_box_acc_v2_largest": "the same with the largest bright part alone",
    "peak_f1": "bright peaks that lie in objects, each in one of its own: 1 is one in each object, "
    "and none elsewhere",
    "peak_precision": "share of the bright peaks that lie in an object of their own",
    "peak_recall": "share of the objects that hold a bright peak",
    "maps": "heat maps that were scored",
}
"""Metric, without its threshold -> what it means; "f1@" is one that has a threshold."""

OF_ONE_CLASS = {
    "iou": ("IoU", f"{IOU} of predicted and true area"),
    "precision": ("prec.", "precision: share of what was given to the class that is right"),
    "recall": ("recall", "share of the class that was found"),
    "boundary_f1": ("edge", "boundary F1: how exactly the boundaries of the class were found"),
    "share_true": ("area", "true share of the area"),
}
"""Metric of one class of regions -> what its column says, and what it means; there is no room for
others."""

PRESENT_EXPLAINED = (
    "'Present' counts the classes that the truth shows; 'standard' also those that were "
    "predicted where there are none."
)

CONFUSION_EXPLAINED = "Where the pixels of each true class (rows) went. Green is right."

RIGHT, WRONG = "#3fa45b", "#e0604c"


def latest_scores(run: TrainingRun | None) -> tuple[Scores | None, Scores | None]:
    """Return the last scores of a run's predictions, and of its heat maps."""
    last = {scores.task == HEAT_MAPS: scores for scores in (run.scores if run else ())}
    return last.get(False), last.get(True)


def score_tables(scores: Scores) -> list[Table]:
    """Return one row a metric, over all and by class; regions have two more tables."""
    names = _metrics(scores)
    columns: list[tuple[Cell, Mapping[str, float | None]]] = [(heading("all"), scores.values)]
    if scores.confusion:
        without = {name: scores.values.get(name + FOREGROUND) for name in names}
        columns.append((heading("no bg.", "over all but the background"), without))
    elif len(scores.per_class) > 1:
        columns += [(heading(name), figures) for name, figures in scores.per_class.items()]
    rows = [heading(_title(name), _meaning(name)) for name in names]
    cells = [
        [_figure(name, figures.get(name), _meaning(name)) for _, figures in columns]
        for name in names
    ]
    table = Table(rows, [title for title, _ in columns], cells)
    if not scores.confusion:
        return [table]
    return [table, _class_table(scores), confusion_table(scores.confusion)]


def _class_table(scores: Scores) -> Table:
    shown = [name for name in shown_metrics(scores.task)[1] if name in OF_ONE_CLASS]
    cells = [
        [_figure(name, figures.get(name), OF_ONE_CLASS[name][1]) for name in shown]
        for figures in scores.per_class.values()
    ]
    columns = [heading(*OF_ONE_CLASS[name]) for name in shown]
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


def _metrics(scores: Scores) -> list[str]:
    """Return the metrics over all classes: those of the task in its order, then others."""
    of_task, _ = shown_metrics(scores.task)
    others = (n for n in scores.values if n not in of_task and not n.endswith(FOREGROUND))
    return [*(name for name in of_task if name in scores.values), *others]


def _title(name: str) -> str:
    return SHORT_TITLES.get(name) or metric_title(name)


def _meaning(name: str) -> str:
    kind, at_overlap, _ = name.partition("@")
    if kind.endswith(CHANCE):
        return "what a map that knows nothing of the image would get"
    return MEANINGS.get(kind + at_overlap) or MEANINGS.get(kind, "")


def _figure(name: str, value: float | None, meaning: str) -> Cell:
    return Cell("" if value is None else number_text(name, value), meaning)


def number_text(name: str, value: float) -> str:
    """Return a figure as people read it: counts whole, shares with three digits."""
    if name in COUNTS or (value == int(value) and value > 1):
        return str(int(value))
    return f"{value:.3f}"


def headline(scores: Scores) -> tuple[str, tuple[str, ...]]:
    """Return the task's first figure with its name, and all of them."""
    names = _metrics(scores)
    every = tuple(f"{_title(name)}: {number_text(name, scores.values[name])}" for name in names)
    return (every[0] if every else ""), every


def overlay_text(scores: Scores) -> str:
    """Return the lines that are written over the image, caption included.

    They hide what lies under them: there is one line of figures, of the first ones that fit.
    """
    names = [name for name in _metrics(scores) if name not in COUNTS]
    names += [name for name in COUNTS if name in scores.values]
    figures = [f"{_title(name)}: {number_text(name, scores.values[name])}" for name in names]
    fitting = [figures[:count] for count in range(1, len(figures) + 1)]
    lines = ["   ".join(some) for some in fitting]
    rows = [line for line in lines if len(line) <= OVERLAY_WIDTH][-1:] or lines[:1]
    for sentence in (scores.caption(), *(f"Note: {w}" for w in scores.warnings[:1])):
        rows += wrap(sentence, OVERLAY_WIDTH)
    return "\n".join(rows)
