"""Training windows: what the click network sees of a micrograph, and the outline it should give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.networks.click_windows import (
    OBJECT_PX,
    WINDOW_PX,
    Frame,
    average_look,
    cut_window,
    draw_clicks,
    fit_discriminant,
    reduce_channels,
    resample_axis,
    stack_planes,
    within_window,
)
from pretraining.micrograph import Micrograph
from pretraining.scene import DrawnObject

WINDOWS_OF_A_CLASS = 10
"""Objects of one class of a micrograph that are trained on."""

SIZE_ERROR = 0.22
"""Standard deviation of the logarithm of the diameter that the user gives."""

NESTED_SIZE_ERROR = 0.09
"""The same where the diameter alone says which of two objects in each other is meant."""

NESTING_KINDS = ("nested", "mosaic", "spots", "blood", "with_nucleus")
"""Kinds whose classes lie in each other: the clicks of one say nothing against the other."""

Array = NDArray[np.float32]


@dataclass(frozen=True)
class TrainingWindows:
    planes: Array
    """(n, plane, y, x), see `stack_planes`."""

    targets: Array
    """(n, y, x): the share of a window's pixel that is the object."""

    def __len__(self) -> int:
        return len(self.planes)


def make_windows(micrograph: Micrograph, rng: np.random.Generator) -> TrainingWindows:
    """Click objects of a micrograph as a user might and cut the windows round the clicks."""
    parts = []
    for cls in sorted({o.cls for o in micrograph.objects}):
        made = _windows_of_class(micrograph, cls, rng)
        if made is not None:
            parts.append(made)
    empty = np.zeros((0, 5, WINDOW_PX, WINDOW_PX), np.float32)
    return TrainingWindows(
        np.concatenate([p.planes for p in parts] or [empty]),
        np.concatenate([p.targets for p in parts] or [empty[:, 0]]),
    )


def _windows_of_class(
    micrograph: Micrograph, cls: int, rng: np.random.Generator
) -> TrainingWindows | None:
    mine = [o for o in micrograph.objects if o.cls == cls]
    mine = [o for o in mine if not _is_cut(o, micrograph) or rng.random() < 0.4] or mine
    diameter = micrograph.diameter(cls) * np.exp(_size_error(micrograph, rng))
    known = _choose_known(len(mine), rng)
    chosen = known[:WINDOWS_OF_A_CLASS]
    clicks = np.array([click_object(mine[n], rng) for n in known])
    rivals = clicks
    if micrograph.kind not in NESTING_KINDS and rng.random() < 0.5:
        strangers = [o for o in micrograph.objects if o.cls != cls]
        rivals = np.array([*clicks, *(click_object(o, rng) for o in strangers)])
    source = ArraySource(micrograph.pixels)
    frames = [Frame(tuple(click), diameter / OBJECT_PX) for click in clicks[: len(chosen)]]
    raw = np.stack([cut_window(source, frame) for frame in frames])
    places = [_other_places(frame, rivals, n) for n, frame in enumerate(frames)]
    weights = fit_discriminant(raw, places)
    reduced = reduce_channels(raw, weights)
    look = average_look(reduced)
    looks = np.repeat(look[None], len(frames), axis=0)
    looks[rng.random(len(frames)) < 0.15] = 0
    for n, frame in enumerate(frames):
        larger = _widened(frame, mine[chosen[n]], rng)
        if larger is not None:
            frames[n] = larger
            places[n] = _other_places(larger, rivals, n)
            reduced[n] = reduce_channels(cut_window(source, larger)[None], weights)[0]
            looks[n] = 0
    shape = micrograph.pixels.shape[1:]
    targets = np.stack(
        [_target(mine[i], frame, shape) for i, frame in zip(chosen, frames, strict=True)]
    )
    others = np.zeros_like(targets)
    for n in range(len(frames)):
        negative = _negative_places(targets[n], rng)
        others[n] = draw_clicks(np.concatenate([places[n], negative]))
    return TrainingWindows(stack_planes(reduced, others, looks), targets)


