"""Outlines of drawn objects: each shape as a map of its depth on a grid of its own.

A depth is the distance inwards from the outline in pixels, negative outside, roughly exact near the
outline. Every function takes the diameter of the disk of about equal area.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float32]

ANGLES = np.linspace(-np.pi, np.pi, 129)
"""Directions in which a star-shaped outline is tabulated, radians."""

MARGIN_PX = 3
"""Grid left free round a shape."""


@dataclass(frozen=True)
class Shape:
    """One outline on a grid whose middle is the object's place."""

    depth: Array
    """(y, x), pixels."""

    relative: Array
    """Depth over the greatest depth at that place of the object: 0 at the outline, 1 inmost."""


@dataclass(frozen=True)
class ShapeStyle:
    """What the objects of one class have in common."""

    kind: str
    elongation: float
    elongation_spread: float
    corners: int
    roundness: float
    roughness: float
    bend: float


STAR_SHAPED = ("ellipse", "polygon", "blob", "lobes", "star")
CURVED = ("rod", "banana", "worm")
COMPOSED = ("crescent", "chain", "buds", "parts")


def choose_style(rng: np.random.Generator, kinds: tuple[str, ...] = ()) -> ShapeStyle:
    """Draw the shape of a class."""
    among = kinds or (
        *("ellipse",) * 5, *("polygon",) * 3, *("blob",) * 4, "lobes", "star", *("rod",) * 2,
        "banana", "crescent", "chain", "buds",
    )  # fmt: skip
    return ShapeStyle(
        kind=str(rng.choice(among)),
        elongation=float(np.exp(abs(rng.normal(0, 0.35)))),
        elongation_spread=float(rng.uniform(0, 0.25)),
        corners=int(rng.integers(3, 9)),
        roundness=float(rng.uniform(0, 1)),
        roughness=float(rng.uniform(0, 1) ** 2),
        bend=float(rng.uniform(0, 1)),
    )


def draw_shape(style: ShapeStyle, diameter: float, rng: np.random.Generator) -> Shape:
    """Draw one object of a class, turned at random."""
    if style.kind in STAR_SHAPED:
        return _star_shaped(style, diameter, rng)
    if style.kind in CURVED:
        return _curved(style, diameter, rng)
    return _composed(style, diameter, rng)


def _star_shaped(style: ShapeStyle, diameter: float, rng: np.random.Generator) -> Shape:
    radius = _radii(style, rng)
    radius *= diameter / 2 / np.sqrt(np.mean(radius**2))
    stretch = np.sqrt(style.elongation * np.exp(rng.normal(0, style.elongation_spread)))
    reach = int(np.ceil(radius.max() * max(stretch, 1 / stretch))) + MARGIN_PX
    along, across = _turned_grid(reach, reach, rng.uniform(0, np.pi), rng)
    u, v = along / stretch, across * stretch
    far = np.hypot(u, v)
    edge = np.interp(np.arctan2(v, u), ANGLES, radius).astype(np.float32)
    # the stretched distance is too long across the object and too short along it
    slope = np.hypot(u / stretch, v * stretch) / np.maximum(far, 1e-3)
    depth = (edge - far) / np.clip(slope, 0.3, 3.0)
    relative = np.clip(1 - far / edge, 0, 1)
    return Shape(depth.astype(np.float32), relative.astype(np.float32))


def _radii(style: ShapeStyle, rng: np.random.Generator) -> NDArray[np.float64]:
    angles = ANGLES - rng.uniform(0, 2 * np.pi)
    if style.kind == "polygon":
        count = style.corners
        normals = np.arange(count) * 2 * np.pi / count + rng.normal(0, 0.12 + 0.2 / count, count)
        offsets = np.exp(rng.normal(0, 0.12, count))
        facing = np.cos(angles[:, None] - normals) / offsets
        sharpness = 4 + 40 * (1 - style.roundness)
        return (np.maximum(facing, 1e-3) ** sharpness).sum(axis=1) ** (-1 / sharpness)
    if style.kind == "star":
        wave = np.abs(np.cos(angles * style.corners / 2)) ** (0.6 + style.roundness)
        radius = 1 - (0.2 + 0.4 * style.bend) * wave
    elif style.kind == "lobes":
        wave = np.cos(angles * (2 + style.corners % 4))
        radius = 1 + (0.12 + 0.25 * style.bend) * wave
    else:
        radius = np.ones_like(angles)
    if style.kind != "ellipse":
        rough = 0.35 * style.roughness if style.kind == "blob" else 0.08 * style.roughness
        for wave_number in range(2, 9):
            phase = rng.uniform(0, 2 * np.pi)
            size = rough * rng.normal() / wave_number**0.8
            radius = radius + size * np.cos(wave_number * ANGLES + phase)
    return np.maximum(radius, 0.25)


