"""The clicks of a unit: made from the true masks, and only as many as the arm has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_synthseg.core.labels import BoxLabels, InstanceLabels
from napari_synthseg.patches.simulated_clicks import SimulatedClick, click_boxes, click_masks


@dataclass(frozen=True)
class ClickedMasks:
    """The clicks on one image; `exhaustive`: every object that can be seen has one."""

    clicks: tuple[SimulatedClick, ...]
    exhaustive: bool


def make_clicks(
    masks: Sequence[InstanceLabels | BoxLabels],
    *,
    jitter: float,
    each: int | Literal["all"],
    in_all: int | None,
    seeds: tuple[int, int],
) -> list[ClickedMasks]:
    """Click the objects of some images.

    Fewer clicks are always among those of more, and more images leave the clicks on the first
    ones as they were.

    Parameters
    ----------
    masks
        True masks, or boxes, of each image.
    jitter
        Scatter, in diameters.
    each, in_all
        Most clicks on each image, or on all together: these are dealt to the images in turn, as
        long as an image has objects left.
    seeds
        Seeds of scatter and choice.
    """
    shuffled = []
    for number, labels in enumerate(masks):
        scatter, choice = np.random.SeedSequence((*seeds, number)).generate_state(2)
        made = (
            click_boxes(labels.boxes, labels.shape, jitter=jitter, seed=int(scatter))
            if isinstance(labels, BoxLabels)
            else click_masks(labels, jitter=jitter, seed=int(scatter))
        )
        order = np.random.default_rng(int(choice)).permutation(len(made))
        shuffled.append([made[i] for i in order])
    counts = [len(made) if each == "all" else min(each, len(made)) for made in shuffled]
    if in_all is not None:
        counts = _deal(in_all, counts)
    return [
        ClickedMasks(tuple(made[:count]), count == len(made))
        for made, count in zip(shuffled, counts, strict=True)
    ]


def _deal(total: int, most: Sequence[int]) -> list[int]:
    """Deal `total` things out one by one, to those that have not `most` of them yet."""
    counts = [0] * len(most)
    while total and (open_ := [i for i, n in enumerate(most) if counts[i] < n]):
        for i in open_[:total]:
            counts[i] += 1
        total -= len(open_[:total])
    return counts
