"""Keeps painted regions: reads those of the image that is shown, and saves what is painted.

Saving is a job of the session, a moment after the last stroke; closing the session waits for it.
Each save writes a new array, so that the session's undo finds the old ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.project import Project
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage
from napari_synthseg.workflow.jobs import Job, Outcome
from napari_synthseg.workflow.painting import Painted, SavedRegions, read_regions, shares_of

PAUSE_MS = 500
"""Time from a stroke to its save; strokes in between are saved with it."""

RETRY_MS = 20_000
"""Time from a save that failed to the next try."""


@dataclass(frozen=True, eq=False)
class Unsaved:
    """Strokes on an image that are not saved yet; its layer goes on changing `values`.

    `ids` are those of its parts: they stay, though its channels or its file may be others by the
    time it is saved.
    """

    ids: tuple[str, ...]
    values: NDArray[np.uint8]
    rest_unknown: bool

    def refs(self, project: Project) -> tuple[ImageRef, ...]:
        """Return the parts as a project has them."""
        return tuple(ref for ref in project.images if ref.id in self.ids)


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
        self._unsaved: dict[str, Unsaved] = {}  # by the id of the first part
        self._must_read = False
        self._saving: Job[SavedRegions] | None = None
        self._then: list[Callable[[], object]] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._start_next)
        controller.project_changed.connect(self._on_project_changed)
        controller.closing.connect(self._on_closing)
        controller.before_undo = self._after_strokes

    @property
    def is_busy(self) -> bool:
        """Whether strokes are not saved yet, or regions not read."""
        waiting = bool(self._unsaved) or self._must_read
        return waiting or self._controller.job("regions") is not None

    def show(self, image: DisplayedImage | None) -> None:
        """Save the regions of the image before, and read those of another one."""
        self._image, self._must_read = image, image is not None
        self.save()

    def note_stroke(self, values: NDArray[np.uint8], rest_unknown: bool) -> None:
        """Save the regions soon; `values` may change until then.

        `rest_unknown` says that what is not painted is unknown, rather than background.
        """
        session, image = self._controller.session, self._image
        if image is None or session is None or session.read_only:
            return
        ids = tuple(ref.id for ref in image.refs)
        if not ids:  # it was taken out of the project
            return
        self._unsaved[ids[0]] = Unsaved(ids, values, rest_unknown)
        if not 0 <= self._timer.remainingTime() <= PAUSE_MS:
            self._timer.start(PAUSE_MS)

    def save(self, then: Callable[[], object] | None = None) -> None:
        """Save now what is not saved yet, in the background; call `then` once all is saved."""
        self._timer.stop()
        if then is not None:
            self._then.append(then)
        self._start_next()

    def _after_strokes(self, then: Callable[[], object]) -> None:
        """Call `then` once all strokes so far are saved, at once where they are."""
        if self._unsaved or self._saving is not None:
            self.save(then)
        else:
            then()

    # --- jobs ------------------------------------------------------------------------------------

    def _start_next(self) -> None:
        if self._controller.session is None or self._controller.job("regions") is not None:
            return
        if self._unsaved and not self._timer.isActive():
            self._save(self._unsaved.pop(next(iter(self._unsaved))))
        elif self._must_read and self._image is not None:
            self._read(self._image)
        elif self._then and not self._unsaved:
            self._then.pop(0)()
            self._start_next()  # what was done may need to be read first

    def _read(self, image: DisplayedImage) -> None:
        session = self._controller.session
        assert session is not None
        self._must_read = False
        self._known = _truth_ids(session.project, image)

        def end(outcome: Outcome[Painted]) -> None:
            if self._image is image and not self._must_read:
                self.loaded.emit(outcome.value if outcome.state == "done" else None)
            self._start_next()

        if (unsaved := self._unsaved.get(_first_id(image))) is not None:  # it could not be saved
            job = Job.of("read the regions", partial(_painted, unsaved))
        else:
            job = read_regions(session.project, session.folder, image.refs, image.shape)
        self._controller.run(job, lane="regions", on_end=end)

    def _save(self, unsaved: Unsaved) -> None:
        session, key = self._controller.session, unsaved.ids[0]
        assert session is not None

        def end(outcome: Outcome[SavedRegions]) -> None:
            self._saving = None
            is_shown = self._image is not None and _first_id(self._image) == key
            if outcome.state == "failed":
                self._unsaved.setdefault(key, unsaved)  # newer strokes hold the older ones, too
                self._then.clear()
                if len(self._unsaved) == 1:
                    self._timer.start(RETRY_MS)
            elif outcome.value is not None and is_shown and key not in self._unsaved:
                self.saved.emit(outcome.value.counts)
            self._start_next()

        refs = unsaved.refs(session.project)
        job = session.paint(refs, unsaved.values, unsaved.rest_unknown)
        self._saving = job
        self._controller.run(job, lane="regions", on_end=end)

    # --- following the session -------------------------------------------------------------------

    def _on_project_changed(self, new: Project, old: Project) -> None:
        if self._image is None or new.truths is old.truths:
            return
        before, self._known = self._known, _truth_ids(new, self._image)
        if self._known != before and self._known != self._made():
            # undone, done again, or imported: strokes since then are void
            self._unsaved.pop(_first_id(self._image), None)
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
        session = self._controller.session
        assert session is not None
        self._timer.stop()
        for unsaved in self._unsaved.values():
            refs = unsaved.refs(session.project)
            session.paint(refs, unsaved.values, unsaved.rest_unknown).start()
        self._unsaved.clear()
        self._image, self._saving = None, None
        self._then.clear()
        self._must_read = False


def _first_id(image: DisplayedImage) -> str:
    """Return the id of the first part of an image; '' where the project has none."""
    return next((ref.id for ref in image.refs), "")


def _painted(unsaved: Unsaved) -> Painted:
    """Return what is not saved as it would be read."""
    counts = np.bincount(unsaved.values.ravel(), minlength=256)
    return Painted(unsaved.values, unsaved.rest_unknown, shares_of(counts))


def _truth_ids(project: Project, image: DisplayedImage) -> dict[str, str]:
    """Return image id -> id of the regions, for the parts that have any."""
    truths = {ref.id: project.truth_of(ref, "semantic") for ref in image.refs}
    return {ident: truth.id for ident, truth in truths.items() if truth is not None}
