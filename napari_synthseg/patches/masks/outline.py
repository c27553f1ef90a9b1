"""Masks bounded by the best closed line around the click: smooth, whole, and where edges are.

Rays go out from the click. On each ray every radius has a cost: the contrast inside it should be
the object's, and should fall just there. Dynamic programming finds the cheapest closed line whose
radius changes little from ray to ray. Objects must be star-shaped as seen from their click; holes
and dents inside do no harm. Planes only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.patches.masks.nearest_seed import MAX_REACH_RADII, scale_along
from napari_synthseg.patches.masks.seeded_foreground import SeededForeground

RAYS, RADII = 48, 50
"""Rays of a click, and radii tried on each, evenly spaced out to `MAX_REACH_RADII`."""

MAX_JUMP = 4
"""Most that the radius may change from one ray to the next, in radii tried."""

FORBIDDEN = np.float32(1e6)


@dataclass(frozen=True)
class OutlineRule:
    """What a line costs; all lengths in radii of the class.

    Attributes
    ----------
    level
        Pixels with more than this share of the core's contrast are better inside than outside.
    edge
        Gain for a fall of the contrast by the core's, along one radius tried.
    size
        Cost of a radius other than that of the class, times its squared logarithm.
    bend
        Cost of a change of the radius between two rays, for each radius tried.
    """

    level: float = 0.4
    edge: float = 2.0
    size: float = 0.1
    bend: float = 0.05


def find_by_outline(block: SeededForeground, rule: OutlineRule | None = None) -> NDArray[np.int32]:
    """Return the objects inside the best closed lines, ids 1..n; see `MaskMethod`.

    Raises
    ------
    ValueError
        If the block is not a plane.
    """
    if block.foreground.ndim != 2:
        raise ValueError("outlines are found in planes only")
    angles = np.arange(RAYS) * 2 * np.pi / RAYS
    directions = np.stack([np.sin(angles), np.cos(angles)], axis=1)
    rule = rule or OutlineRule(block.level)
    cost = _costs(block, directions, rule)
    radii = (closed_paths(cost, rule.bend) + 1) * MAX_REACH_RADII / RADII
    return _filled(radii, directions, block)


def _costs(
    block: SeededForeground, directions: NDArray[np.float64], rule: OutlineRule
) -> NDArray[np.float32]:
    """Return the cost of ending at each radius of each ray, shape (clicks, rays, radii)."""
    seeds = block.seeds
    radii = (np.arange(RADII) + 0.5) / RADII * MAX_REACH_RADII
    steps = directions[:, None] * radii[None, :, None]
    places = seeds.positions[:, None, None] + steps * seeds.radii[:, None, None]
    at = np.moveaxis(places, -1, 0).astype(np.float32)
    sigma = scale_along(seeds.radii.mean(axis=0), 0.06, 0.7)
    smooth = ndimage.gaussian_filter(block.contrast, sigma)
    contrast = ndimage.map_coordinates(smooth, at, order=1, mode="nearest")
    owner = ndimage.map_coordinates(block.basins, at, order=0, mode="nearest")
    limit = np.array(smooth.shape) - 0.5
    outside = ((places < -0.5) | (places > limit)).any(axis=-1)
    share = np.clip(contrast / block.core_contrast[1:, None, None], -0.5, 1.5)
    foreign = (owner > 0) & (owner != np.arange(1, len(seeds) + 1)[:, None, None])
    gain = np.where(foreign, -1.0, share - rule.level)
    gain[outside] = 0.0
    cost = -np.cumsum(gain, axis=2) * (4 * MAX_REACH_RADII / RADII)
    cost[..., :-1] -= rule.edge * np.maximum(share[..., :-1] - share[..., 1:], 0) * 2
    cost += rule.size * np.log(np.maximum(radii, 0.05)) ** 2
    return cost.astype(np.float32)


def closed_paths(cost: NDArray[np.float32], bend: float) -> NDArray[np.int64]:
    """Return the cheapest closed path through each (rays, radii) table of costs.

    Parameters
    ----------
    cost
        Shape (n, rays, radii).
    bend
        Cost for each step that the radius changes from ray to ray.

    Returns
    -------
    Index of the radius on each ray, shape (n, rays); neighbors, the last and the first ray among
    them, differ by at most `MAX_JUMP`.
    """
    half = cost.shape[1] // 2
    # An open path is sure of itself far from its ends: the closed one starts from its middle.
    start = _cheapest(cost, bend, None)[:, half]
    return np.roll(_cheapest(np.roll(cost, -half, axis=1), bend, start), half, axis=1)


def _cheapest(
    cost: NDArray[np.float32], bend: float, start: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    """Return the cheapest paths, closed ones through `start` where that is given (Viterbi)."""
    count, rays, radii = cost.shape
    jumps = np.arange(-MAX_JUMP, MAX_JUMP + 1)
    toll = (bend * np.abs(jumps)).astype(np.float32)[:, None, None]
    total = cost[:, 0]
    away = np.abs(np.arange(radii) - (0 if start is None else start[:, None]))
    if start is not None:
        total = np.where(away == 0, total, FORBIDDEN)
    came = np.zeros((rays, count, radii), np.int8)
    for ray in range(1, rays):
        padded = np.pad(total, ((0, 0), (MAX_JUMP, MAX_JUMP)), constant_values=FORBIDDEN)
        views = np.lib.stride_tricks.sliding_window_view(padded, radii, axis=1)
        choices = np.moveaxis(views, 1, 0) + toll
        came[ray] = choices.argmin(axis=0)
        total = np.minimum.reduce(choices) + cost[:, ray]
    if start is not None:
        total = total + np.where(away <= MAX_JUMP, bend * away, FORBIDDEN)
    path = np.zeros((count, rays), np.int64)
    path[:, -1] = total.argmin(axis=1)
    everyone = np.arange(count)
    for ray in range(rays - 1, 0, -1):
        here = path[:, ray]
        path[:, ray - 1] = here + jumps[came[ray, everyone, here]]
    return path


def _filled(
    radii: NDArray[np.float64], directions: NDArray[np.float64], block: SeededForeground
) -> NDArray[np.int32]:
    """Fill the lines, each inside its own basin and on ground that no click claims."""
    from skimage.draw import polygon

    seeds = block.seeds
    ids = np.zeros(block.foreground.shape, np.int32)
    for number in range(1, len(seeds) + 1):
        reach = radii[number - 1][:, None] * seeds.radii[number - 1]
        line = seeds.positions[number - 1] + directions * reach
        rows, columns = polygon(line[:, 0], line[:, 1], ids.shape)
        owner = block.basins[rows, columns]
        free = (owner == number) | ((owner == 0) & (ids[rows, columns] == 0))
        ids[rows[free], columns[free]] = number
    return ids
