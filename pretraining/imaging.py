"""From a scene to pixels: color, light, optics, camera, file."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pretraining.fields import coarse_noise, soften, uneven_light
from pretraining.scene import DEBRIS, GROUND, INNER, LAYERS, OBJECTS, Scene

Array = NDArray[np.float32]


def photograph(
    scene: Scene, diameter: float, rng: np.random.Generator, color: str = "gray"
) -> Array:
    """Return the micrograph of a scene, (channel, y, x).

    `color` is "gray", "absorbing" (stained, in transmitted light) or "emitting" (channels of
    fluorescence, which may be any number).
    """
    weights = np.ones(LAYERS, np.float32)
    weights[GROUND] = rng.uniform(0, 0.6) ** 2
    weights[DEBRIS] = rng.uniform(0.2, 1.2) * rng.choice((-1, 1))
    if rng.random() < 0.35:
        weights[INNER] = rng.uniform(0.3, 1.5) * rng.choice((-1, 1))
    layers = scene.layers * weights[:, None, None]
    blurs = _blurs(diameter, rng)
    layers = np.stack([soften(layer, s) for layer, s in zip(layers, blurs, strict=True)])
    if color == "gray":
        picture = (layers.sum(axis=0) * np.float32(rng.choice((-1, 1))))[None]
    elif color == "absorbing":
        picture = _stain(layers, rng)
    else:
        picture = _glow(layers, rng)
    picture = _light(picture, rng)
    sigma = _blur_px(diameter, rng)
    picture = np.stack([soften(channel, sigma) for channel in picture])
    picture = _camera(picture, rng)
    return _file(picture, rng)


def _blurs(diameter: float, rng: np.random.Generator) -> list[float]:
    """Return how far each map is out of focus."""
    blurs = [0.0] * LAYERS
    if rng.random() < 0.3:
        blurs[DEBRIS] = diameter * rng.uniform(0, 0.3)
    if rng.random() < 0.3:
        blurs[GROUND] = diameter * rng.uniform(0, 0.1)
    if rng.random() < 0.15:
        blurs[OBJECTS] = diameter * rng.uniform(0, 0.06)
    return blurs


def _blur_px(diameter: float, rng: np.random.Generator) -> float:
    share = rng.uniform(0, 0.1) if rng.random() < 0.3 else rng.uniform(0, 0.035)
    return float(share * diameter)


def _stain(layers: Array, rng: np.random.Generator) -> Array:
    light = rng.uniform(0.75, 1.0) * np.array([1, rng.uniform(0.88, 1), rng.uniform(0.85, 1)])
    usual = np.array([[0.35, 0.9, 0.35], [0.65, 0.7, 0.3], [0.75, 0.95, 0.45], [0.5, 0.5, 0.4]])
    strength = np.array([0.5, 0.45, 0.75, 0.5]) * np.exp(rng.normal(0, 0.4, LAYERS))
    density = usual * np.exp(rng.normal(0, 0.4, (LAYERS, 3))) * strength[:, None]
    lifted = np.maximum(layers - np.minimum(layers.min(axis=(1, 2), keepdims=True), -0.2) * 0.5, 0)
    absorbed = np.tensordot(density.T.astype(np.float32), lifted, 1)
    return np.asarray(light[:, None, None].astype(np.float32) * np.exp(-absorbed))


def _glow(layers: Array, rng: np.random.Generator) -> Array:
    count = int(rng.choice([2, 3, 3, 3, 4]))
    mixing = rng.dirichlet(np.full(count, rng.uniform(0.2, 2)), LAYERS).T
    if rng.random() < 0.3:  # colors that differ in sign, as of reflected light
        mixing *= rng.choice((-1, 1), mixing.shape)
    shift = rng.normal(0, 0.3, count)[:, None, None]
    return np.asarray(np.tensordot(mixing.astype(np.float32), layers, 1) + shift.astype(np.float32))


def _light(picture: Array, rng: np.random.Generator) -> Array:
    shape = picture.shape[1:]
    if rng.random() < 0.3:
        spread = float(picture.max() - picture.min())
        size = np.float32(rng.uniform(0.03, 0.3) * spread)
        picture = picture + size * uneven_light(shape, rng)
    if rng.random() < 0.3:
        low = picture.min() - 0.1
        picture = (picture - low) * (1 + np.float32(rng.uniform(0.1, 0.45)) * uneven_light(
            shape, rng))  # fmt: skip
    if rng.random() < 0.06:  # seams of a mosaic
        edge = int(rng.integers(shape[1]))
        picture = picture.copy()
        picture[:, :, edge:] *= np.float32(rng.uniform(0.6, 1.4))
    return picture


def _camera(picture: Array, rng: np.random.Generator) -> Array:
    low, high = np.percentile(picture[:, ::3, ::3], (1, 99))
    picture = (picture - low) / max(float(high - low), 1e-3)
    shape = picture.shape
    grain = float(np.exp(rng.uniform(np.log(0.004), np.log(0.15))))
    noise = rng.standard_normal(shape, np.float32)
    if rng.random() < 0.4:  # grain of film, or a camera that interpolates
        sigma = rng.uniform(0.4, 1.2)
        noise = ndimage.gaussian_filter(noise, (0, sigma, sigma), truncate=2.5)
        noise /= np.float32(max(float(noise.std()), 1e-6))
    if rng.random() < 0.4:  # shot noise
        noise *= np.sqrt(np.clip(picture, 0, 1.5) + 0.05)
    picture = picture + np.float32(grain) * noise
    if rng.random() < 0.2:
        scale = rng.uniform(2, 12)
        coarse = coarse_noise(shape[1:], scale, rng)
        picture = picture + np.float32(rng.uniform(0.02, 0.1)) * coarse
    if rng.random() < 0.06:  # lines of a scan
        lines = rng.standard_normal((1, shape[1], 1), np.float32)
        picture = picture + np.float32(rng.uniform(0.02, 0.1)) * lines
    if rng.random() < 0.35:
        power = float(np.exp(rng.normal(0, 0.5)))
        picture = np.sign(picture) * np.abs(picture) ** np.float32(power)
    if rng.random() < 0.15:
        picture = np.clip(picture, rng.uniform(-0.2, 0.2), rng.uniform(0.6, 1))
    if rng.random() < 0.04:
        hot = rng.random(shape[1:]) < 0.002
        picture = np.where(hot, rng.choice((0, 1.2)), picture).astype(np.float32)
    return picture


def _file(picture: Array, rng: np.random.Generator) -> Array:
    """Save as an ordinary picture file would be, which is read again."""
    if rng.random() < 0.5:
        return picture.astype(np.float32)
    stored = np.clip(picture * 200 + 25, 0, 255).astype(np.uint8)
    if rng.random() < 0.6 and len(stored) in (1, 3):
        from PIL import Image

        bytes_ = io.BytesIO()
        image = Image.fromarray(stored[0] if len(stored) == 1 else np.moveaxis(stored, 0, -1))
        image.save(bytes_, "JPEG", quality=int(rng.integers(35, 97)))
        read = np.asarray(Image.open(bytes_))
        stored = read[None] if read.ndim == 2 else np.moveaxis(read, -1, 0)
    return stored.astype(np.float32) / 255
