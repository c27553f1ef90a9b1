"""Objects that are proposed to the user, who accepts or rejects them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_synthseg.core.geometry import Region
from napari_synthseg.core.patch import Outline
from napari_synthseg.patches.neighbors import Neighbors
from napari_synthseg.patches.window import cut_mask

Origin = Literal["clicks", "model"]

SLIVER_SHARE = 0.25
"""Of an object at the image's edge at least this share of the usual diameter must be seen, from the
edge inwards. Of 27 that showed less, on the tuning half of three data sets, 18 were outlined right.
They teach least, and as the unsure ones they would come first."""

MOST_OVERLAP = 0.3
"""Of two outlines the less sure is dropped where they share more of the smaller one."""


@dataclass(frozen=True, eq=False)
class Suggestion:
    """An object that nobody clicked.

    Attributes
    ----------
    id
        Of the click, or negative click, that the answer makes of it.
    image
        Id of the image.
    cls
        Class value.
    position
        Where that click goes: inside the outline, ([z,] y, x).
    outline
        The object's pixels; those of a box where only that is known.
    confidence
        The probability that it is an object of the class, 0..1.
    origin
        What it was found by: the clicks, or a model.
    is_box
        Whether the outline is that of a box around the object.
    """

    id: str
    image: str
    cls: int
    position: tuple[float, ...]
    outline: Outline
    confidence: float
    origin: Origin = "clicks"
    is_box: bool = False

    @property
    def radius(self) -> float:
        """Radius of the disk (ball) of equal size, pixels."""
        size, ndim = self.outline.area, self.outline.mask.ndim
        return float((size / np.pi) ** 0.5 if ndim == 2 else np.cbrt(size * 3 / 4 / np.pi))


def holds(outline: Outline, position: Sequence[float]) -> bool:
    """Tell whether a position lies on a pixel of an outline."""
    at = tuple(round(float(p)) - o for p, o in zip(position, outline.origin, strict=True))
    inside = all(0 <= a < n for a, n in zip(at, outline.mask.shape, strict=True))
    return inside and bool(outline.mask[at])


def is_sliver(outline: Outline, region: Region, diameter: float, spacing: Sequence[float]) -> bool:
    """Tell whether an image shows next to nothing of an object, as its edge cuts it.

    Parameters
    ----------
    outline
        Of the object.
    region
        What the image shows, ([z,] y, x).
    diameter
        The usual one, pixels along the finest axis.
    spacing
        Distance of pixels along each axis, in units of the shortest.
    """
    flat = slice(-2, None)
    sides = zip(outline.window[flat], region[flat], spacing[flat], strict=True)
    return any(
        (a <= low or b >= high) and (b - a) * step < SLIVER_SHARE * diameter
        for (a, b), (low, high), step in sides
    )


def shared(one: Outline, other: Outline) -> float:
    """Return the common part of two outlines, as a share of the smaller one."""
    return _common(one, other) / max(min(one.area, other.area), 1)


def overlap(one: Outline, other: Outline) -> float:
    """Return the common part of two outlines, as a share of both together (IoU)."""
    common = _common(one, other)
    return common / max(one.area + other.area - common, 1)


def _common(one: Outline, other: Outline) -> int:
    boxes = zip(one.window, other.window, strict=True)
    if any(a >= d or c >= b for (a, b), (c, d) in boxes):
        return 0
    return int(np.count_nonzero(one.mask & cut_mask(other.mask, other.origin, one.window)))


def choose_apart(
    outlines: Sequence[Outline],
    confidences: Sequence[float],
    taken: Iterable[Outline] = (),
    rivals: Callable[[int, int], bool] = lambda one, other: True,
) -> list[int]:
    """Return the numbers of the outlines that overlap no surer one and none that is `taken`.

    `rivals` tells of two outlines whether they must not overlap.
    """
    fixed = list(taken)
    every = [*fixed, *outlines]
    near = Neighbors([outline.window for outline in every])
    kept: list[int] = []
    chosen = set(range(len(fixed)))
    for n in np.argsort(-np.array(confidences), kind="stable").tolist():
        place = n + len(fixed)
        meets = [m for m in near.meeting(every[place].window) if m in chosen and m != place]
        if all(
            shared(every[place], every[m]) <= MOST_OVERLAP
            for m in meets
            if m < len(fixed) or rivals(n, m - len(fixed))
        ):
            kept.append(n)
            chosen.add(place)
    return kept
