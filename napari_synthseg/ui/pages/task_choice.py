"""What a model shall do, in plain words, and the networks that can do it."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QWidget

from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.tasks.registry import describe_task, task_infos
from napari_synthseg.ui.widgets.parts import fit_narrow, quiet_label


class TaskChoice(QWidget):
    """Chooses task and network of a `TrainSpec`; the rest of it is left as it is."""

    changed = Signal(object)
    """The new `TrainSpec`."""

    def __init__(self, spec: TrainSpec) -> None:
        super().__init__()
        self._spec = spec
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.task, self.network = QComboBox(), QComboBox()
        for info in task_infos():
            self.task.addItem(info.title, info.name)
        self.network_label = QLabel("Network")
        form.addRow("Task", self.task)
        form.addRow(self.network_label, self.network)
        self.told = quiet_label()
        form.addRow(self.told)
        for box in (self.task, self.network):
            fit_narrow(box)
        self.task.currentIndexChanged.connect(self._on_task)
        self.network.currentIndexChanged.connect(self._on_network)
        self.show_spec(spec)

    def show_spec(self, spec: TrainSpec) -> None:
        """Show the task and network of a spec."""
        self._spec = spec
        info = describe_task(spec.task)
        networks = info.all_networks()
        with QSignalBlocker(self.task), QSignalBlocker(self.network):
            if self.task.findData(info.name) < 0:
                self.task.addItem(info.title, info.name)
            self.task.setCurrentIndex(self.task.findData(info.name))
            self.network.clear()
            for name, words in networks.items():
                self.network.addItem(words, name)
            self.network.setCurrentIndex(max(self.network.findData(spec.model.name), 0))
        for widget in (self.network_label, self.network):
            widget.setVisible(len(networks) > 1)
        self.told.setText(info.description)

    def _on_task(self) -> None:
        # width and depth are of the U-Net; another task's network starts from its own defaults
        self._change(task=self.task.currentData(), model=ModelSpec())

    def _on_network(self) -> None:
        name = self.network.currentData()
        self._change(model=self._spec.model.model_copy(update={"name": name}))

    def _change(self, **fields: object) -> None:
        self.show_spec(self._spec.model_copy(update=fields))
        self.changed.emit(self._spec)
