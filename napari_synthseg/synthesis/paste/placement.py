"""Where the objects go: scattered, one against another, or at real distances to each other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.synthesis.paste.sprites import Sprite

MAX_TRIES = 12
"""Places that are tried for an object before it is given up."""

MIN_VISIBLE_PX = 4
"""Fewer visible pixels than this are no object."""

USUAL_BORDER = 0.35
"""How far outside the border a center may lie, in halves of its object, if nothing tells."""


class Place(NamedTuple):
    """A place on a scene.

    Attributes
    ----------
    corner
        Where the sprite's first pixel lies.
    outer
        Slices of the scene.
    inner
        Slices of the sprite; None: all of it is inside.
    mask, area
        The sprite's mask as far as it is inside, and its number of pixels.
    clear
        Nothing lies in the sprite's window yet.
    covers
        The object covers part of another.
    """

    corner: list[int]
    outer: tuple[slice, ...]
    inner: tuple[slice, ...] | None
    mask: NDArray[np.bool_]
    area: int
    clear: bool
    covers: bool


@dataclass(frozen=True, eq=False)
class PlacementRules:
    """How objects are put.

    Attributes
    ----------
    overlap
        Largest part of an object that others may cover, as a share of its area.
    clustering
        Share of objects that are put against another one.
    border
        How far outside the border a center may lie, in halves of the object's extent.
    distances
        Distances to the nearest neighbor to draw from, pixels; None: they do not matter.
    """

    overlap: float = 0.05
    clustering: float = 0.0
    border: float = USUAL_BORDER
    distances: FloatImage | None = None


@dataclass(eq=False)
class Scene:
    """A dual image's labels while objects are being put down.

    `centers`, `reaches` (half the mean edge of the sprite) and `wanted` (distance to the nearest
    neighbor; 0: any) are of the objects so far, `alone` the place among them of one that
    still lacks its neighbor; `wholes` and `areas` are each id's pixels when it and what lies in it
    were put down, and those still to be seen (0 for the background). `inner` maps the ids of
    objects that lie in others, and came along with them, to their classes. `drawn` and `unplaced`
    count the objects that were to be put down, and those that found no place, class by class.
    """

    ids: NDArray[np.int32]
    centers: list[list[float]] = field(default_factory=list)
    reaches: list[float] = field(default_factory=list)
    wanted: list[float] = field(default_factory=list)
    alone: int | None = None
    wholes: list[int] = field(default_factory=lambda: [0])
    areas: list[int] = field(default_factory=lambda: [0])
    inner: dict[int, int] = field(default_factory=dict)
    drawn: Counter[int] = field(default_factory=Counter)
    unplaced: Counter[int] = field(default_factory=Counter)

    def window(
        self, corner: Sequence[int], shape: tuple[int, ...]
    ) -> tuple[tuple[slice, ...], tuple[slice, ...] | None] | None:
        """Return where a sprite at `corner` shows; see `Place`. None: nowhere."""
        outer, inner, whole = [], [], True
        for c, n, limit in zip(corner, shape, self.ids.shape, strict=True):
            start, stop = c, c + n
            if start < 0 or stop > limit:
                whole, start, stop = False, max(start, 0), min(stop, limit)
                if start >= stop:
                    return None
            outer.append(slice(start, stop))
            inner.append(slice(start - c, stop - c))
        return tuple(outer), None if whole else tuple(inner)

    def fit(self, corner: list[int], sprite: Sprite, overlap: float) -> Place | None:
        """Return the place at `corner` if an object may lie there: visible, hardly covering."""
        cut = self.window(corner, sprite.mask.shape)
        if cut is None:
            return None
        outer, inner = cut
        labels = self.ids[outer]
        mask, area = sprite.mask, sprite.area
        if inner is not None:
            mask = mask[inner]
            area = int(np.count_nonzero(mask))
        if area < MIN_VISIBLE_PX:
            return None
        if not np.count_nonzero(labels):
            return Place(corner, outer, inner, mask, area, clear=True, covers=False)
        below = labels[mask]
        covering = int(np.count_nonzero(below))
        if covering and (covering > overlap * area or not self._may_cover(below, overlap)):
            return None
        return Place(corner, outer, inner, mask, area, clear=False, covers=covering > 0)

    def _may_cover(self, below: NDArray[np.int32], overlap: float) -> bool:
        """Tell whether every object still shows enough if the pixels `below` are covered."""
        covered = np.bincount(below)
        return all(
            covered[i] + self.wholes[i] - self.areas[i] <= overlap * self.wholes[i]
            for i in np.flatnonzero(covered).tolist()
            if i
        )

    def put(self, place: Place, sprite: Sprite, wanted: float = 0.0) -> int:
        """Put an object down and return its id."""
        labels, number = self.ids[place.outer], len(self.areas)
        if place.covers:
            covered = np.bincount(labels[place.mask])
            for i in np.flatnonzero(covered).tolist():
                if i:
                    self.areas[i] -= int(covered[i])
        labels[place.mask] = number
        self.areas.append(place.area)
        self.wholes.append(place.area)
        for cls, mask in sprite.inner:
            own = (mask if place.inner is None else mask[place.inner]) & (labels >= number)
            if area := int(np.count_nonzero(own)):
                below = np.bincount(labels[own])
                for i in np.flatnonzero(below).tolist():
                    self.areas[i] -= int(below[i])
                    self.wholes[i] -= int(below[i])
                self.inner[len(self.areas)] = cls
                labels[own] = len(self.areas)
                self.areas.append(area)
                self.wholes.append(area)
        shape = sprite.mask.shape
        self.centers.append([c + n / 2 for c, n in zip(place.corner, shape, strict=True)])
        self.reaches.append((shape[-1] + shape[-2]) / 4)
        self.wanted.append(wanted)
        if wanted:
            self.alone = len(self.centers) - 1 if self.alone is None else None
        return number


def find_place(
    rng: np.random.Generator, scene: Scene, sprite: Sprite, how: PlacementRules
) -> tuple[Place, float] | None:
    """Return a place for an object and the neighbor distance it stands for (0: any), or None."""
    if how.distances is not None:
        return _at_distance(rng, scene, sprite, how, how.distances)
    if scene.centers and how.clustering and rng.random() < how.clustering:
        for _ in range(MAX_TRIES):
            place = _against(rng, scene, sprite, how.overlap)
            if place is not None:
                return place, 0.0
        return None
    shape = sprite.mask.shape
    for center in _scattered(rng, scene, sprite, how.border, MAX_TRIES):
        place = scene.fit(_corner(center, shape), sprite, how.overlap)
        if place is not None:
            return place, 0.0
    return None


def _scattered(
    rng: np.random.Generator, scene: Scene, sprite: Sprite, border: float, tries: int
) -> Iterator[list[float]]:
    """Draw centers anywhere, as far outside the border as is allowed."""
    margins = [border * half for half in sprite.half]
    spans = [(n + 2 * m, m) for n, m in zip(scene.ids.shape, margins, strict=True)]
    draw = rng.random
    for _ in range(tries):
        # one number at a time: mostly the first center will do
        yield [draw() * max(extent, 0.0) - margin for extent, margin in spans]


def _corner(center: Sequence[float], shape: tuple[int, ...]) -> list[int]:
    return [math.floor(c - n / 2) for c, n in zip(center, shape, strict=True)]


def _against(
    rng: np.random.Generator, scene: Scene, sprite: Sprite, overlap: float
) -> Place | None:
    """Move away from a present object, in a random direction, to the first place that fits.

    Big steps find about where it fits, small ones go back to the edge of the other object.
    """
    anchor = int(rng.integers(len(scene.centers)))
    direction = rng.standard_normal(sprite.mask.ndim)
    direction /= np.linalg.norm(direction) + 1e-9
    shape = sprite.mask.shape
    if len(shape) == 3:  # in pixels, flat objects have their neighbors above and below closer by
        direction[0] *= sprite.half[0] / np.mean(sprite.half[1:])
    reach = scene.reaches[anchor] + (shape[-1] + shape[-2]) / 4
    start, way = scene.centers[anchor], direction.tolist()

    def at(distance: float) -> Place | None:
        center = [s + distance * d for s, d in zip(start, way, strict=True)]
        if any(not 0 <= c < n for c, n in zip(center, scene.ids.shape, strict=True)):
            return None
        return scene.fit(_corner(center, shape), sprite, overlap)

    step = max(1.0, 0.16 * reach)
    distance, found = 0.4 * reach, None
    while distance < 1.5 * reach:
        found = at(distance)
        if found is not None:
            break
        distance += step
    low, high = distance - step, distance
    while found is not None and high - low > max(1.0, 0.04 * reach):
        middle = (low + high) / 2
        nearer = at(middle)
        found, low, high = (found, middle, high) if nearer is None else (nearer, low, middle)
    return found


def _at_distance(
    rng: np.random.Generator,
    scene: Scene,
    sprite: Sprite,
    how: PlacementRules,
    distances: FloatImage,
) -> tuple[Place, float] | None:
    """Put an object so that distances to the nearest neighbor follow the given ones.

    Objects come in twos: the first is put where it and all others keep the distances they stand
    for, the second at the first one's distance. So each distance drawn is one that is seen.
    """
    if scene.alone is not None:
        first, scene.alone = scene.alone, None
        mine = scene.wanted[first]
        ways = rng.standard_normal((2 * MAX_TRIES, sprite.mask.ndim))
        ways *= mine / np.linalg.norm(ways, axis=1, keepdims=True)
        tried = ways + scene.centers[first]
        tried = tried[((tried >= 0) & (tried < scene.ids.shape)).all(axis=1)]
        place, keeps = _first_that_keeps(scene, sprite, how.overlap, tried, mine, first)
        if place is not None and keeps:
            scene.alone = first
            return place, mine
    mine = float(rng.choice(distances))
    tried = np.array(list(_scattered(rng, scene, sprite, how.border, 3 * MAX_TRIES)))
    place, _ = _first_that_keeps(scene, sprite, how.overlap, tried, mine, None)
    return None if place is None else (place, mine)


def _first_that_keeps(
    scene: Scene,
    sprite: Sprite,
    overlap: float,
    tried: NDArray[np.float64],
    distance: float,
    exempt: int | None,
) -> tuple[Place | None, bool]:
    """Return the first place that no other object's distance forbids, and True.

    Where there is none, the first at which the object fits at all, and False. `exempt` is the
    object that may be as near as `distance`.
    """
    centers = np.array(scene.centers).reshape(-1, sprite.mask.ndim)
    limits = np.maximum(scene.wanted, distance)
    fallback = None
    for center in tried:
        away = np.linalg.norm(centers - center, axis=1)
        if exempt is not None:
            away[exempt] = np.inf
        keeps = bool((away >= limits).all())
        if not keeps and fallback is not None:
            continue
        corner = _corner(center.tolist(), sprite.mask.shape)
        place = scene.fit(corner, sprite, overlap)
        if place is not None and keeps:
            return place, True
        fallback = fallback or place
    return fallback, False
