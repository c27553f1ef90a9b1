"""The outlines of the clicks on one flat image, brought up to date click by click.

What a click's outline depends on is known: its own place and class, the other marks that its window
shows, and what is known of its class on the image. So one more click costs its own window, and
those of its neighbors.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_synthseg.core.patch import Outline
from napari_synthseg.core.pixels import PixelSource
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.networks.click_dividing import PlacedOutline, divide
from napari_synthseg.networks.click_net import (
    BATCH,
    SAMPLE,
    ClassFit,
    ClickOutliner,
    given_diameters,
)
from napari_synthseg.patches.masks.clicked_objects import ClickedObjects
from napari_synthseg.patches.masks.network import click_outliner
from napari_synthseg.patches.masks.outlining import outline_objects
from napari_synthseg.patches.masks.registry import NETWORK

FIRST_BATCH = 4
"""Outlines that are made before the first are shown: that of a new click, and its neighbors."""

LEARN_AGAIN_AT = 1.25
"""Factor by which the clicks of a class have grown, or shrunk, when its look is learned anew."""

METHOD_REACH = 4.0
"""Diameters around a click whose marks other mask methods are shown."""

Place = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Mark:
    """A click as it lies in a plane: (y, x), pixels, and its class value.

    Equal only to itself: of thousands of marks those that changed are found at once.
    """

    id: str
    place: Place
    cls: int


@dataclass(frozen=True, eq=False)
class PlaneMarks:
    """All that is marked on a plane.

    Attributes
    ----------
    clicks
        The clicks whose objects are outlined here.
    beside
        Clicks of other planes whose objects reach into this one.
    negatives
        Places that belong to no object.
    diameters
        Class value -> usual diameter, pixels along the finest axis of the plane.
    methods
        Class value -> name of its mask method.
    """

    clicks: tuple[Mark, ...] = ()
    beside: tuple[Mark, ...] = ()
    negatives: tuple[Mark, ...] = ()
    diameters: Mapping[int, float] = field(default_factory=dict)
    methods: Mapping[int, str] = field(default_factory=dict)

    @property
    def all(self) -> tuple[Mark, ...]:
        """Every mark, negative ones too."""
        return (*self.clicks, *self.beside, *self.negatives)


def changed_places(old: Sequence[Mark], new: Sequence[Mark]) -> NDArray[np.float64]:
    """Return where marks came or went, (n, (y, x))."""
    before, now = set(old), set(new)
    return np.array([m.place for m in before ^ now], float).reshape(-1, 2)


@dataclass(frozen=True)
class LearnedClass:
    """What is known of a class on an image, and of which clicks."""

    fit: ClassFit
    marks: frozenset[tuple[Place, int]]


@dataclass(eq=False)
class _Known:
    """An outline that was found, and what it was found from."""

    mark: Mark
    reach: float
    """How far away, along an axis, another mark changes it; pixels."""
    placed: PlacedOutline | None
    """None where another method than the network found it."""
    outline: Outline


class PlaneOutliner:
    """The outlines of one plane.

    Parameters
    ----------
    pixels
        The plane, (channel, y, x).
    spacing
        Distance of its pixels along y and x, in units of the shorter.
    learned
        Class value -> what is known of it; shared by the planes of a volume.
    """

    def __init__(
        self, pixels: PixelSource, spacing: tuple[float, float], learned: dict[int, LearnedClass]
    ) -> None:
        self._pixels, self._spacing, self._learned = pixels, spacing, learned
        self._known: dict[str, _Known] = {}
        self._marks = PlaneMarks()
        self._outliner: ClickOutliner | None = None

    @property
    def outlines(self) -> Mapping[str, Outline]:
        """Click id -> its outline, as far as they are known."""
        return {ident: known.outline for ident, known in self._known.items()}

    def update(self, marks: PlaneMarks, wanted: Collection[str]) -> Generator[Progress, None, None]:
        """Outline what is wanted and not known yet, or no longer true; new clicks first.

        Parameters
        ----------
        marks
            All marks of now.
        wanted
            Ids of the clicks whose outlines are asked for.
        """
        self._take(marks)
        stale = [m for m in reversed(marks.clicks) if m.id in wanted and m.id not in self._known]
        by_network = [m for m in stale if self._method(m.cls) == NETWORK.name]
        yield from self._learn({m.cls for m in by_network} - self._learned.keys())
        numbers = {m.id: n for n, m in enumerate(marks.clicks)}
        done, size = 0, FIRST_BATCH
        while done < len(by_network):
            batch = by_network[done : done + size]
            self._outline([numbers[m.id] for m in batch])
            done, size = done + len(batch), BATCH
            yield Progress(done / len(stale), "outlining the objects under the clicks")
        others = [m for m in stale if self._method(m.cls) != NETWORK.name]
        if others:
            yield from self._outline_otherwise(others)

    def learn_again(self) -> Generator[Progress, None, set[int]]:
        """Learn classes anew whose clicks are others by now; return their values."""
        counts = self._counts()
        due = {v for v, known in self._learned.items() if self._is_due(known, counts.get(v))}
        yield from self._learn(due)
        return due

    def forget_classes(self, values: Collection[int]) -> None:
        """Let the outlines of these classes be made anew in the next update."""
        self._forget([i for i, known in self._known.items() if known.mark.cls in values])

    # --- what changed ------------------------------------------------------------------------

    def _take(self, marks: PlaneMarks) -> None:
        """Take over the marks of now, and forget the outlines that depend on what changed."""
        before, self._marks = self._marks, marks
        same_classes = before.diameters == marks.diameters and before.methods == marks.methods
        if not same_classes:
            self._known.clear()
        for value, learned in list(self._learned.items()):
            if learned.fit.given != marks.diameters.get(value):
                del self._learned[value]
        there = set(marks.clicks)
        self._forget([i for i, known in self._known.items() if known.mark not in there])
        changed = changed_places(before.all, marks.all)
        if len(changed) or self._outliner is None:
            self._forget(self._near(changed))
            self._outliner = click_outliner(self._objects((*marks.clicks, *marks.beside)))

    def _forget(self, ids: Sequence[str]) -> None:
        for ident in ids:
            del self._known[ident]

    def _near(self, places: NDArray[np.float64]) -> list[str]:
        """Return the ids of the outlines in whose windows one of these places lies."""
        if not len(places) or not self._known:
            return []
        known = list(self._known.values())
        away, _ = cKDTree(places).query(np.array([k.mark.place for k in known]), p=np.inf)
        return [k.mark.id for k, d in zip(known, away.tolist(), strict=True) if d <= k.reach]

    def _objects(self, clicks: Sequence[Mark]) -> ClickedObjects:
        """Return some clicks, and all that is known of them now."""
        marks = self._marks
        return ClickedObjects(
            self._pixels,
            np.array([m.place for m in clicks], float).reshape(-1, 2),
            np.array([m.cls for m in clicks], np.int64),
            {value: marks.diameters[value] for value in sorted({m.cls for m in clicks})},
            np.array([m.place for m in marks.negatives], float).reshape(-1, 2),
            self._spacing,
        )

    def _method(self, value: int) -> str:
        return self._marks.methods.get(value, NETWORK.name)

    # --- classes -----------------------------------------------------------------------------

    def _counts(self) -> dict[int, frozenset[tuple[Place, int]]]:
        """Return class value -> its clicks in this plane."""
        by_class: dict[int, set[tuple[Place, int]]] = {}
        for mark in self._marks.clicks:
            by_class.setdefault(mark.cls, set()).add((mark.place, mark.cls))
        return {value: frozenset(marks) for value, marks in by_class.items()}

    @staticmethod
    def _is_due(known: LearnedClass, now: frozenset[tuple[Place, int]] | None) -> bool:
        if not now or now == known.marks:
            return False
        ratio = len(now) / len(known.marks)
        return len(now) <= SAMPLE or not 1 / LEARN_AGAIN_AT < ratio < LEARN_AGAIN_AT

    def _learn(self, values: Collection[int]) -> Generator[Progress, None, None]:
        assert self._outliner is not None
        marks = self._counts()
        for value in sorted(values):
            work = self._outliner.fit(value, self._marks.diameters[value])
            fit = yield from subprogress(work, 0.0, 0.0, "looking at the clicked objects")
            self._learned[value] = LearnedClass(fit, marks[value])

    @property
    def _fits(self) -> dict[int, ClassFit]:
        """What is known of the classes; of those without a click only their diameter matters."""
        return {value: learned.fit for value, learned in self._learned.items()}

    # --- outlines ----------------------------------------------------------------------------

    def _outline(self, numbers: Sequence[int]) -> None:
        """Outline some clicks by the network, and divide the pixels anew that they touch."""
        assert self._outliner is not None
        fits = self._fits
        for n, placed in zip(numbers, self._outliner.outline(numbers, fits), strict=True):
            mark = self._marks.clicks[n]
            reach = max(self._outliner.reach(n, fits), _extent(placed, mark.place))
            self._known[mark.id] = _Known(mark, reach, placed, Outline(placed.mask, (0, 0), 0.0))
        self._divide({self._marks.clicks[n].id for n in numbers})

    def _divide(self, changed: set[str]) -> None:
        order = {m.id: n for n, m in enumerate(self._marks.clicks)}
        all_placed = {i: k.placed for i, k in self._known.items() if k.placed is not None}
        touched = changed | _meeting(changed, all_placed)
        around = sorted(touched | _meeting(touched, all_placed), key=order.__getitem__)
        classes = np.array([self._known[i].mark.cls for i in around], np.int64)
        given = given_diameters(self._fits)
        divided = divide([all_placed[i] for i in around], classes, given)
        for ident, outline in zip(around, divided, strict=True):
            if ident in touched:
                self._known[ident].outline = outline

    def _outline_otherwise(self, stale: Sequence[Mark]) -> Generator[Progress, None, None]:
        """Outline clicks by the other methods, shown the marks around them."""
        marks = self._marks
        reach = METHOD_REACH * max(marks.diameters.values())
        tree = cKDTree(np.array([m.place for m in stale]))
        every = (*marks.clicks, *marks.beside)
        away, _ = tree.query(np.array([m.place for m in every]), p=np.inf)
        near = [m for m, d in zip(every, away.tolist(), strict=True) if d <= reach]
        found = yield from outline_objects(self._objects(near), marks.methods)
        wanted = {m.id for m in stale}
        for mark, one in zip(near, found, strict=True):
            if mark.id in wanted:
                self._known[mark.id] = _Known(mark, reach, None, one.outline)


def _extent(placed: PlacedOutline, place: Place) -> float:
    """Return how far an outline's box reaches from its click along an axis, pixels."""
    low = np.array([placed.row, placed.column])
    return float(np.abs([low - place, low + placed.mask.shape - place]).max())


def _meeting(some: Collection[str], placed: Mapping[str, PlacedOutline]) -> set[str]:
    """Return the ids of the outlines whose boxes meet those of some."""
    ids = list(placed)
    low = np.array([(p.row, p.column) for p in placed.values()]).reshape(-1, 2)
    high = low + np.array([p.mask.shape for p in placed.values()]).reshape(-1, 2)
    found: set[str] = set()
    for ident in some:
        own = placed[ident]
        start = np.array([own.row, own.column])
        hits = ((low < start + own.mask.shape) & (high > start)).all(axis=1)
        found.update(ids[n] for n in np.flatnonzero(hits).tolist())
    return found
