"""The guided walk: takes the five steps one after another, as a user would, to the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

from napari_synthseg.ui.presenters.steps import CLICK, RESULTS, TRAIN

if TYPE_CHECKING:
    from napari_synthseg.ui.app.widget import SynthSegWidget

LOOK_MS = 2500
"""How long each step stays in sight before the next is taken."""

MINUTES = 3.0


class GuidedTour(QObject):
    """Goes on whenever the work of a step is over; stops when the user takes over."""

    def __init__(self, widget: SynthSegWidget, minutes: float = MINUTES) -> None:
        super().__init__(widget)
        self._widget = widget
        self._minutes = minutes
        self._session = widget.controller.session
        self._stage = CLICK
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._on_tick)

    def start(self) -> None:
        """Begin with the step that is shown."""
        self._timer.start()

    def stop(self) -> None:
        """Leave the rest to the user."""
        self._timer.stop()

    @property
    def running(self) -> bool:
        """Whether the walk will take another step."""
        return self._timer.isActive()

    def _on_tick(self) -> None:
        widget = self._widget
        controller = widget.controller
        if controller.session is not self._session or controller.session is None:
            self.stop()
        elif controller.job("short") is None and controller.job("training") is None:
            if widget.step == self._stage:
                self._take_step()
            elif widget.step >= 0:  # the user went elsewhere
                self.stop()

    def _take_step(self) -> None:
        widget = self._widget
        if self._stage < TRAIN:
            self._stage += 1
            widget.show_step(self._stage)
            if self._stage == TRAIN:
                self._train()
            return
        self.stop()
        if any(run.model for run in widget.controller.session.project.runs):
            widget.show_step(RESULTS)

    def _train(self) -> None:
        panel = self._widget.train_panel
        spec = panel.form.model.model_copy(update={"minutes": self._minutes, "steps": None})
        panel.form.set_model(spec)
        panel.start()
