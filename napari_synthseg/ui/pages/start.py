"""The first page: which image to work on."""

from __future__ import annotations

from collections.abc import Callable

from napari.layers import Image
from qtpy.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from napari_synthseg.io.images.stacks import FEWEST_PLANES, StackUse
from napari_synthseg.sample_data import SAMPLES
from napari_synthseg.ui.app.controller import SessionController
from napari_synthseg.ui.pages.panel import NextStep, Panel
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.viewer.reading import is_volume_layer, planes_of, sample_name
from napari_synthseg.ui.widgets.parts import quiet_label

STACK_USES: dict[StackUse, str] = {
    "auto": f"Stacks: {FEWEST_PLANES} planes or more are a volume",
    "volume": "Stacks: use as volumes",
    "planes": "Stacks: use plane by plane",
}


class StartPanel(Panel):
    """Offers the image layer at hand, a file, a sample, or an earlier project.

    The widget gives the actions: `use_layer(layer)`, `open_image()`, `open_project()`,
    `open_sample(name)`, `choose_stack(use)`.
    """

    def __init__(
        self,
        controller: SessionController,
        layers: Layers,
        find_layer: Callable[[], Image | None],
        use_layer: Callable[[Image], object],
        open_image: Callable[[], object],
        open_project: Callable[[], object],
        open_sample: Callable[[str], object],
        choose_stack: Callable[[StackUse], object],
    ) -> None:
        super().__init__(controller, layers)
        self._find_layer, self._use_layer = find_layer, use_layer
        self._open_sample, self._choose_stack = open_sample, choose_stack
        headline = QLabel("Which image shall we work on?")
        headline.setObjectName("headline")
        headline.setWordWrap(True)
        self.body.addWidget(headline)
        self.body.addWidget(
            quiet_label(
                "You click the centers of a few objects; from these, training images with exact "
                "masks are made, and a model is trained on them. You draw no mask. Phases or "
                "layers instead of objects? You paint a few regions."
            )
        )
        self.here = quiet_label()
        self.body.addSpacing(6)
        self.body.addWidget(self.here)
        files = QHBoxLayout()
        for text, action in (("Open image…", open_image), ("Open project…", open_project)):
            button = QPushButton(text)
            button.clicked.connect(lambda _=False, act=action: act())
            files.addWidget(button)
        self.body.addLayout(files)
        self.body.addWidget(self._make_stacks())
        self.body.addWidget(self._samples())
        self.body.addStretch()

    def _make_stacks(self) -> QComboBox:
        self.stacks = QComboBox()
        for use, words in STACK_USES.items():
            self.stacks.addItem(words, use)
        self.stacks.setToolTip(
            "In a volume you click centers in 3D, and whole objects are found. Plane by plane, "
            "each plane is an image of its own."
        )
        self.stacks.currentIndexChanged.connect(self._on_stack_chosen)
        return self.stacks

    def _on_stack_chosen(self) -> None:
        self._choose_stack(self.stacks.currentData())
        self.enter()

    def _samples(self) -> QFrame:
        frame = QFrame()
        box = QVBoxLayout(frame)
        box.setContentsMargins(0, 10, 0, 0)
        box.addWidget(QLabel("Or try it on a sample:"))
        self.sample_buttons = {}
        for name, sample in SAMPLES.items():
            button = QPushButton(sample.title)
            button.clicked.connect(lambda _=False, n=name: self._open_sample(n))
            box.addWidget(button)
            self.sample_buttons[name] = button
        return frame

    def hint(self) -> str:
        """Return what to do first."""
        return "Choose an image to begin."

    def next_step(self) -> NextStep:
        """Offer the image layer that is in the viewer, else the nuclei sample."""
        layer = self._find_layer()
        if layer is None:
            return NextStep("Open the sample: fluorescence nuclei", self._on_first_sample)
        if sample := sample_name(layer):
            return NextStep(f"Use this sample: {sample}", lambda: self._use_layer(layer))
        return NextStep(f"Use layer: {_short(layer.name)}", lambda: self._use_layer(layer))

    def enter(self) -> None:
        """Say which layer would be used."""
        layer = self._find_layer()
        self.here.setText(
            "Drop an image into napari, open one here, or take a sample."
            if layer is None
            else f"The selected layer is '{layer.name}'{self._depth_words(layer)}. Select another "
            "one in napari's layer list to use that instead."
        )
        self.next_step_changed.emit()

    def _depth_words(self, layer: Image) -> str:
        planes = planes_of(layer)
        if planes == 1:
            return ""
        if is_volume_layer(layer, self.stacks.currentData()):
            return f", a volume of {planes} planes"
        return f", a stack of {planes} planes of which the shown one is used"

    def _on_first_sample(self) -> None:
        self._open_sample("nuclei")


def _short(name: str) -> str:
    return name if len(name) <= 26 else name[:25] + "…"
