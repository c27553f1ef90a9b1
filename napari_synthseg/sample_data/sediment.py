"""A simulated field of urine sediment in bright field, with exact masks: needs no file at all.

Each object is a map of transmitted light (1 = all of it) round its outline: a dark edge, a bright
fringe outside as left by defocus, and an inside of its class. Maps multiply, as absorbers do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import CLASS_COLORS, ObjectClass
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.patches.simulated_clicks import click_masks, cut_labels
from napari_synthseg.sample_data.sample import Sample, SampleContent
from napari_synthseg.sample_data.shapes import Shape, crystal, debris, granular_cell, round_cell

SHAPE = (512, 1024)
GAP_PX = 48
"""Width of the strip between the parts, pixels: the largest object fits in."""

CLASSES = (
    ObjectClass(name="round cell", value=1, diameter=22, color=CLASS_COLORS[0]),
    ObjectClass(name="granular cell", value=2, diameter=36, color=CLASS_COLORS[1]),
    ObjectClass(name="crystal", value=3, diameter=30, color=CLASS_COLORS[2]),
)
MAKERS: dict[int, Callable[[np.random.Generator], Shape]] = {
    1: round_cell,
    2: granular_cell,
    3: crystal,
}
OBJECT_COUNTS = {1: 120, 2: 40, 3: 50}
DEBRIS_COUNT = 150
TOUCHING_SHARE = 0.35
"""Share of the objects that are laid against another one."""

MAX_COVERED_SHARE = 0.12
"""Share of an object that another one may cover."""


def read_sediment(seed: int = 7) -> SampleContent:
    """Compute the field: the left part is clicked, the right part scored."""
    image, labels = simulate_field(seed)
    height, width = SHAPE
    train = ((0, height), (0, (width - GAP_PX) // 2))
    test = ((0, height), ((width + GAP_PX) // 2, width))
    return SampleContent(
        image=image,
        axes="yx",
        classes=CLASSES,
        clicks=tuple(click_masks(cut_labels(labels, train))),
        train=train,
        test=test,
        truth=cut_labels(labels, test),
    )


def simulate_field(seed: int) -> tuple[NDArray[np.uint8], InstanceLabels]:
    """Compute an image, shape (y, x), and the exact masks of its objects."""
    rng = np.random.default_rng(seed)
    scene = _Scene(np.ones(SHAPE), np.zeros(SHAPE, np.int32))
    for _ in range(DEBRIS_COUNT):
        scene.multiply(debris(rng), rng.uniform(0, SHAPE))
    values = [v for v, count in OBJECT_COUNTS.items() for _ in range(count)]
    for value in rng.permutation(values).tolist():
        scene.place(rng, value, MAKERS[value](rng))
    return _expose(rng, scene.light), InstanceLabels(scene.ids, scene.classes)


@dataclass(eq=False)
class _Scene:
    """What has been laid out so far; `light` is the share of light that comes through."""

    light: NDArray[np.float64]
    ids: NDArray[np.int32]
    classes: dict[int, int] = field(default_factory=dict)
    areas: dict[int, int] = field(default_factory=dict)
    placed: list[tuple[NDArray[np.float64], float]] = field(default_factory=list)

    def place(self, rng: np.random.Generator, value: int, shape: Shape) -> None:
        """Lay an object where it covers little of the others; give up where there is no room."""
        for _ in range(60):
            center = self._propose(rng, shape)
            if self._has_room(shape, center):
                break
        else:
            return
        instance = len(self.classes) + 1
        self.multiply(shape, center)
        window, part = _overlap(shape, center)
        for other, pixels in self._covered(shape, center).items():
            self.areas[other] -= pixels
        self.areas[instance] = int(shape.inside[part].sum())
        self.ids[window][shape.inside[part]] = instance
        self.classes[instance] = value
        self.placed.append((center, shape.reach))

    def multiply(self, shape: Shape, center: NDArray[np.float64]) -> None:
        """Let the light pass through a shape."""
        window, part = _overlap(shape, center)
        self.light[window] *= shape.light[part]

    def _propose(self, rng: np.random.Generator, shape: Shape) -> NDArray[np.float64]:
        if not self.placed or rng.random() > TOUCHING_SHARE:
            return rng.uniform(0, SHAPE)
        neighbor, reach = self.placed[rng.integers(len(self.placed))]
        angle = rng.uniform(0, 2 * np.pi)
        distance = (reach + shape.reach) * rng.uniform(0.9, 1.05)
        near: NDArray[np.float64] = neighbor + distance * np.array([np.sin(angle), np.cos(angle)])
        return near

    def _has_room(self, shape: Shape, center: NDArray[np.float64]) -> bool:
        _, part = _overlap(shape, center)
        own = shape.inside[part].sum()
        if own < 0.3 * shape.inside.sum():  # too far outside the field
            return False
        covered = self._covered(shape, center)
        return all(n <= MAX_COVERED_SHARE * min(own, self.areas[i]) for i, n in covered.items())

    def _covered(self, shape: Shape, center: NDArray[np.float64]) -> dict[int, int]:
        """Return how many pixels of which objects a shape would cover."""
        window, part = _overlap(shape, center)
        under, counts = np.unique(self.ids[window][shape.inside[part]], return_counts=True)
        return {i: n for i, n in zip(under.tolist(), counts.tolist(), strict=True) if i}


def _overlap(
    shape: Shape, center: NDArray[np.float64]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the window of the field that a shape covers, and the part of the shape in it."""
    first = np.round(center).astype(int) - shape.light.shape[0] // 2
    start = np.clip(first, 0, SHAPE)
    stop = np.clip(first + shape.light.shape, 0, SHAPE)
    window = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    part = tuple(slice(a - f, b - f) for a, b, f in zip(start, stop, first, strict=True))
    return (window[0], window[1]), (part[0], part[1])


def _expose(rng: np.random.Generator, light: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Turn transmitted light into camera counts: uneven lamp, thickness, blur and noise."""
    from scipy.ndimage import gaussian_filter

    height, width = SHAPE
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    lamp = 178.0 + 9.0 * x - 6.0 * y - 14.0 * (x - 0.2) ** 2 - 8.0 * (y + 0.1) ** 2
    cloud = gaussian_filter(rng.normal(size=SHAPE), 40)
    grain = gaussian_filter(rng.normal(size=SHAPE), 1.2)
    clean = gaussian_filter(light, 0.7) * (lamp + 3.0 * cloud / cloud.std())
    counts = clean + 1.6 * grain / grain.std() + rng.normal(0, 2.0, SHAPE)
    stored: NDArray[np.uint8] = np.clip(np.round(counts), 0, 255).astype(np.uint8)
    return stored


SEDIMENT = Sample(
    name="sediment",
    title="Urine sediment, three classes (simulated)",
    note=(
        "Simulated: a computed bright-field image in the manner of urine sediment, with round "
        "cells, granular cells, crystals and unlabeled debris, 512 x 1024 pixels, and exact "
        "masks. It shows how several classes are handled; figures on it say nothing about real "
        "sediment. The clicks on its left part were derived from the masks. Made by this package "
        "(BSD-3-Clause)."
    ),
    simulated=True,
    read=read_sediment,
)
