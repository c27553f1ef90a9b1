"""Seeing what a model finds while it is trained: a switch, a layer, and a line of words."""

from __future__ import annotations

import time
from collections.abc import Sequence

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_synthseg.core.predictions import Prediction
from napari_synthseg.core.progress import Progress
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.presenters.training.live import describe_live
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.parts import check_box, column_in, quiet_label
from napari_synthseg.workflow.runs.live_view import LiveView, ends_look

FOLLOW_S = 0.3
"""Least time between two looks at where the viewer looks; while training is paused, the time."""

TIP = (
    "Every few seconds the model is applied to what you see of the image, and a layer shows what "
    "it finds; it follows when you move and zoom, and is gone at the end. It takes up to a tenth "
    "of the time."
)


class LiveBox(QWidget):
    """The switch of the live view, and what was found last."""

    def __init__(self, controller: SessionController, layers: Layers) -> None:
        super().__init__()
        self._controller, self._layers = controller, layers
        self._view: LiveView | None = None
        self._followed = 0.0
        self.box = check_box("Show what it finds while it trains", self._on_toggled, TIP)
        self.box.setChecked(True)
        self.found = quiet_label()
        self.found.hide()
        self._paused = QTimer(self)
        self._paused.setInterval(round(1000 * FOLLOW_S))
        self._paused.timeout.connect(self._follow_paused)
        controller.work_changed.connect(self._on_work_changed)
        column_in(self, self.box, self.found)

    def begin(self) -> LiveView:
        """Return what a training that is about to start is looked through by."""
        self._view = LiveView()
        self._layers.live.is_wanted = self.box.isChecked()
        self._follow()
        return self._view

    def take(self, news: Sequence[Progress]) -> None:
        """Follow where the viewer looks, and show what was found last."""
        if self._view is None:
            return
        if self.box.isChecked() and not self._layers.live.is_wanted:
            self.box.setChecked(False)  # the user has removed the layer
        if time.monotonic() - self._followed >= FOLLOW_S:
            self._follow()
        found = [item.prediction for item in news if item.prediction is not None]
        if found and self.box.isChecked():
            self._show(found[-1])

    def end(self) -> None:
        """Take the layer away: the training has ended."""
        self._view = None
        self._layers.live.clear()
        self._say("")

    def _on_work_changed(self) -> None:
        job = self._controller.job("training")
        is_paused = job is not None and job.state == "paused"
        if self._view is not None:
            self._view.is_held = is_paused
        (self._paused.start if is_paused else self._paused.stop)()

    def _follow_paused(self) -> None:
        """Let a paused training look once through its model, where the user looks elsewhere."""
        job, view = self._controller.job("training"), self._view
        if job is None or view is None:  # the project was closed
            self._paused.stop()
            return
        self._follow()
        if view.is_wanted_elsewhere:
            job.step(ends_look)

    def _follow(self) -> None:
        """Look at what is in view now."""
        self._followed = time.monotonic()
        if self._view is not None:
            field = self._layers.live.field(self._layers.image) if self.box.isChecked() else None
            self._view.look_at(field)

    def _show(self, found: Prediction) -> None:
        image = self._layers.image
        if image is not None and any(ref.id == found.image for ref in image.refs):
            self._layers.live.show(found, image)
        self._say(describe_live(found, self._controller.project))

    def _say(self, text: str) -> None:
        self.found.setText(text)
        self.found.setVisible(bool(text))

    def _on_toggled(self, on: bool) -> None:
        if self._view is None:
            return
        if on:
            self._layers.live.is_wanted = True
        else:
            self._layers.live.clear()
            self._say("")
        self._follow()
