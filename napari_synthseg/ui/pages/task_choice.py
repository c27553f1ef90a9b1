"""What a model shall do, in plain words, the networks that can do it, and what they begin with."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QWidget

from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.tasks.registry import describe_task, task_infos
from napari_synthseg.ui.presenters.runs import start_choices
from napari_synthseg.ui.widgets.parts import ChoiceBox, quiet_label, row_of


class TaskChoice(QWidget):
    """Chooses task, network and start of a `TrainSpec`; the rest of it is left as it is."""

    changed = Signal(object)
    """The new `TrainSpec`."""

    def __init__(self, spec: TrainSpec) -> None:
        super().__init__()
        self._spec = spec
        self._runs: tuple[TrainingRun, ...] = ()
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.task = ChoiceBox(tip="What the model shall do", name="Task")
        self.network = ChoiceBox(tip="The kind of network that is trained")
        self.start = ChoiceBox(tip=str(TrainSpec.model_fields["start"].description))
        self.network_label, self.told = QLabel("Network"), quiet_label()
        self.network_label.setBuddy(self.network)
        # not in the column of the others: its words need nearly the whole width
        form.addRow(row_of(QLabel("Task"), self.task, stretch=self.task))
        form.addRow(self.network_label, self.network)
        form.addRow("Begin with", self.start)
        form.addRow(self.told)
        # width and depth are of the U-Net; another task's network starts from its own defaults
        self.task.chosen.connect(self._on_task)
        self.network.chosen.connect(self._on_network)
        self.start.chosen.connect(lambda start: self._change(start=start or None))
        self.show_spec(spec)

    def show_spec(self, spec: TrainSpec, runs: Sequence[TrainingRun] | None = None) -> None:
        """Show the task, network and start of a spec; `runs` are the project's, where others."""
        self._spec = spec
        self._runs = self._runs if runs is None else tuple(runs)
        info = describe_task(spec.task)
        networks = info.all_networks()
        self.task.fill({each.name: each.title for each in (*task_infos(), info)})
        self.task.choose(info.name)
        self.network.fill(networks)
        if spec.model.name in networks:
            self.network.choose(spec.model.name)
        self.start.fill(start_choices(spec, self._runs))
        self.start.choose(spec.start or "")
        for widget in (self.network_label, self.network):
            widget.setVisible(len(networks) > 1)
        self.told.setText(info.description)

    def _on_task(self, name: str) -> None:
        self._change(task=name, model=ModelSpec(), start=None)

    def _on_network(self, name: str) -> None:
        self._change(model=self._spec.model.model_copy(update={"name": name}))

    def _change(self, **fields: object) -> None:
        self.show_spec(self._spec.model_copy(update=fields))
        self.changed.emit(self._spec)
