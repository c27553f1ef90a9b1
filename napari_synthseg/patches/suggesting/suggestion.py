"""Objects that are proposed to the user, who accepts or rejects them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.geometry import Region
from napari_synthseg.core.patch import Outline
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


def inner_point(outline: Outline) -> tuple[float, ...]:
    """Return the innermost pixel of an outline, ([z,] y, x) of the image."""
    from scipy import ndimage  # here: the panel shall open without

    depth = ndimage.distance_transform_edt(np.pad(outline.mask, 1))
    at = np.unravel_index(int(depth.argmax()), depth.shape)
    return tuple(float(a - 1 + o) for a, o in zip(at, outline.origin, strict=True))


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
    near = Neighbors(every)
    kept: list[int] = []
    chosen = set(range(len(fixed)))
    for n in np.argsort(-np.array(confidences), kind="stable").tolist():
        place = n + len(fixed)
        meets = [m for m in near.meeting(every[place]) if m in chosen and m != place]
        if all(
            shared(every[place], every[m]) <= MOST_OVERLAP
            for m in meets
            if m < len(fixed) or rivals(n, m - len(fixed))
        ):
            kept.append(n)
            chosen.add(place)
    return kept


class Neighbors:
    """Finds outlines near others among very many."""

    def __init__(self, outlines: Sequence[Outline]) -> None:
        from scipy.spatial import cKDTree  # here: the panel shall open without

        windows = np.array([o.window for o in outlines], float)
        self._low = windows[..., 0] if len(outlines) else np.zeros((0, 2))
        self._high = windows[..., 1] if len(outlines) else np.zeros((0, 2))
        halves = (self._high - self._low).max(axis=1, initial=0) / 2
        self._reach = float(halves.max(initial=0))
        self._tree = cKDTree((self._low + self._high) / 2) if len(outlines) else None

    def meeting(self, outline: Outline) -> list[int]:
        """Return the numbers of the outlines whose boxes meet that of an outline."""
        low, high = np.array(outline.window, float).T
        return self._within(low, high, (high - low).max() / 2)

    def around(self, position: Sequence[float]) -> list[int]:
        """Return the numbers of the outlines whose boxes hold a position."""
        at: NDArray[np.float64] = np.array(position, float)
        return self._within(at, at + 1, 1.0)

    def _within(
        self, low: NDArray[np.float64], high: NDArray[np.float64], half: float
    ) -> list[int]:
        if self._tree is None:
            return []
        near = np.array(self._tree.query_ball_point((low + high) / 2, half + self._reach, p=np.inf))
        if not len(near):
            return []
        near = near.astype(int)
        meets = ((self._low[near] < high) & (self._high[near] > low)).all(axis=1)
        return sorted(near[meets].tolist())
