"""The guided tour: takes the five steps one after another, as a user would, to the result."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer

from napari_synthseg.ui.control.controller import Lane, SessionController
from napari_synthseg.ui.presenters.steps import CLICK, RESULTS, TRAIN, is_trained

PAUSE_MS = 2500
"""How long each step stays in sight before the next is taken."""

WAITED_FOR: tuple[Lane, ...] = ("short", "reading", "training")

MINUTES = 3.0
"""How long the tour trains."""


class GuidedTour(QObject):
    """Goes on whenever the work of a step is over; stops when the user takes over.

    Parameters
    ----------
    controller
        The session that the tour shows.
    step
        Returns the step that is shown.
    show_step
        Shows a step.
    train
        Starts a training of so many minutes.
    """

    def __init__(
        self,
        controller: SessionController,
        step: Callable[[], int],
        show_step: Callable[[int], object],
        train: Callable[[float], object],
        minutes: float = MINUTES,
    ) -> None:
        super().__init__(controller)
        self._controller, self._session = controller, controller.session
        self._step, self._show_step, self._train = step, show_step, train
        self._minutes = minutes
        self._stage = CLICK
        self._timer = QTimer(self)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self._on_tick)

    def start(self) -> None:
        """Begin with the step that is shown."""
        self._timer.start()

    def stop(self) -> None:
        """Leave the rest to the user."""
        self._timer.stop()

    @property
    def running(self) -> bool:
        """Whether the tour will take another step."""
        return bool(self._timer.isActive())

    def _on_tick(self) -> None:
        controller = self._controller
        if controller.session is not self._session or controller.session is None:
            self.stop()
        elif all(controller.job(lane) is None for lane in WAITED_FOR):
            if self._step() == self._stage:
                self._take_step()
            elif self._step() >= 0:  # the user went elsewhere
                self.stop()

    def _take_step(self) -> None:
        if self._stage < TRAIN:
            self._stage += 1
            self._show_step(self._stage)
            if self._stage == TRAIN:
                self._train(self._minutes)
            return
        self.stop()
        if is_trained(self._controller.project):
            self._show_step(RESULTS)
