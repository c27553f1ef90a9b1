"""Proposals before any training: what looks like the objects that were clicked."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import new_id
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import Region, widen_region
from napari_synthseg.core.patch import ClickedImage, Outline
from napari_synthseg.core.pixels import PixelSource, TiledSource
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.networks.click_net import ClassFit, NetworkOutline, outline_clicks, rivals
from napari_synthseg.patches.suggesting.candidates import CandidateFinder, LikenessMaps
from napari_synthseg.patches.suggesting.plausibility import Traits, judge
from napari_synthseg.patches.suggesting.suggestion import (
    Neighbors,
    Suggestion,
    choose_apart,
    holds,
    inner_point,
)

MOST_PX = 4 * 2**20
"""Pixels of an image that are searched at once: of a larger one the part around its clicks."""

MOST_CANDIDATES = 400
"""Candidates of a class that are outlined, the best."""

LEAST_CONFIDENCE = 0.1
"""Candidates below are not worth looking at."""


def suggest_by_clicks(
    image: ClickedImage, diameters: Mapping[int, float], part: Region | None = None
) -> Generator[Progress, None, list[Suggestion]]:
    """Find further objects that look like those clicked on an image.

    Parameters
    ----------
    image
        A flat image with at least one click; only its surroundings and `part` are read.
    diameters
        Class value -> usual diameter, pixels along the finest axis.
    part
        Where to look, pixels of the whole image; by default all of the image, of a large one what
        lies around the clicks.

    Returns
    -------
    Suggestions in no order, none of which overlaps a clicked object or another one of like size.

    Raises
    ------
    InputError
        If nothing is clicked, or the image is a volume.
    """
    if len(image.pixels.region) == 3:
        raise InputError(
            "Before a training objects are suggested on flat images only. Train a model: what it "
            "finds in the volume is suggested then."
        )
    if not image.clicks:
        raise InputError("Click a few objects on this image first: what looks like them is found.")
    search = _Search(image, diameters)
    yield from subprogress(search.learn(), 0.0, 0.35, "looking at the clicked objects")
    where = part or search.default_part()
    found: list[Suggestion] = []
    values = sorted(search.fits)
    for done, value in enumerate(values):
        share = 0.35 + 0.65 * done / len(values), 0.35 + 0.65 * (done + 1) / len(values)
        found += yield from subprogress(search.find(value, where), *share)
    return _without_overlap(found, diameters)


class _Search:
    """What is known of one image while its objects are looked for."""

    def __init__(self, image: ClickedImage, diameters: Mapping[int, float]) -> None:
        self.image = image
        self.pixels: PixelSource = TiledSource(image.pixels)
        self.spacing = image.ref.spacing[0], image.ref.spacing[1]
        self.positions = np.array([c.position for c in image.clicks], float)
        self.classes = np.array([c.cls for c in image.clicks], np.int64)
        self.negatives = np.array(image.negatives, float).reshape(-1, 2)
        shown = set(self.classes.tolist())
        self.diameters = {value: d for value, d in diameters.items() if value in shown}
        self.fits: dict[int, ClassFit] = {}
        self.clicked: list[NetworkOutline] = []

    def learn(self) -> Generator[Progress, None, None]:
        """Outline what is clicked, and learn what each class looks like."""
        self.clicked = yield from outline_clicks(
            self.pixels, self.positions, self.classes, self.diameters, self.negatives,
            spacing=self.spacing, fits=self.fits,
        )  # fmt: skip

    def default_part(self) -> Region:
        """Return the image, or of a large one the square of `MOST_PX` around its clicks."""
        region = self.pixels.region
        if np.prod([b - a for a, b in region]) <= MOST_PX:
            return region
        half = round(MOST_PX**0.5 / 2)
        middle = [round(p) for p in np.median(self.positions, axis=0).tolist()]
        return widen_region(tuple((m, m + 1) for m in middle), [half] * 2, region)

    def find(self, value: int, part: Region) -> Generator[Progress, None, list[Suggestion]]:
        """Find objects of one class."""
        beside = rivals(value, self.diameters)
        mine = [o for o, c in zip(self.clicked, self.classes, strict=True) if c == value]
        near = [o for o, c in zip(self.clicked, self.classes, strict=True) if int(c) in beside]
        finder = CandidateFinder(self.pixels, self.spacing, self.fits[value], mine, self.clicked)
        maps = yield from subprogress(finder.look_at(part), 0.0, 0.2, "looking for more objects")
        places = self._free(maps.positions, near)[:MOST_CANDIDATES]
        if not len(places):
            return []
        first = yield from subprogress(
            self._outline(value, places, sure=False), 0.2, 0.6, "outlining what was found"
        )
        usual = [self._traits(o, maps, finder) for o in mine if o.area]
        kept = self._choose(
            first, near, [judge(self._traits(o, maps, finder), usual) for o in first]
        )
        if not kept:
            return []
        # again, as the objects beside each are known now
        middles = np.array([inner_point(first[n]) for n in kept])
        last = yield from subprogress(
            self._outline(value, middles, sure=True), 0.6, 0.98, "outlining what was found"
        )
        sure = [judge(self._traits(o, maps, finder), usual) for o in last]
        return [self._suggestion(value, last[n], sure[n]) for n in self._choose(last, near, sure)]

    def _free(self, places: NDArray[np.float64], near: Sequence[Outline]) -> NDArray[np.float64]:
        """Return the places where nothing is known yet, and that count."""
        counts, known = self.image.ref.counts_at, Neighbors(near)
        free = [
            place
            for place in places.tolist()
            if counts(place) and not any(holds(near[n], place) for n in known.around(place))
        ]
        return np.array(free, float).reshape(-1, 2)

    def _outline(
        self, value: int, places: NDArray[np.float64], *, sure: bool
    ) -> Generator[Progress, None, list[NetworkOutline]]:
        """Outline what lies at some places, beside what is clicked and, if `sure`, each other."""
        positions = np.concatenate([self.positions, places])
        classes = np.concatenate([self.classes, np.full(len(places), value)])
        unsure = np.arange(len(positions)) >= len(self.positions)
        found = yield from outline_clicks(
            self.pixels, positions, classes, self.diameters, self.negatives,
            spacing=self.spacing, fits=self.fits, unsure=None if sure else unsure,
        )  # fmt: skip
        return found[len(self.positions) :]

    def _traits(
        self, outline: NetworkOutline, maps: LikenessMaps, finder: CandidateFinder
    ) -> Traits:
        if not outline.area:
            return Traits(0.0, 0.0, 0.0, 0.0, 0.0)
        inside, around = maps.levels(outline)
        size = outline.diameter / finder.fit.diameter
        at = inner_point(outline)
        return Traits(
            outline.sureness, float(np.log(size)), maps.correlation_at(at), inside, around
        )

    def _choose(
        self, outlines: Sequence[Outline], near: Sequence[Outline], sure: Sequence[float]
    ) -> list[int]:
        """Return which outlines are worth showing: the surest of those that overlap."""
        places = self.negatives.tolist()
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
        return Suggestion(new_id(), self.image.ref.id, value, place, outline, confidence)


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
