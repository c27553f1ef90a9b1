"""Keeps painted regions: reads those of the image that is shown, and saves what is painted.

Saving is a job of the session, a moment after the last stroke; closing the session waits for it.
Each save writes a new array, so that the session's undo finds the old ones.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from napari_synthseg.core.project import Project
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage
from napari_synthseg.workflow.jobs import Job, Outcome
from napari_synthseg.workflow.painting import SavedRegions, read_regions

PAUSE_MS = 500
"""Time from the last stroke to its save."""

MAX_WAIT_SECONDS = 3.0
"""Time from the first unsaved stroke to a save while painting goes on."""


@dataclass(frozen=True, eq=False)
class Unsaved:
    """Strokes that are not saved yet; the layer goes on changing `values`."""

    image: DisplayedImage
    values: NDArray[np.uint8]
    rest_unknown: bool
    since: float


class RegionKeeper(QObject):
    """Reads and saves the regions of one image at a time, one job after another."""

    loaded = Signal(object)
    """The `Painted` regions of the image were read, at first or anew; None where that failed."""

    saved = Signal(object)
    """Counts of pixels by painted value that were saved, when no stroke came since."""

    def __init__(self, controller: SessionController) -> None:
        super().__init__()
        self._controller = controller
        self._image: DisplayedImage | None = None
        self._known: dict[str, str] = {}
        self._unsaved: Unsaved | None = None
        self._to_save: list[Unsaved] = []
        self._must_read = False
        self._saving: Job[SavedRegions] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.save)
        controller.project_changed.connect(self._on_project_changed)
        controller.closing.connect(self._on_closing)

    @property
    def is_busy(self) -> bool:
        """Whether strokes are not saved yet, or regions not read."""
        waiting = self._unsaved is not None or bool(self._to_save) or self._must_read
        return waiting or self._controller.job("regions") is not None

    def show(self, image: DisplayedImage | None) -> None:
        """Save the regions of the image before, and read those of another one."""
        self.save()
        self._image, self._must_read = image, image is not None
        self._start_next()

    def note_stroke(self, values: NDArray[np.uint8], rest_unknown: bool) -> None:
        """Save the regions soon; `values` may change until then.

        `rest_unknown` says that what is not painted is unknown, rather than background.
        """
        if self._image is None:
            return
        if self._unsaved is not None and self._unsaved.image.key != self._image.key:
            self.save()
        now = time.monotonic()
        since = self._unsaved.since if self._unsaved is not None else now
        self._unsaved = Unsaved(self._image, values, rest_unknown, since)
        if now - since < MAX_WAIT_SECONDS or not self._timer.isActive():
            self._timer.start(PAUSE_MS)

    def save(self) -> None:
        """Save now what is not saved yet, in the background."""
        self._timer.stop()
        if self._unsaved is not None:
            self._to_save.append(self._unsaved)
            self._unsaved = None
            self._start_next()

    # --- jobs ------------------------------------------------------------------------------------

    def _start_next(self) -> None:
        session = self._controller.session
        if session is None or self._controller.job("regions") is not None:
            return
        if self._to_save:
            self._save(self._to_save.pop(0))
        elif self._must_read and self._image is not None:
            self._read(self._image)

    def _read(self, image: DisplayedImage) -> None:
        session = self._controller.session
        assert session is not None
        self._must_read = False
        self._known = _truth_ids(session.project, image)

        def end(outcome: Outcome[Any]) -> None:
            if self._image is not None and self._image.key == image.key and not self._must_read:
                self.loaded.emit(outcome.value if outcome.state == "done" else None)
            self._start_next()

        job = read_regions(session.project, session.folder, image.refs, image.shape)
        self._controller.run(job, lane="regions", on_end=end)

    def _save(self, unsaved: Unsaved) -> None:
        job = self._saving = self._job(unsaved)
        if job is None:
            self._start_next()
            return

        def end(outcome: Outcome[SavedRegions]) -> None:
            self._saving = None
            if outcome.state == "failed" and self._unsaved is None:
                self._unsaved = unsaved  # tried again with the next stroke, and before the end
            elif outcome.value is not None and self._unsaved is None and not self._to_save:
                self.saved.emit(outcome.value.counts)
            self._start_next()

        self._controller.run(job, lane="regions", on_end=end)

    def _job(self, unsaved: Unsaved) -> Job[SavedRegions] | None:
        session = self._controller.session
        if session is None or session.read_only:
            return None
        return session.paint(unsaved.image.refs, unsaved.values, unsaved.rest_unknown)

    # --- following the session -------------------------------------------------------------------

    def _on_project_changed(self, new: Project, old: Project) -> None:
        if self._image is None:
            return
        self._image = self._image.in_project(new)
        if new.truths is old.truths:
            return
        before, self._known = self._known, _truth_ids(new, self._image)
        if self._known != before and self._known != self._made():
            # undone, done again, or imported: strokes since then are void
            self._timer.stop()
            self._unsaved = None
            self._must_read = True
            self._start_next()

    def _made(self) -> dict[str, str] | None:
        """Return image id -> id of the regions that the last save made, if it ends now."""
        outcome = self._saving.outcome if self._saving is not None else None
        if outcome is None or outcome.value is None:
            return None
        return {truth.image: truth.id for truth in outcome.value.truths}

    def _on_closing(self) -> None:
        """Start to save all that is not saved; the session waits for its jobs when it closes."""
        self._timer.stop()
        for unsaved in (*self._to_save, *((self._unsaved,) if self._unsaved else ())):
            if (job := self._job(unsaved)) is not None:
                job.start()
        self._to_save, self._unsaved, self._image = [], None, None
        self._must_read = False


def _truth_ids(project: Project, image: DisplayedImage) -> dict[str, str]:
    """Return image id -> id of the regions, for the parts that have any."""
    truths = {ref.id: project.truth_of(ref, "semantic") for ref in image.refs}
    return {ident: truth.id for ident, truth in truths.items() if truth is not None}
