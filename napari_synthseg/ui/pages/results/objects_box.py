"""The table of all objects: sorted, filtered, linked with the image, copied and saved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QFileDialog, QLineEdit, QWidget

from napari_synthseg.core.predictions import FoundObject, ObjectPrediction
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.notices import tell
from napari_synthseg.ui.pages.lane_bar import LaneBar
from napari_synthseg.ui.pages.results.found import Found
from napari_synthseg.ui.presenters.results.object_rows import ObjectRows, RowFilter, object_at
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.column_table import ColumnTable
from napari_synthseg.ui.widgets.histogram import Histogram
from napari_synthseg.ui.widgets.parts import (
    ChoiceBox,
    Notice,
    column_in,
    push_button,
    quiet_label,
    row_of,
)
from napari_synthseg.workflow.found.measuring import write_table
from napari_synthseg.workflow.jobs import Job

TYPING_DELAY_MS = 250

PICK_REACH_PX = 12.0
"""How far from an object's center a click may be, of objects of which only centers are known."""


@dataclass(frozen=True, eq=False)
class _Cells:
    """Rows of objects as the table asks for them."""

    rows: ObjectRows

    def __len__(self) -> int:
        return len(self.rows)

    def headings(self) -> list[tuple[str, str]]:
        """Return title and explanation of each column."""
        return [(column.title, column.tip) for column in self.rows.columns]

    def cell(self, row: int, column: int) -> str:
        """Return what a cell says."""
        return self.rows.columns[column].text(int(self.rows.order[row]))


