"""A drawn scene: maps of what lies in it, and the exact outline of every object."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pretraining.looks import Look, render
from pretraining.shapes import Shape

Array = NDArray[np.float32]

GROUND, OBJECTS, INNER, DEBRIS = range(4)
"""Maps of a scene; in color each has a color of its own."""

LAYERS = 4


@dataclass
class DrawnObject:
    """One object: its class and the pixels that it shows."""

    cls: int
    row: int
    column: int
    mask: NDArray[np.bool_]
    """Where it is, on a grid whose first pixel lies at (row, column)."""

    def visible_area(self) -> int:
        return int(np.count_nonzero(self.mask))


@dataclass
class Scene:
    """Maps of contrast, and objects in the order in which they were painted."""

    shape: tuple[int, int]
    layers: Array = field(init=False)
    objects: list[DrawnObject] = field(default_factory=list)
    covered: NDArray[np.bool_] = field(init=False)
    """Where any object or distractor is."""

    def __post_init__(self) -> None:
        self.layers = np.zeros((LAYERS, *self.shape), np.float32)
        self.covered = np.zeros(self.shape, bool)

    def paint(
        self,
        shape: Shape,
        place: tuple[int, int],
        look: Look,
        diameter: float,
        rng: np.random.Generator,
        *,
        cls: int | None,
        layer: int = OBJECTS,
        inside: DrawnObject | None = None,
    ) -> DrawnObject | None:
        """Paint one object whose grid's middle lies at `place`; a class of None is not recorded.

        An opaque object hides what lies under it; `inside` names the one that it is a part of.
        Returns the object, or None where nothing of it shows.
        """
        reach_y, reach_x = shape.depth.shape[0] // 2, shape.depth.shape[1] // 2
        row, column = place[0] - reach_y, place[1] - reach_x
        top, left = max(-row, 0), max(-column, 0)
        bottom = min(shape.depth.shape[0], self.shape[0] - row)
        right = min(shape.depth.shape[1], self.shape[1] - column)
        if top >= bottom or left >= right:
            return None
        cut = (slice(top, bottom), slice(left, right))
        where = (slice(row + top, row + bottom), slice(column + left, column + right))
        depth = shape.depth[cut]
        mask = depth > 0
        if not mask.any():
            return None
        value = render(shape, look, diameter, rng)[cut]
        cover = np.clip(depth / np.float32(max(look.edge_px, 0.3)) + 0.5, 0, 1)
        if look.opaque:
            self.layers[(slice(OBJECTS, None), *where)] *= 1 - cover
            self._hide(mask, row + top, column + left, inside)
        self.layers[(layer, *where)] += cover * value
        if look.halo:
            width = np.float32(max(look.halo_width * diameter, 1.0))
            outside = np.exp(np.minimum(depth, 0) / width) * (1 - cover)
            self.layers[(layer, *where)] += np.float32(look.halo) * outside
        self.covered[where] |= mask
        made = DrawnObject(-1 if cls is None else cls, row + top, column + left, mask.copy())
        if cls is not None:
            self.objects.append(made)
        return made

    def _hide(
        self, mask: NDArray[np.bool_], row: int, column: int, keep: DrawnObject | None
    ) -> None:
        """Take away from the objects below what an opaque one hides."""
        bottom, right = row + mask.shape[0], column + mask.shape[1]
        for other in self.objects:
            if other is keep:
                continue
            low = max(row, other.row), max(column, other.column)
            high = (
                min(bottom, other.row + other.mask.shape[0]),
                min(right, other.column + other.mask.shape[1]),
            )
            if low[0] >= high[0] or low[1] >= high[1]:
                continue
            theirs = other.mask[
                low[0] - other.row : high[0] - other.row,
                low[1] - other.column : high[1] - other.column,
            ]
            theirs &= ~mask[low[0] - row : high[0] - row, low[1] - column : high[1] - column]
