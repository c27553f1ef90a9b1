"""Real images with masks, cut and varied like drawn ones."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from pretraining.fields import uneven_light
from pretraining.micrograph import MIN_AREA_PX, Micrograph
from pretraining.scene import DrawnObject

DIAMETERS_WIDE = 8
LARGEST_PX = 40.0
"""Larger objects are shrunk to this diameter on reading."""

BRIGHT_SHARE = 0.45
"""How often an image on bright ground is chosen: such images are few, and differ the most."""


class RealImages:
    """A folder with images/ and masks/ of the same stems."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted((folder / "images").iterdir())
        self.masks = folder / "masks"
        self.read = lru_cache(maxsize=None)(self._read)
        bright = np.array([_is_bright(path) for path in self.paths])
        share = np.clip(bright.mean(), 1e-6, 1 - 1e-6)
        chances = np.where(bright, BRIGHT_SHARE / share, (1 - BRIGHT_SHARE) / (1 - share))
        self.chances = chances / chances.sum()

    def draw(self, rng: np.random.Generator) -> Micrograph:
        """Return a part of one image, turned, resized and changed in brightness."""
        pixels, ids, diameter = self.read(int(rng.choice(len(self.paths), p=self.chances)))
        pixels, ids = _cut(pixels, ids, diameter, rng)
        pixels = _vary(pixels, diameter, rng)
        objects = []
        for number, box in enumerate(ndimage.find_objects(ids), start=1):
            if box is None:
                continue
            mask = ids[box] == number
            if np.count_nonzero(mask) >= MIN_AREA_PX:
                objects.append(DrawnObject(1, box[0].start, box[1].start, mask))
        return Micrograph(pixels, objects, "real")

    def _read(self, number: int) -> tuple[NDArray[np.float32], NDArray[np.int32], float]:
        path = self.paths[number]
        stored = np.asarray(Image.open(path), np.float32) / 255
        pixels = stored[None] if stored.ndim == 2 else np.moveaxis(stored[..., :3], -1, 0)
        ids = np.asarray(Image.open(self.masks / f"{path.stem}.png")).astype(np.int32)
        areas = np.bincount(ids.ravel())[1:]
        diameter = float(2 * np.sqrt(np.median(areas[areas > 0]) / np.pi))
        shrink = diameter / LARGEST_PX
        if shrink > 1:
            sigma = 0.4 * shrink
            blurred = ndimage.gaussian_filter(pixels, (0, sigma, sigma), truncate=3)
            pixels = ndimage.zoom(blurred, (1, 1 / shrink, 1 / shrink), order=1)
            rows, columns = (
                np.minimum(((np.arange(n) + 0.5) * old / n).astype(int), old - 1)
                for n, old in zip(pixels.shape[1:], ids.shape, strict=True)
            )
            ids = ids[rows][:, columns]
            diameter = LARGEST_PX
        return pixels, ids, diameter


def _is_bright(path: Path) -> bool:
    """Tell whether objects lie on bright ground."""
    gray = np.asarray(Image.open(path).convert("L"), np.float32)
    return bool(np.median(gray) > np.percentile(gray, 99.5) / 2)


def _cut(
    pixels: NDArray[np.float32], ids: NDArray[np.int32], diameter: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Cut a random part; half of the time it is turned by any angle."""
    extent = int(np.clip(diameter * DIAMETERS_WIDE * rng.uniform(0.8, 1.3), 64, 360))
    turned = rng.random() < 0.5
    wide = int(extent * 1.42) + 2 if turned else extent
    filled = np.argwhere(ids > 0) if ids.any() else np.array([[0, 0]])
    middle = filled[rng.integers(len(filled))]
    low = np.clip(middle - wide // 2, 0, np.maximum(np.array(ids.shape) - wide, 0))
    high = np.minimum(low + wide, ids.shape)
    where = (slice(low[0], high[0]), slice(low[1], high[1]))
    part, labels = pixels[(slice(None), *where)], ids[where]
    if turned and min(labels.shape) > extent:
        angle = rng.uniform(0, 360)
        part = np.stack([ndimage.rotate(p, angle, reshape=False, order=1) for p in part])
        labels = ndimage.rotate(labels, angle, reshape=False, order=0)
        off = [(n - int(n / 1.42)) // 2 for n in labels.shape]
        inner = tuple(slice(o, n - o) for o, n in zip(off, labels.shape, strict=True))
        part, labels = part[(slice(None), *inner)], labels[inner]
    return np.ascontiguousarray(part), np.ascontiguousarray(labels)


def _vary(
    pixels: NDArray[np.float32], diameter: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Change brightness, color, sharpness and noise."""
    low, high = np.percentile(pixels, (1, 99.5))
    pixels = (pixels - low) / np.float32(max(float(high - low), 1e-3))
    if rng.random() < 0.4:
        power = np.float32(np.exp(rng.normal(0, 0.35)))
        pixels = np.sign(pixels) * np.abs(pixels) ** power
    if len(pixels) == 3 and rng.random() < 0.5:
        pixels = pixels * np.exp(rng.normal(0, 0.2, (3, 1, 1))) + rng.normal(0, 0.08, (3, 1, 1))
        if rng.random() < 0.2:
            pixels = pixels.mean(axis=0, keepdims=True)
    if rng.random() < 0.25:
        pixels = pixels + np.float32(rng.uniform(0.05, 0.35)) * uneven_light(pixels.shape[1:], rng)
    if rng.random() < 0.25:
        sigma = diameter * rng.uniform(0, 0.06)
        pixels = ndimage.gaussian_filter(pixels, (0, sigma, sigma), truncate=3)
    if rng.random() < 0.4:
        grain = np.exp(rng.uniform(np.log(0.005), np.log(0.12)))
        pixels = pixels + grain * rng.standard_normal(pixels.shape)
    return pixels.astype(np.float32)
