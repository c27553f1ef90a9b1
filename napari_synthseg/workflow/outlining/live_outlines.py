"""The outlines of a session: asked for again after each edit, by whoever shows them."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_synthseg.core.annotations import Click, ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import Region
from napari_synthseg.core.patch import Outline
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.networks.libraries import TO_OUTLINE, load_libraries

if TYPE_CHECKING:
    from napari_synthseg.workflow.outlining.image_outliner import ClickOutline, ImageOutliner

MOST_OUTLINES = 1500
"""Outlines of one image that are made and shown at once: those nearest to what is looked at."""

MOST_IMAGES = 4
"""Images whose outlines are kept."""


@dataclass(frozen=True, eq=False)
class Outlines:
    """The outlines of an image's clicks, as far as they are known.

    Attributes
    ----------
    shown
        One a click that was asked for.
    left_out
        Clicks that were not asked for, because there are too many.
    """

    shown: tuple[ClickOutline, ...] = ()
    left_out: int = 0


@dataclass(frozen=True, eq=False)
class OutlineProgress(Progress):
    """Progress with the outlines that are there by now."""

    outlines: Outlines = Outlines()


class LiveOutlines:
    """Keeps what is known of the outlines of images; the latest wish wins.

    A wish is the generator of `update`. Whoever has a new one cancels the job of the one before,
    and need not wait for its end: what that one found is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._turn = threading.Lock()
        self._images: dict[str, ImageOutliner] = {}

    def prepare(self, refs: Sequence[ImageRef]) -> Generator[Progress, None, None]:
        """Load the network, and open images: what the first click would have to wait for."""
        from napari_synthseg.networks.click_weights import warm_up

        yield from load_libraries(TO_OUTLINE)
        yield Progress(0.0, "loading the click network")
        warm_up()
        for ref in refs:
            yield Progress(0.5, f"opening {ref.name}")
            with self._turn:
                self._outliner(ref).warm_up()

    def update(
        self,
        project: Project,
        refs: Sequence[ImageRef],
        around: Region | None = None,
        *,
        thorough: bool = False,
    ) -> Generator[Progress, None, Outlines]:
        """Bring the outlines of the clicks on images up to date.

        Parameters
        ----------
        project
            The project of now.
        refs
            The images, parts of one picture.
        around
            What is looked at, full-image pixels ([z,] y, x). Where there are too many clicks, the
            ones nearest to its middle are outlined.
        thorough
            Whether to learn classes anew first whose clicks are others by now.

        Yields
        ------
        `OutlineProgress` when the first outlines are ready, then whenever they are twice as many.
        """
        by_image = {ref.id: project.clicks_on(ref) for ref in refs}
        clicks = [click for ref in refs for click in by_image[ref.id]]
        chosen = _nearest(clicks, around)
        left_out = len(clicks) - len(chosen)
        wanted = {click.id for click in chosen}
        while not self._turn.acquire(timeout=0.02):
            yield Progress(0.0)
        try:
            outliners = [self._outliner(ref) for ref in refs]
            for outliner in outliners:
                shown_at = 0.0
                mine = by_image[outliner.ref.id]
                for step in outliner.update(project, mine, wanted, thorough=thorough):
                    if step.fraction > 0 and step.fraction >= 2 * shown_at:
                        shown_at = step.fraction
                        made = Outlines(_known(outliners, chosen), left_out)
                        yield OutlineProgress(step.fraction, step.message, outlines=made)
                    else:
                        yield step
            return Outlines(_known(outliners, chosen), left_out)
        finally:
            self._turn.release()

    def find(
        self, project: Project, ref: ImageRef, click: Click
    ) -> Generator[Progress, None, Outline]:
        """Return the outline of one click of an image as it is now."""
        while not self._turn.acquire(timeout=0.02):
            yield Progress(0.0)
        try:
            outliner = self._outliner(ref)
            clicks = project.clicks_on(ref)
            yield from outliner.update(project, clicks, {click.id})
            shown = outliner.shown([c for c in clicks if c.id == click.id])
        finally:
            self._turn.release()
        if not shown:
            raise InputError("This click does not count on its image: delete it.")
        return shown[0].outline

    def _outliner(self, ref: ImageRef) -> ImageOutliner:
        from napari_synthseg.workflow.outlining.image_outliner import ImageOutliner

        known = self._images.pop(ref.id, None)
        if known is None or _pixels_of(known.ref) != _pixels_of(ref):
            known = ImageOutliner(ref, self._folder)
        self._images[ref.id] = known
        while len(self._images) > MOST_IMAGES:
            del self._images[next(iter(self._images))]
        return known


def _known(outliners: Sequence[ImageOutliner], clicks: Sequence[Click]) -> tuple[ClickOutline, ...]:
    return tuple(
        outline
        for outliner in outliners
        for outline in outliner.shown([c for c in clicks if c.image == outliner.ref.id])
    )


def _nearest(clicks: Sequence[Click], around: Region | None) -> Sequence[Click]:
    """Return the clicks whose outlines are made: all, or those nearest to what is looked at."""
    if len(clicks) <= MOST_OUTLINES:
        return clicks
    if around is None:
        return clicks[-MOST_OUTLINES:]
    places = np.array([c.position for c in clicks])
    low, high = np.array(around).T
    inside = np.flatnonzero(((places >= low) & (places < high)).all(axis=1))
    if len(inside) > MOST_OUTLINES:
        away = np.abs(places[inside] - (low + high) / 2).max(axis=1)
        inside = np.sort(inside[np.argpartition(away, MOST_OUTLINES)[:MOST_OUTLINES]])
    return [clicks[n] for n in inside.tolist()]


def _pixels_of(ref: ImageRef) -> ImageRef:
    """Return an image without what does not change its outlines."""
    return ref.model_copy(
        update={"name": "", "role": "train", "group": "", "exhaustive": False, "synthetic": False}
    )
