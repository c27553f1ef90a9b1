"""Boxes of objects, each with its class: what annotators draw where they draw no masks.

The convention, here and wherever a box is spoken of: ``(ymin, xmin, ymax, xmax)``, floats, in
pixels of the whole image, half-open like a slice. The box of the first pixel is ``(0, 0, 1, 1)``,
that of a whole image ``(0, 0, height, width)``, and a box's height is ``ymax - ymin``. Positions
have pixel *centers* at whole numbers, so that the center of ``(0, 0, 1, 1)`` is at ``(0, 0)``.
What other conventions a file format has is settled where the file is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import Labels

Corners = tuple[float, float, float, float]
"""One box: ymin, xmin, ymax, xmax."""


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes of one image.

    Attributes
    ----------
    corners
        Shape (box, 4), float64, pixels of the whole image, order (ymin, xmin, ymax, xmax),
        half-open; every box has an area.
    classes
        Class value (>= 1) of each box, shape (box,), int64.
    """

    corners: NDArray[np.float64]
    classes: NDArray[np.int64]

    @classmethod
    def of(cls, corners: ArrayLike, classes: ArrayLike) -> Boxes:
        """Make boxes from anything array-like, of shapes (box, 4) and (box,).

        Raises
        ------
        InputError
            If the shapes do not fit, a number is not finite, or a box has no area.
        """
        array = np.array(corners, np.float64)
        array = array.reshape(0, 4) if array.size == 0 else array
        values = np.array(classes, np.int64).reshape(-1)
        if array.ndim != 2 or array.shape[1] != 4 or len(values) != len(array):
            raise InputError(
                f"Boxes have the shape (box, 4) and a class each, not {array.shape} and "
                f"{len(values)} classes."
            )
        if not np.isfinite(array).all():
            raise InputError("The corners of boxes must be finite numbers.")
        if (array[:, 2:] <= array[:, :2]).any():
            raise InputError("A box has no area: the order is ymin, xmin, ymax, xmax.")
        return cls(array, values)

    @classmethod
    def around(cls, labels: Labels, origin: Sequence[int] = (0, 0)) -> Boxes:
        """Return the bounding boxes of the instances of flat labels, by rising id.

        `origin` is the position of the labels' first pixel in the whole image.
        """
        found = labels.boxes()
        (top, left), numbers = origin, sorted(found)
        spans = [(found[n][0], found[n][1]) for n in numbers]
        return cls.of(
            [(y.start + top, x.start + left, y.stop + top, x.stop + left) for y, x in spans],
            [labels.classes[n] for n in numbers],
        )

    def __len__(self) -> int:
        """Return the number of boxes."""
        return len(self.corners)

    def of_class(self, value: int) -> Boxes:
        """Return the boxes of one class, in their order."""
        chosen = self.classes == value
        return Boxes(self.corners[chosen], self.classes[chosen])

    def centers(self) -> NDArray[np.float64]:
        """Return the positions (y, x) of the centers, pixel centers at whole numbers, (box, 2)."""
        return (self.corners[:, :2] + self.corners[:, 2:]) / 2 - 0.5

    def sizes(self) -> NDArray[np.float64]:
        """Return height and width of each box in pixels, shape (box, 2)."""
        return self.corners[:, 2:] - self.corners[:, :2]


def center_of(corners: Corners) -> tuple[float, float]:
    """Return the position (y, x) of one box's center, pixel centers at whole numbers."""
    ymin, xmin, ymax, xmax = corners
    return (ymin + ymax) / 2 - 0.5, (xmin + xmax) / 2 - 0.5
