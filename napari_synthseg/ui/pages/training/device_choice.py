"""What to compute on: a list of what there is, and the reason for the choice."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QWidget

from napari_synthseg.core.specs import Device, TrainSpec
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.job_monitor import JobMonitor
from napari_synthseg.ui.presenters.training.devices import AUTO, device_choices, device_reason
from napari_synthseg.ui.widgets.parts import ChoiceBox, quiet_label
from napari_synthseg.workflow.jobs import Outcome
from napari_synthseg.workflow.runs.devices import find_devices


class DeviceChoice(QWidget):
    """Chooses the device of a `TrainSpec`; what there is, is found out in the background."""

    changed = Signal(object)
    """The new `TrainSpec`."""

    def __init__(self, controller: SessionController, spec: TrainSpec) -> None:
        super().__init__()
        self._spec = spec
        self._devices: tuple[Device, ...] = ()
        self._monitor: JobMonitor | None = None
        self.choice = ChoiceBox(tip="What the network is trained on; automatic: the fastest")
        self.reason = quiet_label()
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Device", self.choice)
        form.addRow(self.reason)
        self.choice.chosen.connect(self._on_chosen)
        controller.closing.connect(self.stop)
        self.show_spec(spec)

    def show_spec(self, spec: TrainSpec) -> None:
        """Show the device of a spec."""
        self._spec = spec
        unusable = {device.name for device in self._devices if device.problem}
        self.choice.fill(device_choices(self._devices), disabled=unusable)
        self.choice.choose(spec.device or AUTO)
        self.reason.setText(device_reason(spec.device or AUTO, self._devices))

    def look(self) -> None:
        """Find out what there is, unless that is known."""
        if self._devices or self._monitor is not None:
            return
        self._monitor = JobMonitor(find_devices(), with_bar=False)
        self._monitor.finished.connect(self._on_found)
        self._monitor.start()

    def stop(self) -> None:
        """Look no further."""
        monitor, self._monitor = self._monitor, None
        if monitor is not None:
            monitor.leave()

    def _on_found(self, outcome: Outcome[tuple[Device, ...]]) -> None:
        self._monitor = None
        if outcome.value:
            self._devices = outcome.value
            self.show_spec(self._spec)
        else:
            self.reason.setText("")

    def _on_chosen(self, name: str) -> None:
        self.show_spec(self._spec.model_copy(update={"device": name}))
        self.changed.emit(self._spec)