def _is_cut(made: DrawnObject, micrograph: Micrograph) -> bool:
    """Tell whether the border of the image cuts an object."""
    height, width = micrograph.pixels.shape[1:]
    bottom, right = made.row + made.mask.shape[0], made.column + made.mask.shape[1]
    return made.row <= 0 or made.column <= 0 or bottom >= height or right >= width


def _size_error(micrograph: Micrograph, rng: np.random.Generator) -> float:
    """Return the logarithm of the factor by which the given diameter is off."""
    if micrograph.kind in NESTING_KINDS and len({o.cls for o in micrograph.objects}) > 1:
        return float(rng.normal(0, NESTED_SIZE_ERROR))
    return float(rng.normal(0, SIZE_ERROR if rng.random() < 0.85 else 2 * SIZE_ERROR))


def _choose_known(count: int, rng: np.random.Generator) -> list[int]:
    """Return which of `count` objects are clicked, shuffled."""
    order = rng.permutation(count).tolist()
    kind = rng.random()
    if kind < 0.4:
        return order
    if kind < 0.55:
        return order[:1]
    return order[: max(1, int(count * rng.uniform(0, 0.7)))]


def click_object(made: DrawnObject, rng: np.random.Generator) -> tuple[float, float]:
    """Click near the innermost point of an object: (y, x) in the image."""
    depth = ndimage.distance_transform_edt(np.pad(made.mask, 1))[1:-1, 1:-1]
    innermost = np.array(np.unravel_index(int(depth.argmax()), depth.shape), float)
    diameter = 2 * np.sqrt(made.visible_area() / np.pi)
    for spread in rng.choice([0.05, 0.1, 0.15]) * np.array([1, 1, 0.7, 0.4]):
        moved = innermost + rng.normal(0, spread * diameter, 2)
        nearest = np.round(moved).astype(int)
        inside = ((nearest >= 0) & (nearest < made.mask.shape)).all()
        if inside and made.mask[tuple(nearest)]:
            innermost = moved
            break
    return float(innermost[0] + made.row), float(innermost[1] + made.column)


def _other_places(frame: Frame, clicks: NDArray[np.float64], own: int) -> NDArray[np.float64]:
    places = frame.to_window(np.delete(clicks, own, axis=0))
    return places[within_window(places)]


def _widened(frame: Frame, made: DrawnObject, rng: np.random.Generator) -> Frame | None:
    """Return the larger window that an object asks for which its window does not hold."""
    corners = np.array(
        [[made.row, made.column], np.add((made.row, made.column), made.mask.shape)], float
    )
    reach = np.abs(frame.to_window(corners) - (WINDOW_PX - 1) / 2).max()
    if reach < WINDOW_PX / 2 or rng.random() < 0.4:
        return None
    return Frame(frame.center, frame.step * max(reach / (WINDOW_PX / 2) * rng.uniform(1, 1.6), 1.3))


def _target(made: DrawnObject, frame: Frame, shape: tuple[int, ...]) -> Array:
    """Return the share of each pixel of a window that an object takes."""
    rows, columns = (
        resample_axis(c, frame.step, 0, n) for c, n in zip(frame.center, shape, strict=True)
    )
    whole = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.float32)
    low = np.maximum((made.row, made.column), (rows.start, columns.start))
    high = np.minimum(np.add((made.row, made.column), made.mask.shape), (rows.stop, columns.stop))
    if (low < high).all():
        whole[
            low[0] - rows.start : high[0] - rows.start,
            low[1] - columns.start : high[1] - columns.start,
        ] = made.mask[
            low[0] - made.row : high[0] - made.row, low[1] - made.column : high[1] - made.column
        ]
    return np.asarray(rows.weights @ whole @ columns.weights.T)


def _negative_places(target: Array, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return places that a user might mark as not part of the object."""
    if rng.random() > 0.15:
        return np.zeros((0, 2))
    outside = np.argwhere(target < 0.05)
    if not len(outside):
        return np.zeros((0, 2))
    return outside[rng.integers(len(outside), size=int(rng.integers(1, 4)))].astype(float)
