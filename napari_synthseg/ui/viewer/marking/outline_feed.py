"""Asks the session for the outlines of the clicks in view, in the background; the last wish wins.

A wish does not wait for the one before: that one is cancelled, and what it found is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QObject, QTimer, Signal

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.geometry import Region
from napari_synthseg.core.progress import Progress
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.workflow.jobs import Outcome
from napari_synthseg.workflow.outlining.live_outlines import OutlineProgress, Outlines

QUIET_MS = 900
"""After so long without an edit, what is known of the classes is brought up to date."""


class OutlineFeed(QObject):
    """The outlines of the clicks on the images in view."""

    changed = Signal()
    """Other outlines are known, or why there are none."""

    def __init__(self, controller: SessionController) -> None:
        super().__init__()
        self.outlines = Outlines()
        self.problem = ""
        """Why there are no outlines, a sentence; '' where all is well."""
        self._controller = controller
        self._refs: tuple[ImageRef, ...] = ()
        self._around: Region | None = None
        self._quiet = QTimer(self)
        self._quiet.setSingleShot(True)
        self._quiet.setInterval(QUIET_MS)
        self._quiet.timeout.connect(lambda: self._start(thorough=True))
        controller.closing.connect(self.stop)

    @property
    def is_idle(self) -> bool:
        """Whether all that was asked for is there, and nothing follows."""
        return self._controller.job("outlining") is None and not self._quiet.isActive()

    def prepare(self, refs: Sequence[ImageRef]) -> None:
        """Load what the first outline needs, before it is asked for."""
        controller = self._controller
        if controller.session is not None and controller.job("preparing") is None:
            # where it fails the first wish fails alike, and says so
            work = controller.session.prepare_outlines(refs)
            controller.run(work, lane="preparing", on_failure=lambda _: None)

    def ask(self, refs: Sequence[ImageRef], around: Region | None = None) -> None:
        """Ask for the outlines of the clicks on images as they are now, nearest to what is seen."""
        self._refs, self._around = tuple(refs), around
        self._start(thorough=False)

    def stop(self) -> None:
        """Ask for nothing any more, and forget what was found."""
        self._quiet.stop()
        self._controller.leave("outlining")
        self._controller.leave("preparing")
        self._refs, self.outlines, self.problem = (), Outlines(), ""

    def _start(self, *, thorough: bool) -> None:
        session = self._controller.session
        self._controller.leave("outlining")
        if session is None or not self._refs:
            return
        if not thorough:
            self._quiet.start()
        self._controller.run(
            session.outline_clicks(self._refs, self._around, thorough=thorough),
            lambda outlines: self._take(outlines, ""),
            lane="outlining",
            on_progress=self._on_progress,
            on_failure=self._on_failure,
        )

    def _on_progress(self, steps: list[Progress]) -> None:
        made = [step.outlines for step in steps if isinstance(step, OutlineProgress)]
        if made:
            self._take(made[-1], "")

    def _on_failure(self, outcome: Outcome[Outlines]) -> None:
        self._quiet.stop()
        self._take(Outlines(), str(outcome.error))

    def _take(self, outlines: Outlines, problem: str) -> None:
        before, known = self.outlines, self.problem
        same = len(before.shown) == len(outlines.shown) and all(
            one is other for one, other in zip(before.shown, outlines.shown, strict=True)
        )
        self.outlines, self.problem = outlines, problem
        if not same or before.left_out != outlines.left_out or known != problem:
            self.changed.emit()
