"""Drawn micrographs of kinds that are hard to outline from clicks, each with its exact truth.

Nothing here is shared with the drawings that the shipped weights learned from. The look of a case
(contrast, size, blur, noise) is drawn from one generator, what lies where from another, so that
several images of one look can be made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]
Plane = NDArray[np.float64]

CLICK_JITTER = 0.1
"""How far a click is from the innermost point, in diameters of the object."""


@dataclass(frozen=True, eq=False)
class DrawnObject:
    """An object, and a click on it.

    Attributes
    ----------
    cls
        Class value.
    mask
        Its pixels, (y, x), with all that lies inside it, without what lies on top of it.
    click
        Position (y, x).
    """

    cls: int
    mask: Mask
    click: tuple[float, float]


@dataclass(frozen=True, eq=False)
class DrawnImage:
    """An image, and what it shows.

    Attributes
    ----------
    pixels
        Gray values, (y, x).
    ids
        The n-th object's visible pixels are n, counted from 1, (y, x).
    objects
        The n-th has the id n.
    """

    pixels: NDArray[np.uint8]
    ids: NDArray[np.int32]
    objects: tuple[DrawnObject, ...]

    @property
    def classes(self) -> dict[int, int]:
        """Id -> class value."""
        return {number: thing.cls for number, thing in enumerate(self.objects, start=1)}


@dataclass(frozen=True)
class DrawnCase:
    """A kind of image: its classes, with the diameter that a user would type, and how to draw."""

    diameters: Mapping[str, float]
    draw: Callable[[np.random.Generator, np.random.Generator], DrawnImage]


class Canvas:
    """An image in the making: objects one on top of another."""

    def __init__(self, shape: tuple[int, int], level: float) -> None:
        self.light: Plane = np.full(shape, float(level))
        self.ids = np.zeros(shape, np.int32)
        self._classes: list[int] = []
        self._masks: list[Mask] = []
        self._parents: list[int] = []
        self._places: list[tuple[float, float] | None] = []

    def add(
        self,
        mask: Mask,
        cls: int = 1,
        inside: int = 0,
        place: tuple[float, float] | None = None,
    ) -> int:
        """Lay an object on top of all, or into another; return its id.

        `place` is where a user would click, if that is not the innermost point.
        """
        covered = {int(n) for n in np.unique(self.ids[mask])} - {0}
        covered |= {self._parents[n - 1] for n in covered}
        for number in covered - {0, inside}:
            self._masks[number - 1] &= ~mask
        self._parents.append(inside)
        self._classes.append(cls)
        self._masks.append(mask.copy())
        self._places.append(place)
        self.ids[mask] = len(self._masks)
        return len(self._masks)

    def finish(self, rng: np.random.Generator, blur: float, noise: float) -> DrawnImage:
        """Take the picture, and click every object that can be seen."""
        light = ndimage.gaussian_filter(self.light, blur) + rng.normal(0, noise, self.light.shape)
        visible = np.bincount(self.ids.ravel(), minlength=len(self._masks) + 1) > 0
        seen = [n for n in range(len(self._masks)) if visible[n + 1]]
        numbers = np.zeros(len(visible), np.int32)
        numbers[[n + 1 for n in seen]] = np.arange(1, len(seen) + 1)
        objects = tuple(
            DrawnObject(self._classes[n], self._masks[n], self._click(n, rng)) for n in seen
        )
        return DrawnImage(light.clip(0, 255).astype(np.uint8), numbers[self.ids], objects)

    def _click(self, index: int, rng: np.random.Generator) -> tuple[float, float]:
        place = self._places[index]
        pixels = np.argwhere(self._masks[index])
        if place is None:
            low = pixels.min(axis=0)
            mask = np.zeros(pixels.max(axis=0) - low + 3, bool)  # a margin of one pixel
            mask[tuple((pixels - low + 1).T)] = True
            depth = ndimage.distance_transform_edt(mask)
            middle = np.unravel_index(depth.argmax(), mask.shape) + low - 1
            diameter = 2 * np.sqrt(len(pixels) / np.pi)
            aim = middle + rng.normal(0, CLICK_JITTER * diameter / np.sqrt(2), 2)
        else:
            aim = np.array(place)
        y, x = pixels[((pixels - aim) ** 2).sum(axis=1).argmin()]
        return float(y), float(x)


# --- the cases -----------------------------------------------------------------------------------


def draw_nested(look: np.random.Generator, rng: np.random.Generator) -> DrawnImage:
    """Draw cells with a nucleus or two inside, brighter or darker than the cell."""
    canvas = Canvas((512, 512), 70)
    cell_light, sign = look.uniform(28, 50), look.choice([-1.0, 1.0])
    nucleus_light = sign * look.uniform(35, 55) + (cell_light if sign > 0 else 0)
    blur, noise = look.uniform(0.8, 1.4), look.uniform(3, 6)
    grain = 5 * texture(rng, canvas.ids.shape, 3)
    for y, x in scatter(rng, canvas.ids.shape, 22, gap=58, margin=34):
        radius = 28 * rng.uniform(0.85, 1.15)
        cell = wavy_disk(canvas.ids.shape, (y, x), radius, rng) & (canvas.ids == 0)
        number = canvas.add(cell, 1)
        canvas.light[cell] += cell_light + grain[cell]
        angle = rng.uniform(0, 2 * np.pi)
        for turn in range(2 if rng.random() < 0.15 else 1):
            off, way = radius * rng.uniform(0.25, 0.45), angle + turn * np.pi
            middle = (y + off * np.sin(way), x + off * np.cos(way))
            size = 10.5 * rng.uniform(0.85, 1.15)
            nucleus = wavy_disk(canvas.ids.shape, middle, size, rng) & cell
            canvas.add(nucleus, 2, inside=number)
            canvas.light[nucleus] += nucleus_light
    return canvas.finish(rng, blur, noise)


def draw_parasites(look: np.random.Generator, rng: np.random.Generator) -> DrawnImage:
    """Draw blood cells, dark with a pale middle, a third of which hold dark spots of 8 pixels."""
    canvas = Canvas((512, 512), 200)
    dark, pale = look.uniform(45, 70), look.uniform(15, 35)
    spot_dark, noise = look.uniform(35, 60), look.uniform(3, 6)
    for y, x in scatter(rng, canvas.ids.shape, 34, gap=50, margin=30):
        cell = wavy_disk(canvas.ids.shape, (y, x), 26 * rng.uniform(0.9, 1.1), rng, waves=0.03)
        cell &= canvas.ids == 0
        number = canvas.add(cell, 1)
        depth = ndimage.distance_transform_edt(cell)
        canvas.light[cell] -= (dark - pale * np.clip((depth - 8) / 12, 0, 1))[cell]
        for _ in range(rng.choice([0, 1, 2], p=[0.65, 0.25, 0.1])):
            off, way = rng.uniform(4, 17), rng.uniform(0, 2 * np.pi)
            middle = (y + off * np.sin(way), x + off * np.cos(way))
            spot = wavy_disk(canvas.ids.shape, middle, 4 * rng.uniform(0.85, 1.15), rng) & cell
            canvas.add(spot, 2, inside=number)
            canvas.light[spot] -= spot_dark
    return canvas.finish(rng, 0.9, noise)


def draw_spots(look: np.random.Generator, rng: np.random.Generator) -> DrawnImage:
    """Draw spots of 4 pixels on uneven ground."""
    canvas = Canvas((384, 384), 60)
    canvas.light += look.uniform(6, 14) * texture(rng, canvas.ids.shape, 40)
    strength, noise = look.uniform(60, 110), look.uniform(4, 8)
    for y, x in scatter(rng, canvas.ids.shape, 140, gap=9, margin=4):
        spot = wavy_disk(canvas.ids.shape, (y, x), 2.0, rng, waves=0.0)
        canvas.add(spot)
        canvas.light[spot] += strength * rng.uniform(0.6, 1.2)
    return canvas.finish(rng, 0.7, noise)


def draw_large(look: np.random.Generator, rng: np.random.Generator) -> DrawnImage:
    """Draw few objects of 400 pixels, with inner structure and debris around."""
    canvas = Canvas((2048, 2048), 80)
    light, inner = look.uniform(35, 70), look.uniform(10, 22)
    blur, noise = look.uniform(1.5, 3.0), look.uniform(4, 9)
    coarse, fine = (texture(rng, canvas.ids.shape, sigma) for sigma in (28, 6))
    for y, x in scatter(rng, canvas.ids.shape, 10, gap=460, margin=235):
        mask = wavy_disk(canvas.ids.shape, (y, x), 200 * rng.uniform(0.88, 1.12), rng)
        canvas.add(mask & (canvas.ids == 0))
        canvas.light[mask] += light + (inner * coarse + inner / 2 * fine)[mask]
    for y, x in scatter(rng, canvas.ids.shape, 60, gap=30, margin=20):
        dust = wavy_disk(canvas.ids.shape, (y, x), rng.uniform(4, 12), rng)
        canvas.light[dust & (canvas.ids == 0)] += rng.uniform(20, 60)
    return canvas.finish(rng, blur, noise)


def draw_rare(look: np.random.Generator, rng: np.random.Generator) -> DrawnImage:
    """Draw 144 round objects and 6 long ones with bright ends."""
    canvas = Canvas((768, 768), 60)
    light, noise = look.uniform(50, 80), look.uniform(4, 8)
    places = scatter(rng, canvas.ids.shape, 150, gap=38, margin=26)
    for number, (y, x) in enumerate(places):
        if number < 6:
            rod, along = bar(canvas.ids.shape, (y, x), 34, 12, rng.uniform(0, np.pi))
            canvas.add(rod, 2)
            canvas.light[rod] += light * (0.6 + 0.8 * (np.abs(along) > 10))[rod]
            continue
        disk = wavy_disk(canvas.ids.shape, (y, x), 9 * rng.uniform(0.85, 1.15), rng)
        canvas.add(disk, 1)
        canvas.light[disk] += light * rng.uniform(0.8, 1.2)
    return canvas.finish(rng, 1.0, noise)


def draw_rims(look: np.random.Generator, rng: np.random.Generator) -> DrawnImage:
    """Draw touching cells as bright as the ground, with a dark rim and a faint bright middle."""
    canvas = Canvas((480, 480), 165)
    canvas.light += 8 * texture(rng, canvas.ids.shape, 80)
    dark, bright = look.uniform(35, 60), look.uniform(6, 14)
    width, noise = look.uniform(2.2, 3.2), look.uniform(2, 4)
    middles: list[tuple[float, float]] = []
    for start in scatter(rng, canvas.ids.shape, 9, gap=110, margin=45):
        cluster = [start]
        while len(cluster) < 4:
            from_y, from_x = cluster[rng.integers(len(cluster))]
            way = rng.uniform(0, 2 * np.pi)
            place = (from_y + 26 * np.sin(way), from_x + 26 * np.cos(way))
            near = (*middles, *cluster)
            if all(np.hypot(place[0] - y, place[1] - x) > 25 for y, x in near):
                cluster.append(place)
        middles += cluster
    disks = [wavy_disk(canvas.ids.shape, m, 14 * rng.uniform(0.92, 1.08), rng) for m in middles]
    y, x = np.mgrid[: canvas.ids.shape[0], : canvas.ids.shape[1]]
    nearest = np.argmin([np.hypot(y - a, x - b) for a, b in middles], axis=0)
    for number, disk in enumerate(disks):
        cell = disk & (nearest == number)
        depth = ndimage.distance_transform_edt(cell)
        canvas.add(cell)
        canvas.light[cell] += np.where(depth <= width, -dark, bright * depth / 14)[cell]
    return canvas.finish(rng, 0.8, noise)


def draw_fibers(look: np.random.Generator, rng: np.random.Generator) -> DrawnImage:
    """Draw bent fibers of 7 pixels' width that cross."""
    canvas = Canvas((512, 512), 55)
    light, noise, half = look.uniform(70, 120), look.uniform(5, 9), look.uniform(3.2, 4.0)
    for _ in range(14):
        middle, way, bend = rng.uniform(70, 442, 2), rng.uniform(0, np.pi), rng.normal(0, 0.005)
        steps = np.arange(-0.5, 0.5, 1e-3) * rng.uniform(110, 220)
        angles = way + bend * steps / 2
        path = middle + steps[:, None] * np.stack([np.sin(angles), np.cos(angles)], axis=1)
        path = path[((path >= 0) & (path < 511.4)).all(axis=1)]
        away = np.ones(canvas.ids.shape, bool)
        away[tuple(np.round(path).astype(int).T)] = False
        far = ndimage.distance_transform_edt(away)
        fiber = far <= half
        y, x = path[len(path) // 2]
        canvas.add(fiber, place=(float(y), float(x)))
        shade = rng.uniform(0.75, 1.15) * (1 - 0.5 * (far / half) ** 2)
        canvas.light[fiber] = 55 + light * shade[fiber]
    return canvas.finish(rng, 0.9, noise)


CASES = {
    "nested": DrawnCase({"cell": 56, "nucleus": 21}, draw_nested),
    "parasites": DrawnCase({"cell": 52, "parasite": 8}, draw_parasites),
    "spots": DrawnCase({"spot": 4}, draw_spots),
    "large": DrawnCase({"large": 400}, draw_large),
    "rare": DrawnCase({"common": 18, "rare": 23}, draw_rare),
    "rims": DrawnCase({"cell": 27}, draw_rims),
    "fibers": DrawnCase({"fiber": 60}, draw_fibers),
}


def draw(name: str, seed: int, count: int) -> list[DrawnImage]:
    """Draw images of one look."""
    seeds = (seed, *name.encode())
    return [
        CASES[name].draw(np.random.default_rng(seeds), np.random.default_rng((*seeds, number)))
        for number in range(count)
    ]


# --- shapes --------------------------------------------------------------------------------------


def scatter(
    rng: np.random.Generator, shape: tuple[int, ...], count: int, *, gap: float, margin: float
) -> list[tuple[float, float]]:
    """Return up to `count` places at least `gap` apart, `margin` from the border."""
    places: list[tuple[float, float]] = []
    for _ in range(200 * count):
        y, x = (rng.uniform(margin, edge - margin) for edge in shape)
        if all((y - a) ** 2 + (x - b) ** 2 >= gap**2 for a, b in places):
            places.append((y, x))
            if len(places) == count:
                break
    return places


def wavy_disk(
    shape: tuple[int, ...],
    center: tuple[float, float],
    radius: float,
    rng: np.random.Generator,
    waves: float = 0.05,
) -> Mask:
    """Return a disk whose radius waves by about this fraction."""
    whole = np.zeros(shape, bool)
    reach = radius * (1 + 4 * waves) + 1
    low = [max(int(c - reach), 0) for c in center]
    high = [min(int(c + reach) + 2, edge) for c, edge in zip(center, shape, strict=True)]
    y, x = np.mgrid[low[0] : high[0], low[1] : high[1]]
    y, x = y - center[0], x - center[1]
    angle, edge = np.arctan2(y, x), np.ones(y.shape)
    for order in (2, 3, 5):
        edge += 2 / order * waves * rng.normal() * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
    whole[low[0] : high[0], low[1] : high[1]] = np.hypot(y, x) <= radius * edge
    return whole


def bar(
    shape: tuple[int, ...], center: tuple[float, float], length: float, width: float, angle: float
) -> tuple[Mask, Plane]:
    """Return a bar with round ends, and how far along it each pixel lies from its middle."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    along = (y - center[0]) * np.sin(angle) + (x - center[1]) * np.cos(angle)
    across = (y - center[0]) * np.cos(angle) - (x - center[1]) * np.sin(angle)
    straight = np.clip(along, -(length - width) / 2, (length - width) / 2)
    return np.hypot(along - straight, across) <= width / 2, along


def texture(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> Plane:
    """Return smooth noise of standard deviation 1."""
    smooth: Plane = ndimage.gaussian_filter(rng.normal(size=shape), sigma)
    smooth /= smooth.std()
    return smooth
