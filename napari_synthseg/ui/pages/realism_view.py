"""The realism report in a window of its own: the picture, the figures, and a way to keep them."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QPixmap, QResizeEvent
from qtpy.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.progress import Progress
from napari_synthseg.realism.figure import FIGURE_FILE, REPORT_FILE, Comparison, save_comparison
from napari_synthseg.realism.report import HEADER, RealismReport, rows_of
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.notices import show_input_errors, tell
from napari_synthseg.ui.widgets.parts import quiet_label
from napari_synthseg.workflow.jobs import Job

VERDICT_COLORS = {
    "alike": "#3fa45b",
    "not certain": "#8a939c",
    "a little different": "#d09a20",
    "clearly different": "#e0604c",
}


def run_comparison(controller: SessionController, parent: QWidget) -> None:
    """Compare the session's real images with its dual images; show the report when it is there."""
    session = controller.session
    if session is None:
        return

    def show(found: tuple[Comparison, bytes]) -> None:
        RealismView(controller, *found, parent).show()

    def draw(comparison: Comparison) -> None:
        controller.run(Job(_draw(comparison), "draw the comparison"), show)

    controller.run(session.compare_realism(), draw)


def _draw(comparison: Comparison) -> Generator[Progress, None, tuple[Comparison, bytes]]:
    from napari_synthseg.realism.figure import draw_png

    yield Progress(0.0, "drawing")  # takes a second
    return comparison, draw_png(comparison)


class RealismView(QDialog):
    """A report, in a window that leaves the viewer usable."""

    def __init__(
        self, controller: SessionController, comparison: Comparison, picture: bytes, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Real vs. synthetic")
        self._controller, self._comparison = controller, comparison
        report = comparison.report
        self.summary = QLabel(report.summary())
        self.summary.setObjectName("hint")
        self.summary.setWordWrap(True)
        self.picture = Picture(picture)
        self.table = make_table(report)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.picture, "Picture")
        self.tabs.addTab(self.table, "Figures")
        caption = quiet_label("\n".join((f"{_sentence(report.caption())}.", *report.notes)))
        self.save_button = QPushButton("Save report…")
        self.save_button.clicked.connect(self.ask_folder)
        close_button = QPushButton("Close")
        close_button.clicked.connect(self.close)
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(self.save_button)
        row.addWidget(close_button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.summary)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(caption)
        layout.addLayout(row)
        self.resize(1000, 780)

    def ask_folder(self) -> None:
        """Ask for a folder, and save the report there."""
        folder = QFileDialog.getExistingDirectory(self, "Folder for the report")
        if folder:
            show_input_errors(lambda: self.save(Path(folder)))

    def save(self, folder: Path) -> None:
        """Write the report into a folder in the background.

        Raises
        ------
        InputError
            If the folder holds a report already.
        """
        for name in (REPORT_FILE, FIGURE_FILE):
            if (folder / name).exists():
                raise InputError(f"{folder} already holds a {name}: choose another folder.")
        comparison = self._comparison

        def work() -> Generator[Progress, None, None]:
            yield Progress(0.0, "saving the report")
            save_comparison(folder, comparison)

        said = f"Written: {folder / REPORT_FILE} and {FIGURE_FILE}"
        self._controller.run(Job(work(), "save the report"), lambda _: tell(said))


class Picture(QLabel):
    """A picture that fits the room there is."""

    def __init__(self, png: bytes) -> None:
        super().__init__()
        self._whole = QPixmap()
        self._whole.loadFromData(png, "PNG")
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.setMinimumSize(320, 200)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Scale the picture to the new size."""
        ratio = self.devicePixelRatioF()
        scaled = self._whole.scaled(
            event.size() * ratio,
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        scaled.setDevicePixelRatio(ratio)
        self.setPixmap(scaled)
        super().resizeEvent(event)


def make_table(report: RealismReport) -> QTableWidget:
    """Return the table of a report; what each row means is in its tool tips."""
    rows = rows_of(report)
    table = QTableWidget(len(rows), len(HEADER) + 1)
    table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    table.setHorizontalHeaderLabels([*HEADER, "difference"])
    table.verticalHeader().hide()
    table.setWordWrap(False)
    for number, row in enumerate(rows):
        for column, text in enumerate((*row.cells, row.finding)):
            item = QTableWidgetItem(text)
            item.setToolTip(row.meaning)
            if text in VERDICT_COLORS:
                item.setForeground(QColor(VERDICT_COLORS[text]))
            table.setItem(number, column, item)
    table.resizeColumnsToContents()
    header = table.horizontalHeader()
    header.setSectionResizeMode(len(HEADER), QHeaderView.ResizeMode.Stretch)
    return table


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
