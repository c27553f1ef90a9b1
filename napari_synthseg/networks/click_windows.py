"""Windows of an image as the click network sees them.

A window has `WINDOW_PX` pixels along each side, and the usual object of the clicked class is
`OBJECT_PX` of them wide, however large it is in the image. Only the pixels below a window are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.pixels import FloatImage, PixelSource

WINDOW_PX = 64
OBJECT_PX = 22.0
MIDDLE = (WINDOW_PX - 1) / 2

CORE_PX, RING_PX = OBJECT_PX / 4, (0.75 * OBJECT_PX, 1.5 * OBJECT_PX)
"""What is taken for object and what for its surroundings, away from a click."""

CANCELLED_SHARE = 0.1
"""A mean of channels that tells objects apart less than this share of what the discriminant does
shows nothing but noise."""

CLICK_SIGMA_PX = 2.0
CLIP = 3.0
"""Bound of brightness; -1 and 1 are the 2nd and 98th percentile of a window."""


@dataclass(frozen=True)
class Frame:
    """Where a window lies: its middle (y, x) in the image, and image pixels for each of its own.

    The `step` is that along the finest axis; `spacing` is the distance of the image's pixels along
    y and x, in units of the shortest, so that a window's own pixels are always square.
    """

    center: tuple[float, float]
    step: float
    spacing: tuple[float, float] = (1.0, 1.0)

    @property
    def steps(self) -> tuple[float, float]:
        """Image pixels for each of the window's, along y and x."""
        return self.step / self.spacing[0], self.step / self.spacing[1]

    def to_window(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where places of the image (n, (y, x)) lie in the window."""
        places: NDArray[np.float64] = (positions - np.array(self.center)) / self.steps + MIDDLE
        return places


@dataclass(frozen=True)
class Resampling:
    """How the pixels of one axis become those of a window, and back."""

    start: int
    stop: int
    """The image pixels that are read, half open."""

    weights: NDArray[np.float32]
    """(window pixel, image pixel); rows add up to 1."""


def resample_axis(center: float, step: float, low: int, high: int) -> Resampling:
    """Plan a window along one axis of an image whose pixels run from `low` to `high`, half open.

    Shrinking takes weighted means (a triangle of the step's width), enlarging is linear. Beyond the
    image its outermost pixels are repeated.
    """
    half = max(step, 1.0)
    places = center + (np.arange(WINDOW_PX) - MIDDLE) * step
    places = np.clip(places, low - half, high - 1 + half)  # beyond, nothing else is seen
    first, last = int(np.ceil(places[0] - half)), int(np.floor(places[-1] + half))
    away = np.abs(np.arange(first, last + 1, dtype=np.float32) - places[:, None])
    shares = np.maximum(1 - away / half, 0)
    weights = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
    start, stop = min(max(first, low), high - 1), max(min(last + 1, high), low + 1)
    before, after = max(start - first, 0), max(last + 1 - stop, 0)
    inner = weights[:, before : weights.shape[1] - after].copy()
    inner[:, 0] += weights[:, :before].sum(axis=1)
    inner[:, -1] += weights[:, weights.shape[1] - after :].sum(axis=1)
    return Resampling(start, stop, inner)


def cut_window(pixels: PixelSource, frame: Frame) -> FloatImage:
    """Read one window as (channel, y, x)."""
    rows, columns = (
        resample_axis(center, step, *limit)
        for center, step, limit in zip(frame.center, frame.steps, pixels.region, strict=True)
    )
    crop = pixels.read(((rows.start, rows.stop), (columns.start, columns.stop)))
    return np.asarray(rows.weights @ crop @ columns.weights.T, np.float32)


def fit_discriminant(
    windows: FloatImage, others: Sequence[NDArray[np.float64]]
) -> NDArray[np.float32]:
    """Return how channels become brightness and discriminant, (2, channel).

    Brightness is the mean of all, the discriminant tells objects from their surroundings best.
    Where the mean hardly tells them apart (colors that cancel out) both are the discriminant.

    Parameters
    ----------
    windows
        (n, channel, y, x), each with a clicked object in its middle.
    others
        For each window the places (m, (y, x)) of the other clicks in it: what lies near them is
        not taken for surroundings.
    """
    count = windows.shape[1]
    if count == 1:
        return np.ones((2, 1), np.float32)
    y, x = np.mgrid[:WINDOW_PX, :WINDOW_PX]
    away = np.hypot(y - MIDDLE, x - MIDDLE)
    core, ring = away < CORE_PX, (away > RING_PX[0]) & (away < RING_PX[1])
    inside, outside = [], []
    for window, places in zip(windows, others, strict=True):
        free = ring.copy()
        for place in places:
            free &= np.hypot(y - place[0], x - place[1]) > OBJECT_PX / 2
        inside.append(window[:, core])
        outside.append(window[:, free if free.any() else ring])
    near, far = np.concatenate(inside, axis=1), np.concatenate(outside, axis=1)
    scatter = (np.cov(near) + np.cov(far)) / 2
    scatter += np.eye(count) * (0.02 * np.trace(scatter) / count + 1e-8)
    shift = near.mean(axis=1) - far.mean(axis=1)
    weights = np.linalg.solve(scatter, shift)
    weights /= max(float(np.abs(weights).sum()), 1e-12)
    mean = np.full(count, 1 / count)
    by_mean, by_weights = (
        abs(float(w @ shift)) / np.sqrt(float(w @ scatter @ w) + 1e-24) for w in (mean, weights)
    )
    brightness = weights if by_mean < CANCELLED_SHARE * by_weights else mean
    return np.stack([brightness, weights]).astype(np.float32)


def normalize_windows(planes: FloatImage) -> FloatImage:
    """Stretch windows (n, y, x) each to its own range of brightness."""
    flat = planes.reshape(len(planes), -1)
    ordered = np.sort(flat, axis=1)
    low = ordered[:, int(0.02 * flat.shape[1])][:, None, None]
    high = ordered[:, int(0.98 * flat.shape[1]) - 1][:, None, None]
    scale = np.maximum(high - low, 1e-6)
    stretched: FloatImage = np.clip((planes - low) / scale * 2 - 1, -CLIP, CLIP)
    return stretched.astype(np.float32, copy=False)


def reduce_channels(windows: FloatImage, weights: NDArray[np.float32]) -> FloatImage:
    """Return brightness and discriminant, (n, 2, y, x), of windows (n, channel, y, x)."""
    if weights.shape[1] == 1:
        mean = normalize_windows(windows[:, 0])
        return np.stack([mean, mean], axis=1)
    reduced = [normalize_windows(np.tensordot(windows, w, axes=(1, 0))) for w in weights]
    return np.stack(reduced, axis=1)


def average_look(reduced: FloatImage) -> FloatImage:
    """Return what the clicked objects look like on average, (y, x), turned and mirrored alike.

    `reduced` is (n, 2, y, x); its discriminant is averaged.
    """
    mean = reduced[:, 1].mean(axis=0)
    mean = mean + mean[::-1]
    mean = mean + mean[:, ::-1]
    look: FloatImage = (mean + mean.T) / 8
    return look


def draw_clicks(places: NDArray[np.float64]) -> FloatImage:
    """Return a map (y, x) with a Gaussian at each place (n, (y, x)) of a window."""
    grid = np.arange(WINDOW_PX, dtype=np.float32)
    plane = np.zeros((WINDOW_PX, WINDOW_PX), np.float32)
    for y, x in places:
        rows = np.exp(-0.5 * ((grid - np.float32(y)) / CLICK_SIGMA_PX) ** 2)
        columns = np.exp(-0.5 * ((grid - np.float32(x)) / CLICK_SIGMA_PX) ** 2)
        plane = np.maximum(plane, rows[:, None] * columns)
    return plane


def within_window(places: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which places (n, (y, x)) of a window lie in it or just outside."""
    reach = 2 * CLICK_SIGMA_PX
    inside = (places > -reach) & (places < WINDOW_PX - 1 + reach)
    return np.asarray(inside.all(axis=1))


CLICK_PLANE = draw_clicks(np.array([[MIDDLE, MIDDLE]]))


def stack_planes(reduced: FloatImage, others: FloatImage, look: FloatImage) -> FloatImage:
    """Return what the network takes, (n, plane, y, x).

    Parameters
    ----------
    reduced
        Brightness and discriminant, (n, 2, y, x).
    others
        The clicks on what the object is not, drawn, (n, y, x).
    look
        `average_look`, (y, x) or one for each window; zero where unknown.
    """
    planes = np.empty((len(reduced), 5, WINDOW_PX, WINDOW_PX), np.float32)
    planes[:, :2] = reduced
    planes[:, 2] = CLICK_PLANE
    planes[:, 3] = others
    planes[:, 4] = look
    return planes
