"""Random changes of training crops that keep the labels exact.

The same for every source of training data, so that a comparison of sources compares nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.labels import DualImage, Labels
from napari_synthseg.core.pixels import FloatImage


@dataclass(frozen=True)
class Augmentation:
    """How far training crops are changed; each range is drawn from anew for each crop.

    `zoom` is the largest factor of size either way, `turn` rotates by any angle, `gain` and
    `gamma` are the largest factors either way, `offset` and `noise` are in normalized intensity,
    `blur` in pixels (standard deviation).
    """

    zoom: float = 2.0
    turn: bool = True
    gain: float = 2.0
    gamma: float = 2.0
    offset: float = 0.1
    noise: float = 0.05
    blur: float = 1.5


def random_crop(
    pair: DualImage, edge: int, augmentation: Augmentation, rng: np.random.Generator
) -> tuple[FloatImage, Labels]:
    """Return a changed crop of a dual image.

    Parameters
    ----------
    pair
        The dual image; smaller ones are mirrored at their border.
    edge
        Edge of the crop, pixels.

    Returns
    -------
    image
        (channel, [z,] y, x) float32.
    labels
        Exact labels of the crop.
    """
    image, ids = _warp(pair.image, pair.labels.ids, edge, augmentation, rng)
    return _shade(image, augmentation, rng), Labels(ids, pair.labels.classes)


def _warp(
    image: FloatImage,
    ids: NDArray[np.int32],
    edge: int,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> tuple[FloatImage, NDArray[np.int32]]:
    """Flip, turn, zoom and crop in one resampling (last two axes)."""
    import torch
    from torch.nn.functional import grid_sample

    height, width = ids.shape[-2:]
    zoom = float(np.exp(rng.uniform(-1, 1) * np.log(augmentation.zoom)))
    angle = rng.uniform(0, 2 * np.pi) if augmentation.turn and rng.random() < 0.5 else 0.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / zoom
    turn = turn @ _dihedral(rng)
    # Keep the sampled square inside the image where it fits.
    reach = edge / 2 * np.abs(turn).sum(axis=1)
    center = [
        rng.uniform(r, n - r) if n > 2 * r else n / 2
        for r, n in zip(reach, (height, width), strict=True)
    ]
    offsets = np.arange(edge) - (edge - 1) / 2
    yy, xx = np.meshgrid(offsets, offsets, indexing="ij")
    rows = turn[0, 0] * yy + turn[0, 1] * xx + center[0]
    columns = turn[1, 0] * yy + turn[1, 1] * xx + center[1]
    grid = np.stack([columns / width * 2 - 1, rows / height * 2 - 1], axis=-1)
    at = torch.from_numpy(grid.astype(np.float32))[None]
    stacked = image.reshape(1, -1, height, width)
    sampled = grid_sample(
        torch.from_numpy(np.ascontiguousarray(stacked)), at, "bilinear", "reflection", False
    )
    as_float = ids.reshape(1, -1, height, width).astype(np.float32)  # exact up to 2**24 objects
    marks = grid_sample(torch.from_numpy(as_float), at, "nearest", "reflection", False)
    shape = (*image.shape[:-2], edge, edge)
    return (
        sampled.numpy().reshape(shape),
        marks.numpy().reshape(shape[1:]).astype(np.int32),
    )


def _dihedral(rng: np.random.Generator) -> NDArray[np.float64]:
    quarter = rng.integers(4)
    turn = np.linalg.matrix_power(np.array([[0.0, -1.0], [1.0, 0.0]]), int(quarter))
    return turn @ np.diag([1.0, rng.choice([-1.0, 1.0])])


def _shade(image: FloatImage, augmentation: Augmentation, rng: np.random.Generator) -> FloatImage:
    """Change brightness, contrast, gamma, sharpness and noise."""
    from scipy.ndimage import gaussian_filter

    if augmentation.gamma > 1 and rng.random() < 0.5:
        power = float(np.exp(rng.uniform(-1, 1) * np.log(augmentation.gamma)))
        image = np.sign(image) * np.abs(image) ** np.float32(power)
    gain = np.float32(np.exp(rng.uniform(-1, 1) * np.log(augmentation.gain)))
    image = image * gain + np.float32(rng.uniform(-1, 1) * augmentation.offset)
    if len(image) > 1:  # colors drift a little from slide to slide
        drift = np.exp(rng.uniform(-1, 1, len(image)) * np.log(augmentation.gain) * 0.2)
        image = image * drift.astype(np.float32).reshape((-1,) + (1,) * (image.ndim - 1))
    if augmentation.blur > 0 and rng.random() < 0.25:
        sigma = rng.uniform(0.3, augmentation.blur)
        image = np.stack([gaussian_filter(c, sigma) for c in image])
    if augmentation.noise > 0 and rng.random() < 0.5:
        grain = rng.standard_normal(image.shape, np.float32)
        image = image + grain * np.float32(rng.uniform(0, augmentation.noise))
    return np.asarray(image, np.float32)
