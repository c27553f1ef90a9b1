"""What lies in the simulated sediment: outlines, and how much light each lets through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Shape:
    """One object on a square window, its center in the middle.

    `light` is the share of light that passes, `inside` the exact mask, `reach` the typical
    distance from center to edge, in pixels.
    """

    light: Image
    inside: NDArray[np.bool_]
    reach: float


def round_cell(rng: np.random.Generator) -> Shape:
    """Make a disk with a dark rim and a pale middle, like an erythrocyte; some are ghosts."""
    radius = rng.normal(11.0, 1.0)
    y, x = _window(radius + 8)
    crenation = 0.05 if rng.random() < 0.2 else 0.012
    distance, angle = _wavy_disk(rng, y, x, radius, rng.uniform(1.0, 1.18), crenation)
    contrast = rng.uniform(0.10, 0.22) if rng.random() < 0.2 else rng.uniform(0.35, 0.85)
    bowl = 0.10 * _bump(distance, -0.45 * radius, 0.26 * radius)
    tilt = 1.0 + 0.3 * np.cos(angle - rng.uniform(0, 2 * np.pi))
    rim = 0.42 * _bump(distance, -1.2, 1.4) * tilt
    light = 1.0 - contrast * (rim + bowl - 0.10 * _bump(distance, -radius, 0.45 * radius))
    light += contrast * 0.12 * _bump(distance, 2.4, 1.7)
    return _finish(rng, light, distance < 0, radius)


def granular_cell(rng: np.random.Generator) -> Shape:
    """Make a large gray cell full of granules with a lobed nucleus, like a leukocyte."""
    from scipy.ndimage import gaussian_filter

    radius = rng.normal(18.0, 1.8)
    y, x = _window(radius + 9)
    distance, _ = _wavy_disk(rng, y, x, radius, rng.uniform(1.0, 1.2), 0.03)
    body = _step(-distance, 1.2)
    contrast = rng.uniform(0.55, 1.0)
    grain = gaussian_filter(rng.normal(size=distance.shape), 1.1)
    light = 1.0 - contrast * body * (0.10 + 0.085 * grain / grain.std())
    for _ in range(rng.integers(2, 5)):
        at = rng.normal(0.0, 0.33 * radius, 2)
        lobe = np.hypot(y - at[0], x - at[1]) - radius * rng.uniform(0.22, 0.34)
        light *= 1.0 - contrast * 0.16 * body * _step(-lobe, 1.5)
    light -= contrast * 0.22 * _bump(distance, -0.8, 1.4)
    light += contrast * 0.10 * _bump(distance, 2.8, 2.0)
    return _finish(rng, light, distance < 0, radius)


def crystal(rng: np.random.Generator) -> Shape:
    """Make an angular body with sharp edges: an envelope with a bright cross, or a rod."""
    envelope = rng.random() < 0.55
    half = (
        np.full(2, rng.uniform(10.0, 15.0)) * rng.uniform(0.92, 1.08, 2)
        if envelope
        else np.array([rng.uniform(5.5, 8.5), rng.uniform(16.0, 23.0)])
    )
    y, x = _window(float(np.hypot(*half)) + 7)
    turn = rng.uniform(0, np.pi)
    v, u = np.cos(turn) * y - np.sin(turn) * x, np.sin(turn) * y + np.cos(turn) * x
    # Cut corners: the outline is where the largest of these distances is 0.
    corner = (np.abs(v) + np.abs(u)) / np.sqrt(2) - (half.sum() / np.sqrt(2) - rng.uniform(1, 4))
    distance = np.maximum(np.maximum(np.abs(v) - half[0], np.abs(u) - half[1]), corner)
    contrast = rng.uniform(0.5, 1.0)
    light = 1.0 - contrast * 0.50 * _bump(distance, -0.6, 1.3)
    light += contrast * 0.20 * _bump(distance, 2.2, 1.6)
    body = _step(-distance - 1.5, 0.8)
    if envelope:
        fold = np.abs(np.abs(v) / half[0] - np.abs(u) / half[1]) * half.mean()
        light += contrast * body * (0.26 * _bump(fold, 0.0, 1.4) - 0.16 * _bump(fold, 3.0, 1.4))
        light += contrast * body * 0.03 * np.sign(v)
    else:
        ridge = rng.uniform(-0.3, 0.3) * half[0]
        light += contrast * body * (0.22 * _bump(v, ridge, 1.5) - 0.13 * _step(v - ridge, 1.0))
    return _finish(rng, light, distance < 0, float(half.mean()))


def debris(rng: np.random.Generator) -> Shape:
    """Make something nobody clicks: a speck, a bacterium, a pale blob far out of focus."""
    kind = rng.choice(["speck", "rod", "blur"], p=[0.6, 0.25, 0.15])
    length = {"speck": 1.2, "rod": 3.5, "blur": 9.0}[kind] * rng.uniform(0.7, 1.4)
    y, x = _window(4 * length + 4)
    turn = rng.uniform(0, np.pi)
    v, u = np.cos(turn) * y - np.sin(turn) * x, np.sin(turn) * y + np.cos(turn) * x
    width = 1.1 if kind == "rod" else length
    depth = {"speck": 0.45, "rod": 0.30, "blur": 0.05}[kind] * rng.uniform(0.3, 1.0)
    shade = np.exp(-0.5 * ((v / width) ** 2 + (u / length) ** 2))
    sign = -1.0 if kind == "speck" and rng.random() < 0.25 else 1.0
    return Shape(1.0 - sign * depth * shade, shade < 0, length)


def _window(reach: float) -> tuple[Image, Image]:
    """Return the y and x distances from the middle of a square window."""
    half = int(np.ceil(reach))
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(float)
    return y, x


def _wavy_disk(
    rng: np.random.Generator, y: Image, x: Image, radius: float, stretch: float, wave: float
) -> tuple[Image, Image]:
    """Return the distance to a wavy ellipse (negative inside) and the angle of each pixel."""
    turn = rng.uniform(0, np.pi)
    v, u = np.cos(turn) * y - np.sin(turn) * x, np.sin(turn) * y + np.cos(turn) * x
    v, u = v * np.sqrt(stretch), u / np.sqrt(stretch)
    angle = np.arctan2(v, u)
    edge = np.full_like(angle, radius)
    for order in range(2, 9):
        phase = rng.uniform(0, 2 * np.pi)
        edge += radius * rng.normal(0.0, wave / np.sqrt(2)) * np.cos(order * angle + phase)
    return np.hypot(v, u) - edge, angle


def _bump(distance: Image, center: float, width: float) -> Image:
    """Return a Gaussian ridge of height 1 where `distance` equals `center`."""
    ridge: Image = np.exp(-0.5 * ((distance - center) / width) ** 2)
    return ridge


def _step(distance: Image, width: float) -> Image:
    """Return a smooth step from 0 to 1 at distance 0."""
    step: Image = 1.0 / (1.0 + np.exp(np.clip(-distance / (0.6 * width), -50, 50)))
    return step


def _finish(
    rng: np.random.Generator, light: Image, inside: NDArray[np.bool_], reach: float
) -> Shape:
    """Put the object a little out of focus."""
    from scipy.ndimage import gaussian_filter

    out_of_focus = gaussian_filter(light, rng.uniform(0.0, 1.1), mode="nearest")
    return Shape(out_of_focus, inside, reach)
