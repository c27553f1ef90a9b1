"""Scores of regions for people: over all classes, class by class, and which were mixed up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from napari_synthseg.core.scores import FOREGROUND, Scores
from napari_synthseg.ui.widgets.confusion_table import ConfusionTable
from napari_synthseg.ui.widgets.parts import fit_table, notice_label, quiet_label

OVERALL = {
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
        "is not there bring it down.",
    ),
    "dice": ("Dice", "Overlap as Dice counts it, the mean over classes. 1 is perfect."),
    "boundary_f1": ("boundary F1", "How well boundaries between regions are hit. 1 is perfect."),
    "pixel_accuracy": ("pixels right", "Share of the pixels that got their class."),
    "absent_rate": (
        "pixels of absent classes",
        "Share of the pixels given to classes that the image's truth does not show: 0 is perfect. "
        "The figures of present classes do not see these.",
    ),
}
"""Metric -> what its row says, and what it means; shown in this order."""

BY_CLASS = {
    "iou": ("IoU", "Overlap of predicted and true area, as a share of both together"),
    "precision": ("prec.", "Precision: share of what was given to the class that is right"),
    "recall": ("recall", "Share of the class that was found"),
    "boundary_f1": ("edge", "Boundary F1: how well the boundaries of the class are hit"),
    "share_true": ("area", "True share of the area"),
}
"""Metric of a class -> what its column says, and what it means."""

EXPLAINED = (
    "'Present' counts the classes that the truth shows; 'standard' also those that were "
    "predicted where there are none."
)

HEADING_WIDTH = 176
CLASS_WIDTH = 90
CLASS_COLUMN = 44


class RegionScores(QWidget):
    """Three tables, with the caption above and warnings below."""

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.caption, self.warnings = quiet_label(), notice_label()
        self.overall, self.by_class = QTableWidget(), QTableWidget()
        self.confusion = ConfusionTable()
        for widget in (
            self.caption, self.overall, quiet_label(EXPLAINED), self.by_class, self.confusion,
            self.warnings,
        ):  # fmt: skip
            layout.addWidget(widget)
        self.hide()

    def show_scores(self, scores: Scores | None) -> None:
        """Show scores of regions; hides for others and for none."""
        shown = scores if scores is not None and scores.task == "semantic" else None
        self.setVisible(shown is not None)
        if shown is None:
            return
        self.caption.setText(f"Scores, {shown.caption()}")
        names = [name for name in OVERALL if name in shown.values]
        _fill(
            self.overall,
            {OVERALL[name][0]: OVERALL[name][1] for name in names},
            {"all": "Over all classes", "no bg.": "Over all classes but the background"},
            [[shown.values.get(name), shown.values.get(name + FOREGROUND)] for name in names],
        )
        fit_table(self.overall, HEADING_WIDTH)
        _fill(
            self.by_class,
            {name: name for name in shown.per_class},
            dict(BY_CLASS.values()),
            [[figures.get(name) for name in BY_CLASS] for figures in shown.per_class.values()],
        )
        fit_table(self.by_class, CLASS_WIDTH, least=CLASS_COLUMN)
        self.confusion.show_confusion(shown.confusion)
        self.warnings.setText("\n".join(shown.warnings))
        self.warnings.setVisible(bool(shown.warnings))


def _fill(
    table: QTableWidget,
    rows: Mapping[str, str],
    columns: Mapping[str, str],
    figures: Sequence[Sequence[float | None]],
) -> None:
    """Fill a table; `rows` and `columns` map headings to what they mean."""
    table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    table.setRowCount(len(rows))
    table.setColumnCount(len(columns))
    for column, (name, meaning) in enumerate(columns.items()):
        table.setHorizontalHeaderItem(column, _heading(name, meaning))
    for row, ((name, meaning), values) in enumerate(zip(rows.items(), figures, strict=True)):
        table.setVerticalHeaderItem(row, _heading(name, meaning))
        for column, value in enumerate(values):
            item = QTableWidgetItem("" if value is None else f"{value:.3f}")
            item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
            item.setToolTip(meaning)
            table.setItem(row, column, item)


def _heading(name: str, meaning: str) -> QTableWidgetItem:
    item = QTableWidgetItem(name)
    item.setToolTip(name if name == meaning else f"{name}: {meaning}")
    return item
