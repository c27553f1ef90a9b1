"""What objects of a class look like inside their outline, and just outside of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pretraining.fields import coarse_noise
from pretraining.shapes import Shape

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Look:
    """Amplitudes of the parts of an appearance; 1 is the usual contrast of an object."""

    flat: float = 1.0
    dome: float = 0.0
    dome_power: float = 0.5
    rim: float = 0.0
    rim_width: float = 0.12
    rim_inset: float = 0.0
    core: float = 0.0
    core_size: float = 0.4
    core_shift: float = 0.0
    texture: float = 0.0
    texture_scale: float = 0.15
    granules: float = 0.0
    granule_size: float = 0.08
    slope: float = 0.0
    relief: float = 0.0
    light_angle: float = 0.0
    bands: float = 0.0
    spread: float = 0.15
    edge_px: float = 1.0
    opaque: bool = True
    halo: float = 0.0
    halo_width: float = 0.1
    shadow: float = 0.0
    shadow_angle: float = field(default=0.0)


def choose_look(rng: np.random.Generator) -> Look:
    """Draw the appearance of a class: one main part, and often others beside it."""
    main = rng.choice(
        ["flat", "dome", "outlined", "rimmed", "rim_against", "relief", "cored", "textured",
         "sloping", "shell", "granular"],
        p=[0.18, 0.17, 0.08, 0.09, 0.1, 0.07, 0.06, 0.1, 0.05, 0.05, 0.05],
    )  # fmt: skip
    parts: dict[str, float] = {
        "light_angle": rng.uniform(0, 2 * np.pi),
        "shadow_angle": rng.uniform(0, 2 * np.pi),
        "spread": rng.uniform(0.02, 0.45) if rng.random() < 0.7 else 0.05,
        "texture_scale": float(np.exp(rng.uniform(np.log(0.04), np.log(0.4)))),
        "granule_size": rng.uniform(0.05, 0.16),
        "rim_width": rng.uniform(0.05, 0.28),
        "core_size": rng.uniform(0.2, 0.7),
        "core_shift": rng.uniform(0, 0.3),
        "dome_power": float(rng.choice([0.35, 0.5, 1.0, 1.6])),
        "edge_px": rng.uniform(0.6, 2.5),
        "halo_width": rng.uniform(0.05, 0.3),
    }
    sign = rng.choice((-1.0, 1.0))
    strong, weak = rng.uniform(0.6, 1.3), rng.uniform(-0.4, 0.4)
    main_parts: dict[str, dict[str, float]] = {
        "flat": {"flat": 1.0},
        "dome": {"flat": rng.uniform(0, 0.6), "dome": strong},
        "outlined": {"flat": 0.15 * weak, "rim": strong},
        "rimmed": {"flat": rng.uniform(0.2, 1), "rim": strong * sign},
        "rim_against": {"flat": 0.5 * weak, "rim": -strong, "core": strong * rng.uniform(0.2, 1)},
        "relief": {"flat": weak, "relief": strong},
        "cored": {"flat": rng.uniform(0.15, 1), "core": strong * sign},
        "textured": {"flat": weak if rng.random() < 0.4 else 1.0, "texture": strong},
        "sloping": {"flat": rng.uniform(0.3, 1), "slope": strong},
        "shell": {"flat": weak, "rim": strong, "rim_inset": rng.uniform(0.1, 0.3)},
        "granular": {"flat": rng.uniform(0, 0.8), "granules": strong * sign},
    }
    parts |= main_parts[str(main)]
    extras: dict[str, tuple[float, float]] = {
        "texture": (0.45, 0.35), "granules": (0.15, 0.5), "rim": (0.15, 0.4), "dome": (0.2, 0.5),
        "core": (0.12, 0.5), "slope": (0.15, 0.4), "relief": (0.1, 0.4), "halo": (0.22, 0.6),
        "shadow": (0.08, 0.5), "bands": (0.03, 0.4),
    }  # fmt: skip
    for name, (chance, size) in extras.items():
        if name not in main_parts[str(main)] and rng.random() < chance:
            parts[name] = size * rng.normal()
    if rng.random() < 0.1:  # what surrounds it glows the other way, fading outwards
        parts["halo"] = -math.copysign(rng.uniform(0.4, 1.4), parts["flat"])
    return Look(**parts, opaque=bool(rng.random() < 0.75))


def render(shape: Shape, look: Look, diameter: float, rng: np.random.Generator) -> Array:
    """Return the contrast of one object on its grid, not yet cut out by its outline."""
    depth, relative = shape.depth, shape.relative
    value = np.full(depth.shape, look.flat, np.float32)
    if look.dome:
        value += np.float32(look.dome) * (1 - (1 - relative) ** 2) ** np.float32(look.dome_power)
    if look.rim:
        width = max(look.rim_width * diameter / 2, 0.7)
        at = look.rim_inset * diameter / 2 + width * 0.5
        value += np.float32(look.rim) * np.exp(-0.5 * ((depth - at) / (width * 0.6)) ** 2)
    rows = np.linspace(-1, 1, depth.shape[0], dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, depth.shape[1], dtype=np.float32)
    if look.core:
        shift_y, shift_x = look.core_shift * rng.uniform(-1, 1, 2)
        size = look.core_size * diameter / 2
        half_y, half_x = (n / 2 for n in depth.shape)
        away = np.hypot((rows - shift_y) * half_y, (columns - shift_x) * half_x)
        value += np.float32(look.core) * np.clip((size - away) / 1.5 + 0.5, 0, 1)
    if look.texture:
        scale = max(look.texture_scale * diameter, 1.0)
        value += np.float32(look.texture * 0.6) * coarse_noise(depth.shape, scale, rng)
    if look.granules:
        value += np.float32(look.granules) * _granules(depth.shape, look, diameter, rng)
    if look.slope:
        along = np.cos(look.light_angle) * columns + np.sin(look.light_angle) * rows
        value += np.float32(look.slope * 0.8) * along.astype(np.float32)
    if look.relief and min(depth.shape) > 1:  # of a pixel there is no slope
        dome = np.sqrt(np.clip(1 - (1 - relative) ** 2, 0, 1)) * np.float32(diameter / 4)
        down, right = np.gradient(dome)
        lit = np.sin(look.light_angle) * down + np.cos(look.light_angle) * right
        value += np.float32(look.relief) * np.clip(lit, -1.5, 1.5).astype(np.float32)
    if look.bands:
        wave = np.float32(2 * np.pi * rng.uniform(1, 4))
        value += np.float32(look.bands) * np.sin(wave * (rows + columns))
    return value * np.float32(np.exp(rng.normal(0, look.spread)))


def _granules(
    shape: tuple[int, int], look: Look, diameter: float, rng: np.random.Generator
) -> Array:
    size = max(look.granule_size * diameter, 0.7)
    spots = np.zeros(shape, np.float32)
    count = int(rng.integers(2, 12))
    spots[rng.integers(0, shape[0], count), rng.integers(0, shape[1], count)] = 1
    spots = ndimage.gaussian_filter(spots, size, truncate=2.5)
    return spots / np.float32(max(float(spots.max()), 1e-6))