class ObjectsBox(QWidget):
    """All objects that the chosen run found; measured when the box is first opened."""

    def __init__(self, controller: SessionController, layers: Layers, found: Found) -> None:
        super().__init__()
        self.controller, self.layers, self.found = controller, layers, found
        self.rows: ObjectRows | None = None
        self._every: ObjectRows | None = None
        self._sorting: tuple[int, bool] | None = None
        self.classes = ChoiceBox({"": "all classes"}, "Show objects of one class", "Class")
        self.images = ChoiceBox({"": "all images"}, "Show objects on one image", "Image")
        self.text = QLineEdit()
        self.text.setPlaceholderText("filter: area > 20, score 0.2-0.5, …")
        self.text.setClearButtonEnabled(True)
        self.text.setAccessibleName("Filter")
        self.text.setToolTip(
            "Parts of names, or ranges of columns, joined by commas: 'area > 20, score 0.2-0.5'"
        )
        self.problem, self.counts = Notice(), quiet_label()
        self.table, self.histogram = ColumnTable(), Histogram()
        self.columns = ChoiceBox({}, "What the histogram shows", "Histogram of")
        self.about = quiet_label()
        self.bar = LaneBar(controller, "measuring")
        copy = push_button("Copy", self.copy, "Copy the selected rows, or all that are shown")
        save = push_button(
            "Save as CSV…", self.ask_file, "Save all rows that are shown, with all measures"
        )
        self.save_button, self.copy_button = save, copy
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_DELAY_MS)
        self._typing.timeout.connect(self._filter)
        self._connect()
        column_in(
            self, self.bar, row_of(self.classes, self.images), self.text, self.problem, self.counts,
            self.table, row_of(copy, save), self.columns, self.histogram, self.about,
        )  # fmt: skip
        self.refresh()

    def _connect(self) -> None:
        self.classes.chosen.connect(lambda _: self._filter())
        self.images.chosen.connect(lambda _: self._filter())
        self.text.textEdited.connect(lambda _: self._typing.start())
        self.columns.chosen.connect(lambda _: self._show_histogram())
        self.table.row_chosen.connect(self._on_row)
        self.table.sort_asked.connect(self._on_sort)
        self.table.copy_asked.connect(self.copy)
        self.found.measured.connect(self.refresh)

    # --- showing -----------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the table as it was measured, from the smallest score on."""
        self._every = self.found.rows
        if self._every is not None:
            words = {c.title: c.words for c in self._every.columns if c.words}
            self.classes.fill({"": "all classes"} | {w: w for w in words.get("class", ())})
            self.images.fill({"": "all images"} | {w: w for w in words.get("image", ())})
            self.images.setVisible("image" in words)
            if self.columns.fill(self._every.numeric):
                self.columns.choose(self._every.size_column)
        self._filter()

    def _filter(self) -> None:
        if self._every is None:
            self._show(None)
            return
        by = RowFilter(self.images.value or "", self.classes.value or "", self.text.text())
        try:
            rows = self._every.filtered(by)
        except ValueError as error:
            self.problem.say(str(error))
            return
        self.problem.say("")
        least = self.found.least
        if least is not None:
            kept = rows.table.scores[rows.order] >= least
            rows = ObjectRows(rows.table, rows.columns, rows.order[kept])
        if self._sorting is not None and self._sorting[0] < len(rows.columns):
            rows = rows.sorted_by(*self._sorting)
        self._show(rows)

    def _show(self, rows: ObjectRows | None) -> None:
        self.rows = rows
        self.table.show_rows(_Cells(rows) if rows is not None else None)
        for widget in (self.table, self.copy_button, self.save_button, self.columns):
            widget.setEnabled(rows is not None and len(rows) > 0)
        self.counts.setText(rows.counts() if rows is not None else "")
        self._show_histogram()

    def _show_histogram(self) -> None:
        rows, number = self.rows, self.columns.value
        if rows is None or number is None or number >= len(rows.columns):
            self.histogram.show_counts((), (), "")
            self.about.setText("")
            return
        counts, edges = rows.histogram(number)
        self.histogram.show_counts(counts.tolist(), edges.tolist(), rows.columns[number].title)
        self.about.setText(rows.describe(number))

    # --- the table and the image -------------------------------------------------------------

    def _on_sort(self, column: int, descending: bool) -> None:
        self._sorting = (column, descending)
        if self.rows is not None:
            self._show(self.rows.sorted_by(column, descending))

    def _on_row(self, place: int) -> None:
        if self.rows is None:
            return
        row = int(self.rows.order[place])
        thing = self.rows.table.objects[row]
        image = self.rows.table.images[int(self.rows.table.image_numbers[row])]
        size = 0.0
        if isinstance(thing, FoundObject):
            size = float(max(stop - start for start, stop in thing.box[-2:]))
        self.layers.look_at(image, thing.center, size)

    def on_canvas_click(self, world: tuple[float, ...]) -> None:
        """Select the row of the object at a place of the world."""
        image, rows = self.layers.image, self.rows
        if image is None or rows is None:
            return
        position = image.to_pixels(world)
        for ref in image.refs:
            found = self.found.predictions.get(ref.id)
            if not isinstance(found, ObjectPrediction):
                continue
            thing = object_at(found, position, PICK_REACH_PX)
            row = rows.table.rows_by_id.get((ref.id, thing.id)) if thing is not None else None
            place = rows.place_of(row) if row is not None else None
            if place is not None:
                self.table.choose_row(place)
                return

    # --- taking it away ----------------------------------------------------------------------

    def copy(self) -> None:
        """Copy the selected rows, or all."""
        if self.rows is not None:
            chosen = self.table.selected_rows
            some = chosen if len(chosen) > 1 else None
            rows, number = self.rows, len(some) if some else len(self.rows)

            def put(text: str) -> None:
                QApplication.clipboard().setText(text)
                tell(f"{number:,} rows copied: paste them into a spreadsheet.")

            self.controller.compute("copy the rows", lambda: rows.as_text(some), put)

    def ask_file(self) -> None:
        """Ask for a file, and save the rows that are shown, in the order that is shown."""
        name, _ = QFileDialog.getSaveFileName(self, "Save as CSV", "objects.csv", "CSV (*.csv)")
        if name:
            self.save(Path(name))

    def save(self, path: Path) -> None:
        """Save the rows that are shown, with all measures; see `export --what objects`."""
        rows = self.rows
        if rows is None:
            return
        table, order = rows.table, np.asarray(rows.order)
        names = self.controller.project.class_names
        job = Job.of("save the table", lambda: write_table(path, table, order, names))
        done = f"{len(rows):,} rows written to {path}."
        self.controller.run(job, lambda _: tell(done), lane="measuring")
