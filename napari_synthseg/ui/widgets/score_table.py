"""Scores for people: a table, and the lines that lie over the image. Never without a caption."""

from __future__ import annotations

from textwrap import wrap

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHeaderView, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from napari_synthseg.core.scores import FOREGROUND, Scores, metric_title
from napari_synthseg.ui.widgets.parts import notice_label, quiet_label
from napari_synthseg.ui.widgets.region_scores import OVERALL

IN_OVERLAY = ("present_miou_per_image", "miou", "absent_rate", "f1@0.5", "f1@0.7", "f1", "ap",
              "pointing", "energy", "precision@0.5", "recall@0.5", "found", "missed", "false",
              "count_error")  # fmt: skip
OVERLAY_WIDTH = 52
"""Characters in a line over the image: fits a canvas of 500 pixels."""

HEADING_WIDTH = 112
"""Pixels that the names of the metrics may take: four columns of figures fit beside them."""

MEANINGS = {
    "f1": "objects found with at least this overlap (IoU): 1 is every object, and nothing else",
    "precision": "share of the predicted objects that are true",
    "recall": "share of the true objects that were found",
    "matching_ap": "true / (true + false + missed) over all objects: 1 is perfect",
    "matching_ap_mean": "true / (true + false + missed), the mean over images: 1 is perfect",
    "count_error": "wrong count, as a share of the true count: 0 is perfect",
    "dice": "overlap of predicted and true foreground: 1 is perfect",
}


class ScoreTable(QWidget):
    """One row a metric, one column for all and for each class; the caption below."""

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.table = QTableWidget()
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setWordWrap(False)
        self.table.verticalHeader().setMaximumWidth(HEADING_WIDTH)
        self.caption = quiet_label()
        self.warnings = notice_label()
        for widget in (self.caption, self.table, self.warnings):
            layout.addWidget(widget)
        self.show_scores(None)

    def show_scores(self, scores: Scores | None) -> None:
        """Show scores, or nothing."""
        self.setVisible(scores is not None)
        if scores is None:
            return
        self.caption.setText(f"Scores, {scores.caption()}")
        self.warnings.setText("\n".join(scores.warnings))
        self.warnings.setVisible(bool(scores.warnings))
        classes = list(scores.per_class) if len(scores.per_class) > 1 else []
        self.table.setColumnCount(1 + len(classes))
        self.table.setRowCount(len(scores.values))
        self.table.setHorizontalHeaderLabels(["all", *classes])
        names = sorted(scores.values, key=lambda n: n not in IN_OVERLAY)  # what matters most first
        for row, name in enumerate(names):
            meaning = MEANINGS.get(name.partition("@")[0].removesuffix(FOREGROUND), "")
            heading = QTableWidgetItem(metric_title(name))
            heading.setToolTip(
                f"{metric_title(name)}: {meaning}" if meaning else metric_title(name)
            )
            self.table.setVerticalHeaderItem(row, heading)
            columns = [scores.values[name], *(scores.per_class[c].get(name) for c in classes)]
            for column, number in enumerate(columns):
                item = QTableWidgetItem("" if number is None else number_text(name, number))
                item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                item.setToolTip(meaning)
                self.table.setItem(row, column, item)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.resizeRowsToContents()
        height = header.height() + sum(self.table.rowHeight(r) for r in range(len(scores.values)))
        self.table.setFixedHeight(height + 6)


def number_text(name: str, value: float) -> str:
    """Return a figure as people read it: counts whole, shares with three digits."""
    if name in ("found", "missed", "false") or (value == int(value) and value > 1):
        return str(int(value))
    return f"{value:.3f}"


def overlay_text(scores: Scores) -> str:
    """Return the lines that are written over the image, caption included."""
    figures = [
        f"{_short_title(name)}: {number_text(name, scores.values[name])}"
        for name in IN_OVERLAY
        if name in scores.values
    ]
    long = any(len(text) > OVERLAY_WIDTH // 2 for text in figures)
    step = 1 if long else 2
    rows = ["   ".join(figures[i : i + step]) for i in range(0, len(figures), step)]
    for sentence in (scores.caption(), *(f"Note: {w}" for w in scores.warnings[:1])):
        rows += wrap(sentence, OVERLAY_WIDTH)
    return "\n".join(rows)


def _short_title(name: str) -> str:
    return OVERALL[name][0] if name in OVERALL else metric_title(name)
