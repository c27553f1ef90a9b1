"""Random changes of training crops that keep the labels exact.

The same for every source of training data, so that a comparison of sources compares nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch.nn.functional import grid_sample

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import (
    BoxLabels,
    DualImage,
    ImageTags,
    Labels,
    PixelLabels,
    PointLabels,
)
from napari_synthseg.core.pixels import FloatImage, compress


@dataclass(frozen=True)
class Augmentation:
    """How far training crops are changed; each range is drawn from anew for each crop.

    `zoom` is the largest factor of size either way, `turn` rotates by any angle, `gain` and
    `gamma` are the largest factors either way, `offset` and `noise` are in normalized intensity,
    `blur` in pixels (standard deviation). `axial_blur` is that of volumes along z alone, in pixels
    of the finest axis: a microscope's own, which makes objects above each other run together.
    """

    zoom: float = 2.0
    turn: bool = True
    gain: float = 2.0
    gamma: float = 2.0
    offset: float = 0.1
    noise: float = 0.05
    blur: float = 1.5
    axial_blur: float = 3.0


@dataclass(frozen=True, eq=False)
class Crop:
    """A changed crop of a dual image.

    Attributes
    ----------
    image
        (channel, [z,] y, x) float32.
    labels
        Exact labels of the crop.
    zoom
        How many times larger than in the dual image all is, along each axis.
    """

    image: FloatImage
    labels: Labels
    zoom: float


LARGE_PX = 2**22
"""Pixels of a plane from which on only the part of it that a crop shows is resampled: labels are
turned into floating point for that."""


def random_crop(
    pair: DualImage,
    shape: tuple[int, ...],
    augmentation: Augmentation,
    rng: np.random.Generator,
    spacing: tuple[float, ...] = (),
) -> Crop:
    """Return a changed crop of a dual image.

    An image of which it is only known what is somewhere on it is neither enlarged nor turned by
    odd angles, so that all of it stays in sight; nor is one turned so of which only boxes are
    known, so that the boxes stay tight. What is mirrored beyond its border is `UNKNOWN`.

    Parameters
    ----------
    pair
        The dual image; smaller ones are mirrored at their border.
    shape
        Spatial shape ([z,] y, x) of the crop, pixels; as high as wide.
    spacing
        Distance of pixels along each axis, in units of the shortest; empty: all alike.
    """
    zoom = float(np.exp(rng.uniform(-1, 1) * np.log(augmentation.zoom)))
    labels, image = pair.labels, pair.image
    if isinstance(labels, ImageTags):
        zoom = min(zoom, 1 / zoom)
    per_pixel = labels if isinstance(labels, PixelLabels) else None
    array = per_pixel.array if per_pixel else np.broadcast_to(np.int32(0), labels.shape)
    if array.ndim == 3:
        image, array = _cut_planes(image, array, shape[0], zoom, rng)
    turned = augmentation.turn and not isinstance(labels, ImageTags | BoxLabels)
    view = _choose_view(array.shape[-2:], shape[-1], zoom, turned, rng)
    image, array = _resample(image, array, view)
    labels = per_pixel.with_array(array) if per_pixel else _carry(labels, view, array.shape)
    return Crop(_shade(image, augmentation, rng, spacing), labels, zoom)


def _carry(labels: Labels, view: CropView, shape: tuple[int, ...]) -> Labels:
    """Return boxes, points or image labels in pixels of a crop of a shape."""
    match labels:
        case BoxLabels():
            boxes, unknown = view.carry(labels.boxes), view.unknown(labels)
            return replace(labels, boxes=boxes, shape=shape, unknown=unknown)
        case PointLabels() if len(shape) == 2:
            return replace(labels, positions=view.carry_points(labels.positions), shape=shape)
        case ImageTags():
            return replace(labels, shape=shape)
    raise InputError("Points in volumes teach nothing yet: add the stack plane by plane.")


@dataclass(frozen=True, eq=False)
class CropView:
    """Which square of an image a crop shows: flipped, turned and zoomed.

    Attributes
    ----------
    turn
        Matrix (2, 2) from steps (y, x) in the crop to steps in the image.
    center
        Of the square in the image, (y, x), pixels from its corner.
    edge
        Of the crop, pixels.
    """

    turn: NDArray[np.float64]
    center: NDArray[np.float64]
    edge: int

    def positions(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where in the image each pixel of the crop is: rows, columns from the corner."""
        offsets = np.arange(self.edge) - (self.edge - 1) / 2
        yy, xx = np.meshgrid(offsets, offsets, indexing="ij")
        rows = self.turn[0, 0] * yy + self.turn[0, 1] * xx + self.center[0]
        columns = self.turn[1, 0] * yy + self.turn[1, 1] * xx + self.center[1]
        return rows, columns

    def carry_points(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return positions (point, (y, x)) in the image as positions in the crop."""
        moved = (positions + 0.5 - self.center) @ np.linalg.inv(self.turn).T
        return np.asarray(moved + self.edge / 2 - 0.5)

    def unknown(self, labels: BoxLabels) -> NDArray[np.bool_]:
        """Return at which pixels of the crop the image is unknown, or at an end."""
        rows, columns = self.positions()
        height, width = labels.shape
        outside = (rows < 0) | (rows > height) | (columns < 0) | (columns > width)
        if labels.unknown is None:
            return np.asarray(outside)
        y, x = (
            np.clip(at.astype(int), 0, n - 1)
            for at, n in zip((rows, columns), labels.shape, strict=True)
        )
        return np.asarray(outside | labels.unknown[y, x])

    def carry(self, boxes: Boxes) -> Boxes:
        """Return boxes of the image in pixels of the crop, which they may surpass."""
        back = np.linalg.inv(self.turn).T
        corners = boxes.corners.reshape(-1, 2, 2) - self.center
        moved = corners @ back + self.edge / 2
        return Boxes.of(
            np.hstack([moved.min(axis=1), moved.max(axis=1)]), boxes.classes, boxes.scores
        )


def _cut_planes(
    image: FloatImage,
    ids: NDArray[np.int32],
    count: int,
    zoom: float,
    rng: np.random.Generator,
) -> tuple[FloatImage, NDArray[np.int32]]:
    """Zoom, flip and crop along z: interpolate the image, take the nearest plane of the ids.

    Where there are too few planes, the volume is continued by its mirror image.
    """
    reach, depth = count / 2 / zoom, len(ids)
    center = rng.uniform(reach, depth - reach) if depth > 2 * reach else depth / 2
    planes = center - 0.5 + (np.arange(count) - (count - 1) / 2) / zoom
    if rng.random() < 0.5:
        planes = planes[::-1]
    below = np.floor(planes).astype(int)
    share = (planes - below).astype(np.float32).reshape(-1, 1, 1)
    lower, upper, nearest = (
        _mirrored(index, depth) for index in (below, below + 1, np.floor(planes + 0.5).astype(int))
    )
    return image[:, lower] * (1 - share) + image[:, upper] * share, ids[nearest]


def _mirrored(index: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Return indices with those outside 0..length-1 reflected, edge planes repeated."""
    wrapped = index % (2 * length)
    return np.minimum(wrapped, 2 * length - 1 - wrapped)


def _choose_view(
    shape: tuple[int, ...], edge: int, zoom: float, turned: bool, rng: np.random.Generator
) -> CropView:
    """Choose how an image of a shape (y, x) is flipped, turned and cropped."""
    angle = rng.uniform(0, 2 * np.pi) if turned and rng.random() < 0.5 else 0.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / zoom
    turn = turn @ _dihedral(rng)
    # Keep the sampled square inside the image where it fits.
    reach = edge / 2 * np.abs(turn).sum(axis=1)
    center = [
        rng.uniform(r, n - r) if n > 2 * r else n / 2 for r, n in zip(reach, shape, strict=True)
    ]
    return CropView(turn, np.array(center), edge)


def _resample(
    image: FloatImage, ids: NDArray[np.int32], view: CropView
) -> tuple[FloatImage, NDArray[np.int32]]:
    """Flip, turn, zoom and crop in one resampling of the last two axes."""
    image, ids, view = _cut_out(image, ids, view)
    height, width = ids.shape[-2:]
    rows, columns = view.positions()
    grid = np.stack([columns / width * 2 - 1, rows / height * 2 - 1], axis=-1)
    at = torch.from_numpy(grid.astype(np.float32))[None]
    stacked = image.reshape(1, -1, height, width)
    sampled = grid_sample(
        torch.from_numpy(np.ascontiguousarray(stacked)), at, "bilinear", "reflection", False
    )
    as_float = ids.reshape(1, -1, height, width).astype(np.float32)  # exact up to 2**24 objects
    labels = grid_sample(torch.from_numpy(as_float), at, "nearest", "reflection", False)
    shape = (*image.shape[:-2], view.edge, view.edge)
    return (
        sampled.numpy().reshape(shape),
        labels.numpy().reshape(shape[1:]).astype(np.int32),
    )


def _cut_out(
    image: FloatImage, ids: NDArray[np.int32], view: CropView
) -> tuple[FloatImage, NDArray[np.int32], CropView]:
    """Return the part of a large image that a crop shows, and the crop in it.

    A small image, and one beyond whose border the crop looks, is returned as it is.
    """
    height, width = ids.shape[-2:]
    if height * width < LARGE_PX:
        return image, ids, view
    ends = [(int(at.min()) - 2, int(at.max()) + 3) for at in view.positions()]
    (top, bottom), (left, right) = ends
    if min(top, left) < 0 or bottom > height or right > width:
        return image, ids, view
    part = (..., slice(top, bottom), slice(left, right))
    return image[part], ids[part], replace(view, center=view.center - (top, left))


def _dihedral(rng: np.random.Generator) -> NDArray[np.float64]:
    quarter = rng.integers(4)
    turn = np.linalg.matrix_power(np.array([[0.0, -1.0], [1.0, 0.0]]), int(quarter))
    return turn @ np.diag([1.0, rng.choice([-1.0, 1.0])])


def _shade(
    image: FloatImage,
    augmentation: Augmentation,
    rng: np.random.Generator,
    spacing: tuple[float, ...],
) -> FloatImage:
    """Compress outliers; change brightness, contrast, gamma, sharpness and noise."""
    image = compress(image)
    if augmentation.gamma > 1 and rng.random() < 0.5:
        power = float(np.exp(rng.uniform(-1, 1) * np.log(augmentation.gamma)))
        image = np.sign(image) * np.abs(image) ** np.float32(power)
    gain = np.float32(np.exp(rng.uniform(-1, 1) * np.log(augmentation.gain)))
    image = image * gain + np.float32(rng.uniform(-1, 1) * augmentation.offset)
    if len(image) > 1:  # colors drift a little from slide to slide
        drift = np.exp(rng.uniform(-1, 1, len(image)) * np.log(augmentation.gain) * 0.2)
        image = image * drift.astype(np.float32).reshape((-1,) + (1,) * (image.ndim - 1))
    if image.ndim == 4 and augmentation.axial_blur > 0 and rng.random() < 0.5:
        sigma = rng.uniform(0, augmentation.axial_blur) / (spacing or (1.0,))[0]
        image = gaussian_filter(image, (0, sigma, 0, 0))
    if augmentation.blur > 0 and rng.random() < 0.25:
        sigma = rng.uniform(0.3, augmentation.blur)
        along = [sigma / s for s in spacing] or sigma
        image = np.stack([gaussian_filter(c, along) for c in image])
    if augmentation.noise > 0 and rng.random() < 0.5:
        noise = rng.standard_normal(image.shape, np.float32)
        image = image + noise * np.float32(rng.uniform(0, augmentation.noise))
    return np.asarray(image, np.float32)
