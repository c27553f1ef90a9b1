"""Improve: go on from the last weights with what was answered since, and what each round gained."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.presenters.results.rounds import rounds_table
from napari_synthseg.ui.widgets.data_table import TableList
from napari_synthseg.ui.widgets.parts import column_in, push_button
from napari_synthseg.workflow.choosing import improving_spec

TIP = (
    "Goes on from the weights of the last model with all that is clicked now, also what you "
    "accepted and rejected. It takes less than a minute, in the background."
)


class ImproveBox(QWidget):
    """A button that starts a short training, and the table of the rounds."""

    improved = Signal(str)
    """A round has ended: the id of its run."""

    def __init__(self, controller: SessionController) -> None:
        super().__init__()
        self._controller = controller
        self.button = push_button("Improve the model", self.improve, TIP)
        self.table = TableList()
        column_in(self, self.button, self.table)
        controller.edit_lock.guard(self.button)
        controller.work_changed.connect(self._on_work_changed)

    def improve(self) -> None:
        """Start the training."""
        project = self._controller.project
        self._controller.start(
            lambda session: session.train(improving_spec(project)),
            lambda run: self.improved.emit(run.id),
            lane="training",
        )

    def show_run(self, run: TrainingRun | None) -> None:
        """Show the rounds that led to a run."""
        table = rounds_table(self._controller.project, run)
        self.table.show_tables([table] if table is not None else ())
        self.setVisible(run is not None)
        self._on_work_changed()

    def _on_work_changed(self) -> None:
        job = self._controller.job("training")
        self.button.setEnabled(job is None)
        self.button.setText("Improve the model" if job is None else "Improving…")
