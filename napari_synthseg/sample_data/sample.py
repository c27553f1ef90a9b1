"""What a sample is: a word on where it comes from, and its content once it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import Region
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.metrics.localization import Centers
from napari_synthseg.patches.simulated_clicks import SimulatedClick


@dataclass(frozen=True, eq=False)
class SampleContent:
    """An image with clicks on one part and truth for another.

    Attributes
    ----------
    image
        Pixels as stored, uint8 or uint16, shape (y, x) or (y, x, 3).
    axes
        "yx" or "yxc".
    classes
        What is clicked.
    clicks
        Clicks inside `train`.
    train, test
        Region that is clicked, and region that is held out for scoring; disjoint.
    truth
        What the held-out region really shows: masks, shape (y, x) of the region, or, where masks
        are not known, centers in full-image pixels.
    exhaustive
        Every object inside `train` is clicked.
    """

    image: NDArray[np.integer]
    axes: str
    classes: tuple[ObjectClass, ...]
    clicks: tuple[SimulatedClick, ...]
    train: Region
    test: Region
    truth: InstanceLabels | Centers
    exhaustive: bool = True

    def with_clicks(self, count: int) -> SampleContent:
        """Keep `count` clicks, drawn at random but the same ones each time.

        Classes take turns, so that each gets its share; the clicks of a smaller number are among
        those of a larger one. Where fewer clicks are left, the part is not exhaustive any more.
        """
        if count < 1:
            raise InputError(f"{count} clicks are too few: keep at least 1.")
        if count >= len(self.clicks):
            return self
        turns: dict[int, int] = {}
        order: list[tuple[int, int, SimulatedClick]] = []
        for index in np.random.default_rng(0).permutation(len(self.clicks)):
            click = self.clicks[index]
            turns[click.cls] = turns.get(click.cls, 0) + 1
            order.append((turns[click.cls], click.cls, click))
        order.sort(key=lambda item: item[:2])
        return replace(self, clicks=tuple(c for _, _, c in order[:count]), exhaustive=False)


@dataclass(frozen=True)
class Sample:
    """A sample that can be read.

    Attributes
    ----------
    name
        What the command line and the layers' metadata call it.
    title
        What people read.
    note
        What it is, where it comes from and under which license.
    simulated
        Whether the image was computed rather than taken.
    read
        Reads or computes the content.
    """

    name: str
    title: str
    note: str
    simulated: bool
    read: Callable[[], SampleContent]
