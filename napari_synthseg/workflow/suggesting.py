"""Proposing objects, and what the answers make of a project."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import NOT_AN_OBJECT, Click, ImageRef, MendedOutline
from napari_synthseg.core.geometry import Region, contains
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.patches.suggesting.suggestion import Suggestion, holds, is_sliver
from napari_synthseg.training.split import Subset
from napari_synthseg.workflow.cutting import clicked_image
from napari_synthseg.workflow.predicting import apply_model, load_model

MOST_SHOWN = 60
"""Suggestions that are shown at once: a person looks at so many in a minute or two."""


@dataclass(frozen=True, eq=False)
class Suggestions:
    """What is suggested on one image.

    Attributes
    ----------
    image
        Id of the image.
    every
        The suggestions in the order in which they are to be looked at: the unsure ones first.
    source
        What they were found by, for people.
    left_out
        How many more there are.
    known
        Ids of the clicks that there were; they lie on none of them.
    """

    image: str
    every: tuple[Suggestion, ...]
    source: str = ""
    left_out: int = 0
    known: frozenset[str] = frozenset()

    def open(self, project: Project) -> tuple[Suggestion, ...]:
        """Return those that are not answered, and that no later click lies on.

        A click on an object of quite another size, as on the nucleus of a cell, answers nothing,
        and neither does rejecting such an object.
        """
        from napari_synthseg.networks.click_dividing import rivals  # it loads scipy

        ref = next((ref for ref in project.images if ref.id == self.image), None)
        if ref is None:
            return ()
        every = (*project.clicks, *project.negatives)
        mine = [c for c in every if c.id not in self.known and c.image == self.image]
        answered = {click.id for click in mine}
        sizes = project.known_diameters(ref)
        placed = [(click.position, _answered_class(click, sizes)) for click in mine]
        places: dict[int, NDArray[np.float64]] = {}
        for value in project.class_values:
            # what has no size on this image, as a length without a pixel size, may lie beside all
            apart = set(sizes) - rivals(value, sizes) if value in sizes else set[int]()
            places[value] = np.array([at for at, cls in placed if cls not in apart], float)
        return tuple(
            one
            for one in self.every
            if one.id not in answered and one.cls in places and not _is_marked(one, places[one.cls])
        )


def _answered_class(click: Click, diameters: Mapping[int, float]) -> int:
    """Return whose suggestions a click answers: of what was rejected the class of the likest size.

    `NOT_AN_OBJECT` where that is unknown, as of a negative click by hand.
    """
    if click.cls != NOT_AN_OBJECT or not click.reach or not diameters:
        return click.cls
    return min(diameters, key=lambda value: abs(math.log(2 * click.reach / diameters[value])))


def _is_marked(one: Suggestion, places: NDArray[np.float64]) -> bool:
    """Tell whether one of some places (n, ([z,] y, x)) lies on a suggested object."""
    if not len(places):
        return False
    low, high = np.array(one.outline.window, float).T
    near = places[((places > low - 1) & (places < high)).all(axis=1)]
    return any(holds(one.outline, place) for place in near.tolist())


def suggest(
    project: Project,
    folder: Path,
    ref: ImageRef,
    run: TrainingRun | None = None,
    part: Region | None = None,
    most: int = MOST_SHOWN,
) -> Generator[Progress, None, Suggestions]:
    """Propose objects on an image that are not clicked yet.

    Parameters
    ----------
    project, folder
        The project and where it lies.
    ref
        The image.
    run
        Whose model finds them; what it misses of what looks like the clicked objects is proposed,
        too. Without one they are found by the clicks alone: those on the image, or where there are
        none those on another one (see `find_example`).
    part
        Where to look, pixels of the whole image; default: see `suggest_by_clicks`.
    most
        Suggestions that are returned, at most.

    Raises
    ------
    InputError
        If there is nothing to go by, or the run has no trained model.
    """
    from napari_synthseg.patches.suggesting.by_clicks import suggest_by_clicks
    from napari_synthseg.patches.suggesting.by_model import (
        classes_found,
        combine,
        suggest_by_model,
    )

    clicks = project.clicks_on(ref)
    shown_by = ref if clicks else find_example(project, ref)
    values = {c.cls for c in project.clicks_on(shown_by)} if shown_by is not None else set[int]()
    diameters = {c.value: c.diameter_px(ref) for c in project.classes if c.value in values}
    image = clicked_image(Subset(ref, clicks), project, folder)
    found: list[Suggestion] = []
    if run is not None:
        predictor = yield from subprogress(load_model(folder, run), 0.0, 0.1)
        work = apply_model(predictor, run, ref, folder)
        prediction = yield from subprogress(work, 0.1, 0.6, "predicting")
        values = classes_found(prediction)
        diameters |= {c.value: c.diameter_px(ref) for c in project.classes if c.value in values}
        found = suggest_by_model(prediction, diameters)
        if part is not None:
            found = [one for one in found if contains(part, one.position)]
    if run is None or (shown_by is not None and ref.ndim == 2):
        example = None
        if shown_by is not None and shown_by is not ref:
            subset = Subset(shown_by, project.clicks_on(shown_by))
            example = clicked_image(subset, project, folder)
        start = 0.6 if run is not None else 0.0
        search = suggest_by_clicks(image, diameters, part, example)
        more = yield from subprogress(search, start, 1.0)
        found = combine(found, more, diameters) if run is not None else more
    source = f"the model of {run.name}" if run is not None else "the clicked objects"
    every = Suggestions(ref.id, tuple(found), source).open(project)
    region = image.pixels.region
    ordered = unsure_first(
        one for one in every if not is_sliver(one.outline, region, diameters[one.cls], ref.spacing)
    )
    known = frozenset(c.id for c in (*project.clicks, *project.negatives))
    return Suggestions(ref.id, ordered[:most], source, max(0, len(ordered) - most), known)


def find_example(project: Project, ref: ImageRef) -> ImageRef | None:
    """Return the image whose clicks show what to look for on one without clicks; None: no such.

    It is the one with most clicks of those that are as fine, of which a model may learn.
    """
    counts = Counter(click.image for click in project.clicks)

    def alike(other: ImageRef) -> bool:
        same = (other.ndim, other.channels, other.unit) == (ref.ndim, ref.channels, ref.unit)
        wanted, given = (r.pixel_size or (1.0,) for r in (ref, other))
        near = len(wanted) == len(given) and np.allclose(wanted, given, rtol=0.1)
        return other.role == "train" and bool(counts[other.id]) and same and near

    others = [other for other in project.images if other.id != ref.id and alike(other)]
    return max(others, key=lambda other: counts[other.id], default=None)


def unsure_first(found: Iterable[Suggestion]) -> tuple[Suggestion, ...]:
    """Return suggestions in the order of how close they are to a toss of a coin."""
    return tuple(sorted(found, key=lambda one: abs(one.confidence - 0.5)))


def accept(project: Project, chosen: Sequence[Suggestion]) -> Project:
    """Return a project in which suggestions became clicks on objects.

    Outlines of a model are kept with them; those of the click network are found again by the click.
    """
    return project.with_clicks(*(_click(one) for one in chosen))


def _click(one: Suggestion) -> Click:
    mended = None
    if one.origin == "model" and not one.is_box:
        mended = MendedOutline.of(one.outline.mask, one.outline.origin)
    return Click(id=one.id, image=one.image, position=one.position, cls=one.cls, mended=mended)


def reject(project: Project, chosen: Sequence[Suggestion]) -> Project:
    """Return a project in which suggestions became negative clicks on what is no object."""
    return project.with_clicks(
        *(
            Click(id=s.id, image=s.image, position=s.position, cls=NOT_AN_OBJECT, reach=s.radius)
            for s in chosen
        )
    )
