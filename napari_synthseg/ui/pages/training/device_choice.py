"""What to compute on: a list of what there is, and the reason for the choice."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QWidget

from napari_synthseg.core.specs import Device, TrainSpec
from napari_synthseg.ui.control.controller import SessionController
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
        self._controller, self._spec = controller, spec
        self._devices: tuple[Device, ...] = ()
        self.choice = ChoiceBox(tip="What the network is trained on; automatic: the fastest")
        self.reason = quiet_label()
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Device", self.choice)
        form.addRow(self.reason)
        self.choice.chosen.connect(self._on_chosen)
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
        if not self._devices and self._controller.job("devices") is None:
            self._controller.run(
                find_devices(), self._on_found, lane="devices", on_failure=self._on_failure
            )

    def _on_found(self, devices: tuple[Device, ...]) -> None:
        self._devices = devices
        self.show_spec(self._spec)

    def _on_failure(self, outcome: Outcome[tuple[Device, ...]]) -> None:
        self.reason.setText("")

    def _on_chosen(self, name: str) -> None:
        self.show_spec(self._spec.model_copy(update={"device": name}))
        self.changed.emit(self._spec)
