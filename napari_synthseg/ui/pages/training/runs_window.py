"""All runs in a table: compared, renamed, deleted, and used again."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QDialog,
    QFormLayout,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.notices import show_input_errors
from napari_synthseg.ui.presenters.runs import describe_run
from napari_synthseg.ui.presenters.training.run_table import newest_first, run_table
from napari_synthseg.ui.widgets.data_table import DataTable
from napari_synthseg.ui.widgets.parts import (
    Notice,
    column_in,
    push_button,
    quiet_label,
    row_of,
    selected_rows,
)
from napari_synthseg.workflow.runs.texts import command_line, python_code, settings_text
from napari_synthseg.workflow.session import Session

MOST_ROWS = 8
"""Runs that are in sight at once."""

ASK = (
    "Delete '{name}' with its model and predictions? Undo brings it back until the project is "
    "closed; then its files are removed."
)


class RunsWindow(QDialog):
    """The table of runs, what the chosen one was trained with, and what can be done with it.

    Parameters
    ----------
    go_on
        Trains a run further that was stopped or cut off.
    """

    def __init__(
        self,
        controller: SessionController,
        parent: QWidget,
        go_on: Callable[[TrainingRun], object],
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Runs of this project")
        self._controller, self._go_on = controller, go_on
        self._chosen = ""
        self._shown: TrainingRun | None = None
        self.table = DataTable(is_wide=True, most_rows=MOST_ROWS)
        self.table.setAccessibleName("Runs")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.itemSelectionChanged.connect(self._on_selected)
        self.name = QLineEdit()
        self.name.setToolTip("Name of the chosen run; Enter renames it")
        self.name.editingFinished.connect(self._on_renamed)
        form = QFormLayout()
        form.addRow("Name", self.name)
        self.report = quiet_label()
        self.settings = QPlainTextEdit()
        self.settings.setReadOnly(True)
        self.settings.setAccessibleName("Settings of the run")
        self.settings.setToolTip("All settings of the chosen run, and versions of libraries")
        self.buttons = self._make_buttons()
        self.question = Notice()
        self.confirm = push_button("Delete", self._on_confirmed, "Delete the run")
        self.keep = push_button("Keep", self._hide_question, "Leave the run as it is")
        self.asking = row_of(self.question, self.confirm, self.keep, stretch=self.question)
        self.told = quiet_label()
        column = column_in(self, self.table)
        column.addLayout(form)
        for widget in (self.report, self.settings, self.buttons, self.asking, self.told):
            column.addWidget(widget)
        column.setContentsMargins(9, 9, 9, 9)
        column.setStretchFactor(self.settings, 1)
        controller.project_changed.connect(self._on_project_changed)
        controller.work_changed.connect(self._on_work_changed)
        controller.session_changed.connect(self.close)
        self.resize(980, 640)
        controller.edit_lock.guard(
            self.name, self.use_button, self.go_on_button, self.delete_button, self.confirm
        )
        self.refresh()

    def _make_buttons(self) -> QWidget:
        self.use_button = push_button(
            "Use these settings again", self._on_use,
            "Take over the settings and the recipe of this run for the next training",
        )  # fmt: skip
        self.go_on_button = push_button(
            "Go on", self._on_go_on, "Go on with this run from its last checkpoint"
        )
        self.command_button = push_button(
            "Copy as command line", self._on_command,
            "The command that trains so again; close the project here before it runs",
        )  # fmt: skip
        self.python_button = push_button(
            "Copy as Python", self._on_python,
            "The script that trains so again; close the project here before it runs",
        )  # fmt: skip
        self.delete_button = push_button("Delete…", self._on_delete, "Delete this run")
        return row_of(
            self.use_button, self.go_on_button, self.command_button, self.python_button,
            self.delete_button,
        )  # fmt: skip

    # --- showing -----------------------------------------------------------------------------

    @property
    def run(self) -> TrainingRun | None:
        """The run that is chosen, by default the newest."""
        runs = newest_first(self._controller.project)
        return next((run for run in runs if run.id == self._chosen), runs[0] if runs else None)

    @property
    def _running(self) -> str:
        job = self._controller.job("training")
        return job.subject if job is not None else ""

    def refresh(self) -> None:
        """Show the runs as they are now; what is typed, asked and read of the chosen one stays."""
        project, run = self._controller.project, self.run
        self._chosen = run.id if run is not None else ""  # a newer one does not take its place
        with QSignalBlocker(self.table):
            self.table.show_table(run_table(project, self._running))
            row = newest_first(project).index(run) if run is not None else -1
            if run is not None and self._selected_row() != row:
                self.table.selectRow(row)
        self._show_run()

    def _selected_row(self) -> int:
        return next(iter(selected_rows(self.table)), -1)

    def _show_run(self) -> None:
        run, before = self.run, self._shown
        self._shown = run
        is_running = run is not None and run.id == self._running
        is_other = run is None or before is None or run.id != before.id
        if is_other or is_running:
            self._hide_question()
        if run is None or before is None or is_other or run.name != before.name:
            self.name.setText(run.name if run is not None else "")
        settings = settings_text(run) if run is not None else ""
        if settings != self.settings.toPlainText():
            self.settings.setPlainText(settings)
        self.report.setText(describe_run(run) if run is not None and not is_running else "")
        for widget in (self.buttons, self.name):
            widget.setEnabled(run is not None)
        for button in (self.delete_button, self.name):
            button.setEnabled(run is not None and not is_running)
        can_go_on = run is not None and run.state != "done" and not self._running
        self.go_on_button.setEnabled(can_go_on)
        self.use_button.setEnabled(run is not None and not self._running)

    def _hide_question(self) -> None:
        self.asking.hide()

    # --- what can be done --------------------------------------------------------------------

    def _with_session(self, action: Callable[[Session, TrainingRun], object]) -> None:
        """Do something with the chosen run, or show why that is refused."""
        session, run = self._controller.session, self.run
        if session is not None and run is not None:
            show_input_errors(lambda: action(session, run))

    def _on_selected(self) -> None:
        row, runs = self._selected_row(), newest_first(self._controller.project)
        if 0 <= row < len(runs):
            self._chosen = runs[row].id
            self.told.setText("")
            self._show_run()

    def _on_renamed(self) -> None:
        run, name = self.run, self.name.text()
        if run is not None and name != run.name:
            self._chosen = run.id
            self._with_session(lambda session, run: session.rename_run(run, name))
            self.refresh()
            self.name.setText(self._controller.project.run(run.id).name)  # refused, as it was

    def _on_delete(self) -> None:
        run = self.run
        if run is not None:
            self._chosen = run.id
            self.question.say(ASK.format(name=run.name))
            self.asking.show()

    def _on_confirmed(self) -> None:
        self._with_session(lambda session, run: session.delete_run(run))
        self.refresh()

    def _on_use(self) -> None:
        def use(session: Session, run: TrainingRun) -> None:
            new = session.project.with_settings_of(run)
            session.edit(new, f"use the settings of {run.name}")
            self.told.setText("The next training begins with these settings. Undo takes it back.")

        self._with_session(use)

    def _on_go_on(self) -> None:
        run = self.run
        if run is not None:
            self._go_on(run)

    def _on_command(self) -> None:
        self._with_session(
            lambda session, run: self._copy(command_line(run, session.project, session.folder))
        )

    def _on_python(self) -> None:
        self._with_session(lambda session, run: self._copy(python_code(run, session.folder)))

    def _copy(self, text: str) -> None:
        QApplication.clipboard().setText(text)
        self.told.setText(
            "Copied. It trains on what the project holds by then; close the project here first."
        )

    def _on_work_changed(self, lane: str) -> None:
        if lane == "training":
            self.refresh()

    def _on_project_changed(self, new: Project, old: Project) -> None:
        if new.runs is not old.runs:
            self.refresh()
