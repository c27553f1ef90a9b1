"""The realism report in a window of its own: the picture, the figures, and a way to keep them."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtGui import QPixmap, QResizeEvent
from qtpy.QtWidgets import QDialog, QFileDialog, QLabel, QSizePolicy, QTabWidget, QWidget

from napari_synthseg.core.errors import InputError
from napari_synthseg.realism.figure import FIGURE_FILE, REPORT_FILE, Comparison, save_comparison
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.notices import show_input_errors, tell
from napari_synthseg.ui.presenters.realism import realism_table
from napari_synthseg.ui.widgets.data_table import DataTable
from napari_synthseg.ui.widgets.parts import column_in, push_button, quiet_label, row_of
from napari_synthseg.workflow.jobs import Job


def run_comparison(controller: SessionController, parent: QWidget) -> None:
    """Compare the session's real images with its dual images; show the report when it is there."""

    def draw(comparison: Comparison) -> None:
        from napari_synthseg.realism.figure import draw_png

        job = Job.of("draw the comparison", lambda: draw_png(comparison))
        controller.run(job, lambda png: RealismView(controller, comparison, png, parent).show())

    controller.start(lambda session: session.compare_realism(), draw)


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
        self.picture = ScaledPicture(picture)
        self.table = DataTable(realism_table(report), is_wide=True)
        tabs = QTabWidget()
        tabs.addTab(self.picture, "Picture")
        figures = QWidget()
        column_in(figures, self.table).addStretch()
        tabs.addTab(figures, "Figures")
        caption = report.caption()
        about = quiet_label("\n".join((f"{caption[:1].upper()}{caption[1:]}.", *report.notes)))
        self.save_button = push_button(
            "Save report…", self.ask_folder, "Write the figures and the picture into a folder"
        )
        close = push_button("Close", self.close, "Close this report; it can be made again")
        buttons = row_of(self.save_button, close)
        column = column_in(self, self.summary, tabs, about, buttons)
        column.setContentsMargins(9, 9, 9, 9)
        column.setStretchFactor(tabs, 1)
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
        job = Job.of("save the report", lambda: save_comparison(folder, self._comparison))
        said = f"Written: {folder / REPORT_FILE} and {FIGURE_FILE}"
        self._controller.run(job, lambda _: tell(said))


class ScaledPicture(QLabel):
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