def _curved(style: ShapeStyle, diameter: float, rng: np.random.Generator) -> Shape:
    ratio = (1.6 + 3.5 * (style.elongation - 1)) * np.exp(rng.normal(0, style.elongation_spread))
    ratio = float(np.clip(ratio, 1.3, 9))
    width = diameter * np.sqrt(np.pi / 4 / ratio)
    length = max(width * (ratio - 0.8), 1.0)
    bend = {"rod": 0.0, "banana": 1.0, "worm": 2.0}[style.kind] * style.bend
    line = draw_curve(length, bend * rng.choice((-1, 1)), style.kind == "worm", rng)
    ends = 1.0 if style.roundness < 0.6 else rng.uniform(0.4, 1.0)
    return shape_along(line, width / 2, ends)


def draw_curve(
    length: float, bend: float, winding: bool, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return points half a pixel apart on a curve round the origin, (point, (y, x))."""
    count = max(int(length * 2), 3)
    way = np.linspace(-0.5, 0.5, count)
    turning = bend * way * (1.5 if not winding else 1.0)
    if winding:
        for wave in (1, 2, 3):
            turning = turning + bend * 0.5 / wave * rng.normal() * np.sin(
                2 * np.pi * wave * way + rng.uniform(0, 6.3)
            )
    heading = turning + rng.uniform(0, 2 * np.pi)
    step = length / count
    points = np.cumsum(np.stack([np.sin(heading), np.cos(heading)], 1) * step, axis=0)
    return np.asarray(points - points[count // 2])


def shape_along(line: NDArray[np.float64], half_width: float, ends: float = 1.0) -> Shape:
    """Return the shape within `half_width` of a curve, its ends thinned to a share of it."""
    reach_y, reach_x = np.ceil(np.abs(line).max(axis=0) + half_width).astype(int) + MARGIN_PX
    middle = np.array([reach_y, reach_x])
    free = np.ones((2 * reach_y + 1, 2 * reach_x + 1), bool)
    rows, columns = np.round(line + middle).astype(int).T
    free[rows, columns] = False
    point = np.zeros(free.shape, np.int64)
    point[rows, columns] = np.arange(len(line))
    nearest = ndimage.distance_transform_edt(free, return_distances=False, return_indices=True)
    which = point[tuple(nearest)]
    y, x = np.mgrid[-reach_y : reach_y + 1, -reach_x : reach_x + 1]
    beside = np.clip(which + np.array([-1, 0, 1])[:, None, None], 0, len(line) - 1)
    far = np.hypot(y - line[beside, 0], x - line[beside, 1]).min(axis=0)
    place = np.abs(which / max(len(line) - 1, 1) - 0.5) * 2
    width = half_width * (1 - (1 - ends) * place**2)
    depth = width - far
    relative = np.clip(depth / np.maximum(width, 0.5), 0, 1)
    return Shape(depth.astype(np.float32), relative.astype(np.float32))


def _composed(style: ShapeStyle, diameter: float, rng: np.random.Generator) -> Shape:
    radius = diameter / 2
    reach = int(np.ceil(2.2 * radius)) + MARGIN_PX
    along, across = _turned_grid(reach, reach, rng.uniform(0, 2 * np.pi), rng)
    if style.kind == "crescent":
        outer = radius * 1.25 - np.hypot(along, across)
        shift, inner = radius * (0.6 + 0.4 * style.bend), radius * (0.9 + 0.2 * style.roundness)
        depth = np.minimum(outer, np.hypot(along - shift, across) - inner)
    elif style.kind == "buds":
        depth = radius * 0.9 - np.hypot(along, across)
        for _ in range(int(rng.integers(1, 3))):
            size = radius * rng.uniform(0.3, 0.75)
            angle = rng.uniform(0, 2 * np.pi)
            away = 0.9 * radius + 0.4 * size
            bud = size - np.hypot(along - away * np.cos(angle), across - away * np.sin(angle))
            depth = np.maximum(depth, bud)
    else:
        count = int(rng.integers(2, 5))
        size = radius / np.sqrt(count) * 1.15
        away = size * (1.35 if style.kind == "chain" else 1.5 + 0.8 * style.bend)
        places = np.array([[0.0, 0.0]])
        heading = rng.uniform(0, 2 * np.pi)
        for _ in range(count - 1):
            if style.kind == "chain":
                heading, from_ = rng.uniform(0, 2 * np.pi), places[rng.integers(len(places))]
            else:  # parts lie on an arc, as those of a divided nucleus
                heading, from_ = heading + rng.uniform(0.3, 1.6), places[-1]
            step = away * np.array([np.cos(heading), np.sin(heading)])
            places = np.vstack([places, from_ + step])
        places -= places.mean(axis=0)
        parts = [size - np.hypot(along - a, across - b) for a, b in places]
        depth = np.max(parts, axis=0)
    relative = np.clip(depth / max(float(depth.max()), 0.5), 0, 1)
    return Shape(depth.astype(np.float32), relative.astype(np.float32))


def _turned_grid(
    reach_y: int, reach_x: int, angle: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return coordinates along and across a direction, off the pixel centers at random."""
    y, x = np.ogrid[-reach_y : reach_y + 1, -reach_x : reach_x + 1]
    off_y, off_x = rng.uniform(-0.5, 0.5, 2)
    y, x = y.astype(np.float32) - np.float32(off_y), x.astype(np.float32) - np.float32(off_x)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return x * cos + y * sin, y * cos - x * sin
