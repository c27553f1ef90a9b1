"""Long objects: an outline is followed from its ends, window after window.

A window shows a long object only in part, and a window that shows it whole shows it thin. So the
network is asked again with a click near either end of what it found, at the same scale, and what it
finds ahead is added, until nothing comes any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.pixels import FloatImage

MIN_ELONGATION = 2.5
"""Length over width from which an outline is followed."""

MOST_WINDOWS = 12
"""Windows that an outline is followed for from either end."""

MIN_COVER = 0.6
"""Share of the known outline near a new click that the new outline must hold, to go on with it."""

MIN_GAIN_WIDTHS = 1.0
"""Where less than so many widths comes new, an object ends."""

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Answer:
    """What the network finds around a lattice point.

    `logits` and `mask` (y, x) begin at the lattice point `corner`.
    """

    corner: tuple[int, int]
    logits: FloatImage
    mask: NDArray[np.bool_]
    sureness: float

    def points(self) -> Array:
        """Return the lattice points of the mask, (n, (y, x))."""
        return np.asarray(np.argwhere(self.mask) + np.array(self.corner, float))


Ask = Callable[[tuple[int, int]], Answer]
"""Asks the network for the object at a lattice point."""


def elongation(mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Return length over width of a mask, and its width in pixels."""
    points = np.argwhere(mask)
    if len(points) < 3:
        return 1.0, 1.0
    least, most = np.sqrt(np.maximum(np.linalg.eigvalsh(np.cov(points.T)), 1 / 12))
    length = most * np.sqrt(12)
    width = max(len(points) / length, 1.0)
    return float(max(length / width, most / least)), float(width)


def follow(start: Answer, ask: Ask) -> Answer:
    """Return an outline continued from both of its ends, as far as the network follows it."""
    _, width = elongation(start.mask)
    points = start.points()
    middle = points.mean(axis=0)
    first = points[_away(points, middle).argmax()]
    second = points[_away(points, first).argmax()]
    parts, whole = [start], points
    for end in (first, second):
        for _ in range(MOST_WINDOWS):
            near = whole[_away(whole, end) < 3 * width]
            click = _inner_point(near, end, width)
            answer = ask((round(float(click[0])), round(float(click[1]))))
            gain = _gain(answer, whole, near, end, width)
            if gain is None:
                break
            parts.append(gain)
            new = gain.points()
            whole = np.unique(np.concatenate([whole, new]), axis=0)
            if _away(new, end).max() < MIN_GAIN_WIDTHS * width:
                break
            end = new[_away(new, click).argmax()]
    return _join(parts)


def _away(points: Array, place: Array) -> Array:
    return np.asarray(np.hypot(points[:, 0] - place[0], points[:, 1] - place[1]))


def _inner_point(near: Array, end: Array, width: float) -> Array:
    """Return the point of an outline that lies about a width inside one of its ends."""
    close = near[_away(near, end) < 2 * width]
    return np.asarray(close[_away(close, close.mean(axis=0)).argmin()])


def _gain(answer: Answer, whole: Array, near: Array, end: Array, width: float) -> Answer | None:
    """Return what of an answer goes on ahead of an end; None if it is another object's."""
    ahead = end - near.mean(axis=0)
    ahead /= max(float(np.hypot(*ahead)), 1e-9)
    known = np.zeros_like(answer.mask)
    inside = _inside(near, answer)
    if not len(inside):
        return None
    known[tuple(inside.T)] = True
    if np.count_nonzero(answer.mask & known) < MIN_COVER * np.count_nonzero(known):
        return None
    old = _inside(whole, answer)
    new = answer.mask.copy()
    new[tuple(old.T)] = False
    y, x = np.indices(new.shape)
    along = (y + answer.corner[0] - end[0]) * ahead[0] + (x + answer.corner[1] - end[1]) * ahead[1]
    across = (x + answer.corner[1] - end[1]) * ahead[0] - (y + answer.corner[0] - end[0]) * ahead[1]
    new &= (along > -width) & (np.abs(across) < width + 1.2 * np.maximum(along, 0))
    new |= known
    pieces, _ = ndimage.label(new, np.ones((3, 3)))
    new &= np.isin(pieces, np.unique(pieces[known]))
    new[tuple(old.T)] = False
    if not new.any():
        return None
    return Answer(answer.corner, answer.logits, new, answer.sureness)


def _inside(points: Array, answer: Answer) -> NDArray[np.int64]:
    """Return points as indices of an answer's arrays, without those that lie beyond."""
    places = np.round(points - np.array(answer.corner)).astype(np.int64)
    return np.asarray(places[((places >= 0) & (places < answer.mask.shape)).all(axis=1)])


def _join(parts: list[Answer]) -> Answer:
    corners = np.array([p.corner for p in parts])
    low = corners.min(axis=0)
    high = (corners + [p.mask.shape for p in parts]).max(axis=0)
    logits = np.full(high - low, -8.0, np.float32)
    mask = np.zeros(high - low, bool)
    for part in parts:
        y, x = np.subtract(part.corner, low)
        where = slice(y, y + part.mask.shape[0]), slice(x, x + part.mask.shape[1])
        # beside the first outline only what was added counts
        beside = part.logits if part is parts[0] else np.where(part.mask, part.logits, -8.0)
        logits[where] = np.maximum(logits[where], beside)
        mask[where] |= part.mask
    sureness = float(np.average([p.sureness for p in parts], weights=[p.mask.sum() for p in parts]))
    return Answer((int(low[0]), int(low[1])), logits, mask, sureness)
