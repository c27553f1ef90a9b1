"""How many objects of each class a dual image shows: as many as a real one of its size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.patch import PatchLibrary


@dataclass(frozen=True, eq=False)
class ImageDensity:
    """The objects of one clicked image.

    `positions` (n, ndim) are relative to the image part's first pixel, `classes` (n,) their class
    values. `unclicked` is how many more objects there are per clicked one; where it is
    not 0 the clicks are a sample that says nothing of where objects crowd.
    """

    positions: NDArray[np.float64]
    classes: NDArray[np.int64]
    shape: tuple[int, ...]
    exhaustive: bool
    unclicked: float


@dataclass(frozen=True, eq=False)
class Density:
    """Counts to draw from."""

    images: tuple[ImageDensity, ...]

    @classmethod
    def measure(cls, library: PatchLibrary) -> Density:
        """Take the clicks of every image (of rejected patches, too: those objects are there)."""
        images = []
        for statistics, background in zip(library.statistics, library.backgrounds, strict=True):
            mine = [p for p in library.patches if p.image == statistics.image]
            positions = [np.add(p.origin, p.center) - background.origin for p in mine]
            clicked = max(sum(statistics.counts.values()), 1)
            images.append(
                ImageDensity(
                    np.array(positions, float).reshape(len(mine), background.valid.ndim),
                    np.array([p.cls for p in mine], np.int64),
                    background.valid.shape,
                    statistics.exhaustive,
                    statistics.unclicked / clicked,
                )
            )
        return cls(tuple(images))

    def draw(
        self,
        rng: np.random.Generator,
        number: int,
        shape: Sequence[int],
        factor: float,
        spread: float,
    ) -> Mapping[int, int]:
        """Draw class value -> number of objects for a dual image of `shape`, as on an image.

        An exhaustively clicked image gives the objects inside a window of that shape put
        somewhere on it, so that empty and crowded places both occur.
        """
        image = self.images[number]
        factor *= 1 + spread * float(rng.uniform(-1, 1))
        classes, share = image.classes, 1.0
        inside = np.ones(len(classes), bool)
        for axis, (wanted, there) in enumerate(zip(shape, image.shape, strict=True)):
            if wanted < there and image.exhaustive:
                start = rng.uniform(0, there - wanted)
                along = image.positions[:, axis]
                inside &= (along >= start) & (along < start + wanted)
            else:
                share *= wanted / there
        factor *= share * (1 + image.unclicked)
        counts = {}
        for value in np.unique(classes):
            expected = factor * np.count_nonzero(inside & (classes == value))
            counts[int(value)] = int(expected + rng.uniform())
        if not any(counts.values()):
            counts[int(rng.choice(classes))] = 1
        return counts
