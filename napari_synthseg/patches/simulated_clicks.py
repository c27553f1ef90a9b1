"""Clicks as a user would make them, derived from known masks.

For samples and studies, whose masks are known, and for masks that a user brings along.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.labels import InstanceLabels

JITTER_DIAMETERS = 0.1
"""Standard deviation of a click along each axis, in diameters of its object."""

MIN_DEPTH_PX = 2.0
"""Objects that reach less deep are slivers at a border, which nobody would click."""


@dataclass(frozen=True)
class SimulatedClick:
    """The center of one object: class value and position ([z,] y, x) in pixels."""

    cls: int
    position: tuple[float, ...]


def click_masks(
    labels: InstanceLabels,
    *,
    jitter: float = JITTER_DIAMETERS,
    seed: int = 0,
    spacing: tuple[float, ...] = (),
) -> list[SimulatedClick]:
    """Click each object at its innermost point, with a little scatter.

    The innermost point is where the distance to the object's edge, and to the image's border, is
    largest; the scatter is `jitter` times the diameter of the disk (ball) of equal size. A click
    that would leave its object goes to the innermost point instead. Slivers get no click.

    Parameters
    ----------
    labels
        Masks, shape ([z,] y, x).
    jitter
        Standard deviation of the scatter along each axis, in diameters.
    seed
        Seed of the scatter.
    spacing
        Distance of pixels along each axis, in units of the shortest; empty: all alike.

    Returns
    -------
    Clicks in the order of the ids, in pixels of `labels`.
    """
    from scipy.ndimage import distance_transform_edt

    rng = np.random.default_rng(seed)
    clicks = []
    for instance, box in labels.slices().items():
        mask = np.pad(labels.ids[box] == instance, 1)
        scatter = rng.normal(0.0, jitter, mask.ndim)
        depth = distance_transform_edt(mask, spacing or None)
        if depth.max() < MIN_DEPTH_PX:
            continue
        innermost = np.array(np.unravel_index(np.argmax(depth), depth.shape), float)
        if spacing:
            scatter /= spacing
        diameter = _diameter(float(mask.sum() * np.prod(spacing or 1.0)), mask.ndim)
        moved = np.round(innermost + scatter * diameter, 1)  # before the test of where it lies
        at = moved if _holds(mask, moved) else innermost
        position = at + [s.start - 1 for s in box]
        cls = labels.classes.get(instance, 1)
        clicks.append(SimulatedClick(cls, tuple(round(float(p), 1) for p in position)))
    return clicks


def click_boxes(
    boxes: Boxes, shape: tuple[int, ...], *, jitter: float = JITTER_DIAMETERS, seed: int = 0
) -> list[SimulatedClick]:
    """Click each box near its center; see `click_masks`.

    The scatter is `jitter` times the geometric mean of height and width. Clicks stay in their
    boxes and in the image, whose `shape` is (y, x); a box of which it shows a sliver gets none.
    """
    rng = np.random.default_rng(seed)
    clicks = []
    for corners, center, cls in zip(
        boxes.corners, boxes.centers(), boxes.classes.tolist(), strict=True
    ):
        size = corners[2:] - corners[:2]
        moved = center + rng.normal(0.0, jitter, 2) * np.sqrt(np.prod(size))
        first, end = np.maximum(corners[:2], 0), np.minimum(corners[2:], shape)
        if (end - first).min() < min(MIN_DEPTH_PX, size.min()):
            continue
        low, high = np.ceil(first), np.floor(end - 1)
        narrow = low > high  # no whole pixel lies in the box
        low, high = (np.where(narrow, (first + end - 1) / 2, edge) for edge in (low, high))
        at = np.clip(np.round(moved, 1), low, high)
        clicks.append(SimulatedClick(cls, (float(at[0]), float(at[1]))))
    return clicks


def _diameter(size: float, ndim: int) -> float:
    """Return the diameter of a disk or ball of this area or volume."""
    if ndim == 2:
        return float(2 * np.sqrt(size / np.pi))
    return float(np.cbrt(6 * size / np.pi))


def _holds(mask: NDArray[np.bool_], position: NDArray[np.float64]) -> bool:
    pixel = np.floor(position + 0.5).astype(int)
    inside = bool(((pixel >= 0) & (pixel < mask.shape)).all())
    return inside and bool(mask[tuple(pixel)])


def cut_labels(labels: InstanceLabels, region: tuple[tuple[int, int], ...]) -> InstanceLabels:
    """Return what a region shows of labels, with the classes of the ids that are left."""
    ids = np.ascontiguousarray(labels.ids[tuple(slice(a, b) for a, b in region)])
    present = np.unique(ids).tolist()
    return InstanceLabels(ids, {i: c for i, c in labels.classes.items() if i in present})
