"""Proposals before any training: what looks like the objects that were clicked."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_synthseg.core.annotations import new_id
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import Region, widen_region
from napari_synthseg.core.patch import ClickedImage, Outline
from napari_synthseg.core.progress import Progress, exhaust, subprogress
from napari_synthseg.networks.click_dividing import NetworkOutline, rivals
from napari_synthseg.networks.click_net import ClassFit
from napari_synthseg.patches.masks.clicked_objects import ClickedObjects
from napari_synthseg.patches.masks.network import outline_flat
from napari_synthseg.patches.suggesting.candidates import (
    SAMPLED_OBJECTS,
    CandidateFinder,
    LikenessMaps,
)
from napari_synthseg.patches.suggesting.plausibility import Traits, judge
from napari_synthseg.patches.suggesting.suggestion import (
    Suggestion,
    choose_apart,
    holds,
)
from napari_synthseg.patches.window import inner_point

MOST_PX = 4 * 2**20
"""Pixels of an image that are searched at once: of a larger one the part around its clicks."""

MOST_CANDIDATES = 400
"""Candidates of a class that are outlined, the best."""

MOST_TAUGHT = 100
"""Clicked objects of a class that are learned from, those nearest to where it is looked."""

NEAR_CLICK_DIAMETERS = 0.35
"""No other object of the class begins so close to a click."""

BESIDE_DIAMETERS = 1.5
"""Clicked objects farther from a candidate than this do not touch it."""

LEAST_CONFIDENCE = 0.1
"""Candidates below are not worth looking at."""


def suggest_by_clicks(
    image: ClickedImage,
    diameters: Mapping[int, float],
    part: Region | None = None,
    example: ClickedImage | None = None,
) -> Generator[Progress, None, list[Suggestion]]:
    """Find further objects that look like those that were clicked.

    Parameters
    ----------
    image
        A flat image; only `part` and the surroundings of clicks are read.
    diameters
        Class value -> usual diameter, pixels along the finest axis.
    part
        Where to look, pixels of the whole image; by default all of the image, of a large one what
        lies around the clicks, or in the middle.
    example
        The image whose clicks show what to look for, as fine as `image`; by default that itself.

    Returns
    -------
    Suggestions in no order, none of which overlaps a clicked object or another one of like size.

    Raises
    ------
    InputError
        If nothing is clicked, or the image is a volume.
    """
    taught = example or image
    if len(image.pixels.region) == 3:
        raise InputError(
            "Before a training objects are suggested on flat images only. Train a model: what it "
            "finds in the volume is suggested then."
        )
    if not taught.clicks:
        raise InputError("Click a few objects on this image first: what looks like them is found.")
    where = part or _default_part(image)
    lesson = _Lesson(taught, diameters, where if taught is image else taught.pixels.region)
    yield from subprogress(lesson.learn(), 0.0, 0.35, "looking at the clicked objects")
    search = _Search(image, lesson, diameters, where)
    found: list[Suggestion] = []
    values = sorted(lesson.fits)
    for done, value in enumerate(values):
        share = 0.35 + 0.65 * done / len(values), 0.35 + 0.65 * (done + 1) / len(values)
        found += yield from subprogress(search.find(value), *share)
    return _without_overlap(found, diameters)


def _default_part(image: ClickedImage) -> Region:
    """Return the image, or of a large one a square of `MOST_PX` around its clicks."""
    region = image.pixels.region
    if np.prod([b - a for a, b in region]) <= MOST_PX:
        return region
    half = round(MOST_PX**0.5 / 2)
    places = [click.position for click in image.clicks] or [_middle(region)]
    middle = [round(p) for p in np.median(places, axis=0).tolist()]
    return widen_region(tuple((m, m + 1) for m in middle), [half] * 2, region)


def _middle(region: Region) -> tuple[float, ...]:
    return tuple((a + b - 1) / 2 for a, b in region)


class _Lesson:
    """What the clicked objects of an image look like, those nearest to a part of it.

    Attributes
    ----------
    fits
        Class value -> what is known of it.
    """

    def __init__(self, image: ClickedImage, diameters: Mapping[int, float], part: Region) -> None:
        clicks = ClickedObjects.on(image, diameters)
        away = np.abs(clicks.positions - _middle(part)).max(axis=1)
        order = np.argsort(away, kind="stable")
        classes = clicks.classes[order]
        nearest = [order[classes == value][:MOST_TAUGHT] for value in np.unique(classes)]
        chosen = np.sort(np.concatenate(nearest))
        self._taught = replace(
            clicks, positions=clicks.positions[chosen], classes=clicks.classes[chosen]
        )
        self._outlines: list[NetworkOutline] = []
        self.fits: dict[int, ClassFit] = {}

    def learn(self) -> Generator[Progress, None, None]:
        """Outline what is clicked, and learn what each class looks like."""
        self._outlines = yield from outline_flat(self._taught, self.fits)

    def finder(self, value: int) -> tuple[CandidateFinder, list[Traits]]:
        """Return what finds objects of a class, and what is measured on some clicked ones."""
        taught, every = self._taught, self._outlines
        own = [o for o, c in zip(every, taught.classes, strict=True) if c == value and o.area]
        finder = CandidateFinder(taught.pixels, taught.spacing, self.fits[value], own, every)
        measured = own[:: max(1, len(own) // SAMPLED_OBJECTS)]
        usual = [
            measure_traits(one, exhaust(finder.look_at(one.window)), finder) for one in measured
        ]
        return finder, usual


class _Search:
    """Looks for objects in a part of an image."""

    def __init__(
        self, image: ClickedImage, lesson: _Lesson, diameters: Mapping[int, float], part: Region
    ) -> None:
        self._image, self._lesson, self._part = image, lesson, part
        self._clicks = ClickedObjects.on(image, diameters)
        self._tree = cKDTree(self._clicks.positions)

    def find(self, value: int) -> Generator[Progress, None, list[Suggestion]]:
        """Find objects of one class."""
        finder, usual = self._lesson.finder(value)
        looking = finder.look_at(self._part, self._clicks.pixels, self._clicks.spacing)
        maps = yield from subprogress(looking, 0.0, 0.2, "looking for more objects")
        places = self._free(maps.positions, value, finder.fit.diameter)[:MOST_CANDIDATES]

        def judged(found: Sequence[NetworkOutline]) -> list[float]:
            return [judge(measure_traits(one, maps, finder), usual) for one in found]

        message = "outlining what was found"
        work = self._outline(value, places, finder.fit.diameter, sure=False)
        first, taken = yield from subprogress(work, 0.2, 0.6, message)
        kept = self._choose(first, taken, judged(first))
        # again, as the objects beside each are known now
        middles = np.array([inner_point(first[n]) for n in kept]).reshape(-1, 2)
        work = self._outline(value, middles, finder.fit.diameter, sure=True)
        last, taken = yield from subprogress(work, 0.6, 0.98, message)
        sure = judged(last)
        return [self._suggestion(value, last[n], sure[n]) for n in self._choose(last, taken, sure)]

    def _beside(self, value: int) -> NDArray[np.bool_]:
        """Tell which clicks are on objects that lie beside those of a class."""
        return np.isin(self._clicks.classes, list(rivals(value, self._clicks.diameters)))

    def _free(
        self, places: NDArray[np.float64], value: int, diameter: float
    ) -> NDArray[np.float64]:
        """Return the places that count and are not clicked."""
        counts, beside = self._image.ref.counts_at, self._beside(value)
        reach = NEAR_CLICK_DIAMETERS * diameter
        near = self._tree.query_ball_point(places, reach) if len(places) else ()
        free = [
            place
            for place, clicks in zip(places.tolist(), near, strict=True)
            if counts(place) and not beside[clicks].any()
        ]
        return np.array(free, float).reshape(-1, 2)

    def _outline(
        self, value: int, places: NDArray[np.float64], diameter: float, *, sure: bool
    ) -> Generator[Progress, None, tuple[list[NetworkOutline], list[NetworkOutline]]]:
        """Outline what lies at some places, beside what is clicked and, if `sure`, each other.

        Returned are these outlines, and those of the clicked objects next to them.
        """
        if not len(places):
            return [], []
        clicks, beside = self._clicks, self._beside(value)
        near = self._tree.query_ball_point(places, BESIDE_DIAMETERS * diameter)
        known = np.array(sorted({n for some in near for n in some if beside[n]}), int)
        positions = np.concatenate([clicks.positions[known], places])
        # looked at alike, as all of them lie side by side
        classes = np.full(len(positions), value)
        unsure = None if sure else np.arange(len(positions)) >= len(known)
        objects = replace(clicks, positions=positions, classes=classes)
        found = yield from outline_flat(objects, {value: self._lesson.fits[value]}, unsure)
        return found[len(known) :], found[: len(known)]

    def _choose(
        self, outlines: Sequence[Outline], near: Sequence[Outline], sure: Sequence[float]
    ) -> list[int]:
        """Return which outlines are worth showing: the surest of those that overlap."""
        places = self._clicks.negatives.tolist()
        worth = [
            n
            for n, outline in enumerate(outlines)
            if outline.area
            and sure[n] >= LEAST_CONFIDENCE
            and not any(holds(outline, place) for place in places)
        ]
        chosen = choose_apart([outlines[n] for n in worth], [sure[n] for n in worth], near)
        return [worth[n] for n in chosen]

    def _suggestion(self, value: int, outline: Outline, confidence: float) -> Suggestion:
        place = inner_point(outline)
        return Suggestion(new_id(), self._image.ref.id, value, place, outline, confidence)


def measure_traits(outline: NetworkOutline, maps: LikenessMaps, finder: CandidateFinder) -> Traits:
    """Return what tells how plausible an outline is; `maps` show it."""
    if not outline.area:
        return Traits(0.0, 0.0, 0.0, 0.0, 0.0)
    inside, around = maps.levels(outline)
    like = maps.correlation_at(inner_point(outline))
    size = outline.diameter / finder.fit.diameter
    return Traits(outline.sureness, float(np.log(size)), like, inside, around)


def _without_overlap(
    found: Sequence[Suggestion], diameters: Mapping[int, float]
) -> list[Suggestion]:
    """Drop the less sure of suggestions of different classes that overlap, unless one is a part."""
    beside = {value: rivals(value, diameters) for value in {s.cls for s in found}}
    kept = choose_apart(
        [s.outline for s in found],
        [s.confidence for s in found],
        rivals=lambda one, other: found[other].cls in beside[found[one].cls],
    )
    return [found[n] for n in kept]
