"""What a model shall do, in plain words, and the networks that can do it."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QWidget

from napari_synthseg.core.specs import ModelSpec, TaskName, TrainSpec
from napari_synthseg.ui.widgets.parts import fit_narrow, quiet_label

TASK_WORDS: dict[TaskName, tuple[str, str]] = {
    "segment": (
        "outline each object",
        "A U-Net learns to outline every object and to tell the classes apart.",
    ),
    "detect": (
        "put boxes round objects",
        "A detector learns where objects are and of which class, without their outlines. Faster.",
    ),
    "classify": (
        "name what is there",
        "A classifier learns what is there but not where. Heat maps then show where it looks.",
    ),
    "semantic": (
        "tell regions apart",
        "A U-Net learns what each pixel belongs to, where there are no separate objects: phases, "
        "layers, membranes.",
    ),
}
"""Task -> what its entry says, and what is told below it."""

NETWORK_WORDS: dict[TaskName, dict[str, str]] = {
    "segment": {"unet": "U-Net"},
    "detect": {
        "yolo": "YOLOv2, light",
        "darknet19": "YOLOv2 on Darknet-19: slow without a GPU",
        "centers": "U-Net with a map of centers",
    },
    "classify": {
        "small": "small and fast",
        "resnet18": "ResNet-18",
        "densenet121": "DenseNet-121: slow without a GPU",
    },
    "semantic": {"unet": "U-Net"},
}
"""Task -> its networks, the default first, in words."""


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
        for name, (words, _) in TASK_WORDS.items():
            self.task.addItem(words, name)
        self.network_label = QLabel("Network")
        form.addRow("The model shall", self.task)
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
        networks = NETWORK_WORDS[spec.task]
        for box in (self.task, self.network):
            box.blockSignals(True)
        self.task.setCurrentIndex(self.task.findData(spec.task))
        self.network.clear()
        for name, words in networks.items():
            self.network.addItem(words, name)
        self.network.setCurrentIndex(max(self.network.findData(spec.model.name), 0))
        for box in (self.task, self.network):
            box.blockSignals(False)
        for widget in (self.network_label, self.network):
            widget.setVisible(len(networks) > 1)
        self.told.setText(TASK_WORDS[spec.task][1])

    def _on_task(self) -> None:
        # width and depth are of the U-Net; another task's network starts from its own defaults
        self._change(task=self.task.currentData(), model=ModelSpec())

    def _on_network(self) -> None:
        name = self.network.currentData()
        self._change(model=self._spec.model.model_copy(update={"name": name}))

    def _change(self, **fields: object) -> None:
        self.show_spec(self._spec.model_copy(update=fields))
        self.changed.emit(self._spec)
