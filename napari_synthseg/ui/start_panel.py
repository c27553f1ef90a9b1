"""The first page: which image to work on."""

from __future__ import annotations

from collections.abc import Callable

from napari.layers import Image
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from napari_synthseg.sample_data import SAMPLES
from napari_synthseg.ui.desk import Desk
from napari_synthseg.ui.layers import Layers
from napari_synthseg.ui.panel import NextStep, Panel, quiet_label
from napari_synthseg.ui.reading import sample_name


class StartPanel(Panel):
    """Offers the image layer at hand, a file, a sample, or an earlier project.

    The widget gives the actions: `use_layer(layer)`, `open_image()`, `open_project()`,
    `open_sample(name)`.
    """

    def __init__(
        self,
        desk: Desk,
        layers: Layers,
        find_layer: Callable[[], Image | None],
        use_layer: Callable[[Image], object],
        open_image: Callable[[], object],
        open_project: Callable[[], object],
        open_sample: Callable[[str], object],
    ) -> None:
        super().__init__(desk, layers)
        self._find_layer, self._use_layer = find_layer, use_layer
        self._open_sample = open_sample
        headline = QLabel("Which image shall we work on?")
        headline.setObjectName("headline")
        headline.setWordWrap(True)
        self.body.addWidget(headline)
        self.body.addWidget(
            quiet_label(
                "You click the centers of a few objects; from these, training images with exact "
                "masks are made, and a model is trained on them. You draw no mask."
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
        self.body.addWidget(self._samples())
        self.body.addStretch()

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
            else f"The selected layer is '{layer.name}'. Select another one in napari's layer "
            "list to use that instead."
        )
        self.next_step_changed.emit()

    def _on_first_sample(self) -> None:
        self._open_sample("nuclei")


def _short(name: str) -> str:
    return name if len(name) <= 26 else name[:25] + "…"
