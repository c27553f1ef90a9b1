"""Outlines at the pixels of an image, and what several of them cover divided among these."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_synthseg.core.patch import Outline
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.networks.click_weights import expected_iou

SIMILAR_RATIO = 1.5
"""Classes whose sizes differ by less are taken for neighbors, not for parts of each other."""


@dataclass(frozen=True, eq=False)
class NetworkOutline(Outline):
    """The object under one click of a flat image, by the network.

    `sureness` is the sum of p over the mask, divided by its area plus the sum of p outside; the
    confidence follows from it.
    """

    sureness: float = 0.0

    @property
    def diameter(self) -> float:
        """Diameter of the disk of equal area, in pixels."""
        return float(2 * np.sqrt(self.area / np.pi))


@dataclass
class PlacedOutline:
    """The logits of one outline at the pixels of the image, within its bounding box.

    The first pixel lies at `row` and `column` of the image; `mask` is where the logits are above 0.
    """

    row: int
    column: int
    logits: FloatImage
    mask: NDArray[np.bool_]
    sureness: float


def divide(
    placed: Sequence[PlacedOutline],
    classes: NDArray[np.int64],
    diameters: Mapping[int, float],
    unsure: NDArray[np.bool_] | None = None,
) -> Generator[NetworkOutline, None, None]:
    """Give every pixel that outlines of rivals share to the one of the highest logit.

    Outlines that meet none of those given come out as they are, so that after one more click only
    what it meets, and what meets that, needs to be divided again. Those that are `unsure` take no
    pixel from others. `diameters` are those that the user gave the classes.
    """
    unsure = np.zeros(len(placed), bool) if unsure is None else unsure
    beside = {value: rivals(value, diameters) for value in diameters}
    for n, (own, near) in enumerate(zip(placed, _meeting(placed), strict=True)):
        mask = own.mask.copy()
        for other in sorted(near):
            if int(classes[other]) in beside[int(classes[n])] and not unsure[other]:
                _give_up(mask, own, placed[other], first=n < other)
        confidence = expected_iou(own.sureness)
        yield NetworkOutline(mask, (own.row, own.column), confidence, own.sureness)


def _meeting(placed: Sequence[PlacedOutline]) -> list[set[int]]:
    """Return for each outline the numbers of those whose boxes may meet its own."""
    extents = np.array([p.mask.shape for p in placed], float).reshape(-1, 2)
    middles = np.array([(p.row, p.column) for p in placed], float).reshape(-1, 2) + extents / 2
    halves = extents.max(axis=1, initial=0) / 2
    tree, meeting = cKDTree(middles), [set[int]() for _ in placed]
    for n, (middle, half) in enumerate(zip(middles, halves, strict=True)):
        # the larger of two looks for the smaller, so that one large object costs no other anything
        for other in tree.query_ball_point(middle, 2 * half, p=np.inf):
            if other != n and halves[other] <= half:
                meeting[n].add(other)
                meeting[other].add(n)
    return meeting


def rivals(value: int, diameters: Mapping[int, float]) -> set[int]:
    """Return the classes whose objects lie beside those of a class, itself among them."""
    own = diameters[value]
    ratios = {v: max(d / own, own / d) for v, d in diameters.items()}
    return {v for v, ratio in ratios.items() if ratio < SIMILAR_RATIO}


def _give_up(
    mask: NDArray[np.bool_], own: PlacedOutline, other: PlacedOutline, *, first: bool
) -> None:
    """Take from a mask what another outline is surer of; of equals the first keeps it."""
    low = max(own.row, other.row), max(own.column, other.column)
    high = (
        min(own.row + own.mask.shape[0], other.row + other.mask.shape[0]),
        min(own.column + own.mask.shape[1], other.column + other.mask.shape[1]),
    )
    if low[0] >= high[0] or low[1] >= high[1]:
        return
    mine = _slices(low, high, own)
    theirs = _slices(low, high, other)
    ahead = np.greater if first else np.greater_equal
    mask[mine] &= ~(other.mask[theirs] & ahead(other.logits[theirs], own.logits[mine]))


def _slices(
    low: tuple[int, int], high: tuple[int, int], placed: PlacedOutline
) -> tuple[slice, slice]:
    return (
        slice(low[0] - placed.row, high[0] - placed.row),
        slice(low[1] - placed.column, high[1] - placed.column),
    )
