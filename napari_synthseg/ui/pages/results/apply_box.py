"""Apply a model, of this project or of another one, to many images in the background."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QCheckBox, QFileDialog, QWidget

from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.notices import show_input_errors, warn
from napari_synthseg.ui.pages.lane_bar import LaneBar
from napari_synthseg.ui.pages.results.take_away_box import WrittenLine
from napari_synthseg.ui.presenters.tables import Cell, Table, heading
from napari_synthseg.ui.widgets.data_table import DataTable
from napari_synthseg.ui.widgets.parts import ChoiceBox, column_in, push_button, quiet_label, row_of
from napari_synthseg.workflow.found.applying import Applied
from napari_synthseg.workflow.jobs import Outcome
from napari_synthseg.workflow.session import Session

OWN = ""
"""Stands for the run that is chosen on the page."""

OUTPUT_FOLDER = "found"


class ApplyBox(QWidget):
    """Files in, files out: the images need not be in the project.

    Parameters
    ----------
    chosen
        Returns the run that is chosen on the page.
    options
        Returns what predictions are made with, as `Session.apply` takes it.
    """

    def __init__(
        self,
        controller: SessionController,
        chosen: Callable[[], TrainingRun | None],
        options: Callable[[TrainingRun], dict[str, Any]],
    ) -> None:
        super().__init__()
        self.controller, self._chosen, self._options = controller, chosen, options
        self.other: Session | None = None
        self.about = quiet_label(
            "Images of a folder, or single files of any size, are looked at one by one in the "
            "background, and what is found is written. They are not added to the project."
        )
        self.models = ChoiceBox(
            {OWN: "the model chosen above"}, "The model that is applied", "Model to apply"
        )
        self.other_button = push_button(
            "Take a model of another project…", self.ask_project,
            "Use a model of another project: it is only read, and holds numbers, no programs",
        )  # fmt: skip
        self.folder_button = push_button("Folder…", self.ask_folder, "Look at all its images")
        self.files_button = push_button("Files…", self.ask_files, "Look at single images")
        self.replace = QCheckBox("Replace files that are there")
        self.replace.setToolTip("Else nothing is written where one of the files exists")
        self.bar, self.written, self.summary = (
            LaneBar(controller, "applying"), WrittenLine(), DataTable(),
        )  # fmt: skip
        column_in(
            self, self.about, self.models, self.other_button,
            row_of(self.folder_button, self.files_button), self.replace, self.bar, self.written,
            self.summary,
        )  # fmt: skip
        controller.work_changed.connect(self._on_work_changed)
        controller.closing.connect(self.close_other)

    # --- the model ---------------------------------------------------------------------------

    def ask_project(self) -> None:
        """Ask for the folder of another project."""
        name = QFileDialog.getExistingDirectory(self, "Folder of a project (NAME.synthseg)")
        if name:
            self.open_project(Path(name))

    def open_project(self, folder: Path) -> None:
        """Offer the models of another project, which is opened for reading only."""
        self.controller.run(Session.open(folder, reading=True), self._offer, lane="applying")

    def _offer(self, session: Session) -> None:
        runs = [run for run in session.project.runs if run.model is not None]
        if not runs:
            warn(f"'{session.folder.name}' has no trained model: choose another project.")
            session.close()
            return
        self.close_other()
        self.other = session
        names = {run.id: f"{session.folder.stem}: {run.name}" for run in runs}
        self.models.fill({OWN: "the model chosen above", **names})
        self.models.choose(runs[-1].id)

    def close_other(self) -> None:
        """Let go of the other project."""
        if self.other is not None:
            self.other.close()
            self.other = None
            self.models.fill({OWN: "the model chosen above"})

    # --- applying ----------------------------------------------------------------------------

    def ask_folder(self) -> None:
        """Ask for a folder of images and one for what is found; apply."""
        name = QFileDialog.getExistingDirectory(self, "Folder of images")
        if name:
            self._ask_out([Path(name)], Path(name) / OUTPUT_FOLDER)

    def ask_files(self) -> None:
        """Ask for image files and a folder for what is found; apply."""
        names, _ = QFileDialog.getOpenFileNames(self, "Images to look at")
        if names:
            paths = [Path(name) for name in names]
            self._ask_out(paths, paths[0].parent / OUTPUT_FOLDER)

    def _ask_out(self, paths: Sequence[Path], offered: Path) -> None:
        out = QFileDialog.getExistingDirectory(
            self, "Folder for what is found", str(offered.parent)
        )
        if out:
            chosen = Path(out)
            self.apply(paths, offered if chosen == offered.parent else chosen)

    def apply(self, paths: Sequence[Path], out: Path) -> None:
        """Apply the chosen model to files and folders; write what is found into a folder."""
        own, ident = self._chosen(), self.models.value
        session = self.controller.session if ident == OWN else self.other
        run = own if ident == OWN or session is None else session.project.run(ident)
        if session is None or run is None:
            warn("There is no trained model: train one, or choose one of another project.")
            return
        options = self._options(run) if ident == OWN else {}
        replace = self.replace.isChecked()
        self.written.say("")
        self.summary.show_table(None)

        def start() -> None:
            job = session.apply(run, paths, out, overwrite=replace, **options)
            self.controller.run(job, lane="applying", on_end=self._on_end)

        show_input_errors(start)

    def _on_end(self, outcome: Outcome[Applied]) -> None:
        applied = outcome.value
        if applied is None:
            if outcome.state == "cancelled":
                self.written.say("Stopped before anything was found.")
            return
        self.written.say(applied.message, applied.out)
        self.summary.show_table(summary_table(applied))

    def _on_work_changed(self) -> None:
        is_free = self.controller.job("applying") is None
        for button in (self.folder_button, self.files_button, self.other_button):
            button.setEnabled(is_free)


def summary_table(applied: Applied) -> Table:
    """Return a row for each image: what was found, and what there is to know."""
    rows = [heading(one.name) for one in applied.images]
    cells = [
        [
            Cell(one.found or "-", one.found),
            Cell("; ".join(one.notes) or "", "\n".join(one.notes), is_bold=one.is_failed),
        ]
        for one in applied.images
    ]
    return Table(rows, [heading("found"), heading("notes")], cells)
