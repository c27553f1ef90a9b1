"""What the chosen run found, compared and measured in the background, for the boxes of the page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from napari_synthseg.core.predictions import (
    BoxPrediction,
    ObjectPrediction,
    Prediction,
    objects_from,
)
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.notices import show_input_errors
from napari_synthseg.ui.presenters.results.object_errors import ErrorPlace, list_errors
from napari_synthseg.ui.presenters.results.object_rows import ObjectRows
from napari_synthseg.workflow.found.judging import Judge, JudgedImage
from napari_synthseg.workflow.found.measuring import ObjectTable

APPLY_DELAY_MS = 150
"""How long the slider must rest before the image follows."""

KEEP_DELAY_MS = 700
"""How long it must rest before the smallest score is kept and scored by."""


class Found(QObject):
    """Follows the session's predictions of one run; keeps what was worked out of them.

    Attributes
    ----------
    least
        Score from which on objects are shown; None: those that the model reports.
    judges
        Compare the predictions with the truth, for the images that have one.
    images, places
        What they say at the smallest score, and all mistakes.
    rows
        All objects, measured; None until `measure` was asked for and is done.
    """

    counted = Signal()
    """Another smallest score, or other predictions: counts are others."""
    filtered = Signal()
    """The image, the comparison and the table should show other objects now."""
    judged = Signal()
    """The predictions were compared with the truth."""
    measured = Signal()
    """There is a table, or none any more."""
    kept = Signal()
    """The smallest score was kept with the run: scores are to be taken again."""

    def __init__(self, controller: SessionController) -> None:
        super().__init__()
        self._controller = controller
        self._run_id = ""
        self._state = 0
        self._wants_table = False
        self._scores: NDArray[np.float64] = np.empty(0)
        self.least: float | None = None
        self.judges: list[Judge] = []
        self.images: list[JudgedImage] = []
        self.places: list[ErrorPlace] = []
        self.rows: ObjectRows | None = None
        self._apply, self._keep = QTimer(self), QTimer(self)
        for timer, delay, call in (
            (self._apply, APPLY_DELAY_MS, self._on_rest),
            (self._keep, KEEP_DELAY_MS, self._on_long_rest),
        ):
            timer.setSingleShot(True)
            timer.setInterval(delay)
            timer.timeout.connect(call)

    # --- what there is -----------------------------------------------------------------------

    @property
    def run(self) -> TrainingRun | None:
        """The run that is looked at, as it is now."""
        return self._controller.project.find_run(self._run_id)

    @property
    def predictions(self) -> dict[str, Prediction]:
        """Id of an image -> what the run found on it, of any score."""
        session = self._controller.session
        known = session.found.get(self._run_id, {}) if session is not None else {}
        there = {ref.id for ref in self._controller.project.images}
        return {image: found for image, found in known.items() if image in there}

    @property
    def scores(self) -> NDArray[np.float64]:
        """The scores of all objects, also of those that are not shown now, from the lowest on."""
        return self._scores

    @property
    def lowest(self) -> float:
        """The smallest score that is shown while none is chosen."""
        every = (p for p in self.predictions.values() if isinstance(p, ObjectPrediction))
        return min((thing.score for p in every for thing in p.objects), default=0.0)

    @property
    def has_candidates(self) -> bool:
        """Whether there are objects that the model does not report by itself."""
        return any(isinstance(p, BoxPrediction) and p.candidates for p in self.predictions.values())

    def count(self, least: float | None) -> tuple[int, int]:
        """Return how many objects are shown, and how many there are."""
        scores = self.scores
        if least is None:
            known = self.predictions.values()
            shown = sum(len(p.objects) for p in known if isinstance(p, ObjectPrediction))
            return shown, len(scores)
        return len(scores) - int(np.searchsorted(scores, least)), len(scores)

    # --- what changes ------------------------------------------------------------------------

    def follow(self, run: TrainingRun | None) -> None:
        """Look at another run, or at new predictions of the same."""
        self._run_id = run.id if run is not None else ""
        self.least = run.least_score if run is not None else None
        self._state += 1
        self.judges, self.images, self.places, self.rows = [], [], [], None
        every = (p for p in self.predictions.values() if isinstance(p, ObjectPrediction))
        self._scores = np.sort([one.score for p in every for one in objects_from(p, 0.0)])
        self._apply.stop()
        self._keep.stop()
        self.judged.emit()
        self.measured.emit()
        self.counted.emit()
        self._judge()
        if self._wants_table:
            self.measure()

    def follow_least(self) -> None:
        """Show objects from the score on that the run has now: undo may have changed it."""
        run = self.run
        if run is not None and run.least_score != self.least and not self._keep.isActive():
            self.least = run.least_score
            self.counted.emit()
            self._apply.start()
            self.kept.emit()

    def set_least(self, least: float | None) -> None:
        """Show objects from another score on: counts at once, the image in a moment."""
        if least != self.least:
            self.least = least
            self.counted.emit()
            self._apply.start()
            self._keep.start()

    def _on_rest(self) -> None:
        self.filtered.emit()
        self._judge_again()
        if self.rows is not None and self.has_candidates:
            self.measure()
        elif self.rows is not None:
            self.measured.emit()

    def _on_long_rest(self) -> None:
        run, session, least = self.run, self._controller.session, self.least
        if run is None or session is None or run.least_score == least:
            return
        if session.read_only:  # it only filters what is shown
            return
        if show_input_errors(lambda: session.set_least_score(run, least)):
            self.kept.emit()

    # --- comparing with the truth ------------------------------------------------------------

    def _judge(self) -> None:
        run = self.run
        if run is None or not self.predictions or self._controller.job("judging") is not None:
            return
        state = self._state

        def take(judges: list[Judge]) -> None:
            if state == self._state:
                self.judges = judges
                self._judge_again()
            else:
                self._judge()

        self._controller.start(lambda session: session.judge(run), take, lane="judging")

    def _judge_again(self) -> None:
        judges, least, project = self.judges, self.least, self._controller.project
        if not judges:
            return

        def make() -> tuple[list[JudgedImage], list[ErrorPlace]]:
            images = [judge.at(least) for judge in judges]
            return images, list_errors(images, project)

        def take(made: tuple[list[JudgedImage], list[ErrorPlace]]) -> None:
            if judges is self.judges and least == self.least:
                self.images, self.places = made
                self.judged.emit()

        self._controller.compute("compare with the truth", make, take)

    # --- measuring ---------------------------------------------------------------------------

    def measure(self) -> None:
        """Measure all objects; of masks those of any score, so that the slider only filters."""
        self._wants_table = True
        run = self.run
        if run is None or not self.predictions or self._controller.job("measuring") is not None:
            return
        state = self._state
        least = self.least if self.has_candidates else None

        def take(table: ObjectTable) -> None:
            if state != self._state:
                self.measure()
                return
            project = self._controller.project
            self._controller.compute("list the objects", lambda: ObjectRows.of(table, project), put)

        def put(rows: ObjectRows) -> None:
            if state == self._state:
                self.rows = rows
                self.measured.emit()

        self._controller.start(lambda session: session.measure(run, least), take, lane="measuring")


def shows_objects(predictions: Sequence[Prediction]) -> bool:
    """Tell whether a run finds single objects."""
    return any(isinstance(found, ObjectPrediction) for found in predictions)
