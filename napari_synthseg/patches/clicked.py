"""One clicked image: its patches, its background, its counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import Region, contains, region_shape
from napari_synthseg.core.labels import Labels
from napari_synthseg.core.patch import Background, ClickedImage, CountStatistics, Patch
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.core.project import Click, ImageRef
from napari_synthseg.patches.background import COARSEST, estimate_background
from napari_synthseg.patches.grade import CUT_OFF, ball, grade_mask
from napari_synthseg.patches.likeness import CORE, FAR, NEAR, Likeness, learn_likeness
from napari_synthseg.patches.masks import find_masks
from napari_synthseg.patches.settings import PatchSettings
from napari_synthseg.patches.territory import Seeds, divide
from napari_synthseg.patches.window import cut_image, cut_mask, enclose, window_round

SMOOTHING = 0.03
"""Smoothing of the likeness, in diameters (at least 0.7 pixels)."""

MISFIT = 1.25
"""Where a class's objects on one image differ from its diameter by more than this factor, the
image is worked on again with a diameter that fits."""

RIM = 0.2
"""Width of the rim round an object that its blur may reach, in diameters."""

LEAST_BACKGROUND = 0.002
"""Below this share of sure background, all that is outside the masks must do."""

SAMPLE = 300
"""Clicks of a class that the likeness is learned from, at most."""


@dataclass(frozen=True, eq=False)
class CutImage:
    """What one clicked image gives."""

    patches: tuple[Patch, ...]
    background: Background
    statistics: CountStatistics


Progress = tuple[float, str]


def cut_clicked_image(
    image: ClickedImage,
    diameters: Mapping[int, float],
    settings: PatchSettings,
    masks: Labels | None = None,
) -> Generator[Progress, None, CutImage]:
    """Cut, mask and grade all clicks of one image; yield (fraction done, message)."""
    region = image.pixels.region
    for click in image.clicks:
        if not contains(region, click.position):
            raise InputError(
                f"A click at {_text(click.position)} lies outside the used part of image "
                f"'{image.ref.name or image.ref.id}': move or delete it."
            )
    radii = {v: _axis_lengths(d / 2, image.ref, len(region)) for v, d in diameters.items()}
    name = image.ref.name or image.ref.id
    yield 0.0, f"{name}: learning what the clicked objects look like"
    pixels = image.pixels.read()
    work = _Worked(image, pixels, radii, settings, masks)
    patches = yield from _cut_blocks(work, (0.05, 0.4))
    if masks is None and (fitted := _fitted_radii(tuple(patches.values()), radii)):
        work = _Worked(image, pixels, fitted, settings, masks)
        patches = yield from _cut_blocks(work, (0.4, 0.75))
    yield 0.75, f"{name}: estimating the background"
    background = work.background(tuple(patches.values()))
    counts = dict(Counter(c.cls for c in image.clicks))
    area = int(np.prod(region_shape(region)))
    unclicked = work.unclicked(tuple(patches.values()))
    statistics = CountStatistics(image.ref.id, counts, area, image.ref.exhaustive, unclicked)
    yield 1.0, f"{name}: {len(patches)} patches"
    return CutImage(tuple(patches[c.id] for c in image.clicks), background, statistics)


def _cut_blocks(
    work: _Worked, span: tuple[float, float]
) -> Generator[Progress, None, dict[str, Patch]]:
    """Cut block after block; yield progress between the two fractions of `span`."""
    patches: dict[str, Patch] = {}
    blocks = work.blocks()
    name = work.image.ref.name or work.image.ref.id
    for number, block in enumerate(blocks):
        fraction = span[0] + (span[1] - span[0]) * number / len(blocks)
        yield fraction, f"{name}: finding the objects under the clicks"
        patches.update((patch.id, patch) for patch in work.cut_block(block))
    return patches


def _fitted_radii(
    patches: Sequence[Patch], radii: Mapping[int, NDArray[np.float64]]
) -> dict[int, NDArray[np.float64]]:
    """Return radii that fit this image's objects better, or nothing if the given ones do.

    A class has one diameter for all images, but the objects of one image may all be larger or
    smaller than that, and the diameter may be a rough guess.
    """
    fitted, changed = {}, False
    for value, radius in radii.items():
        areas = [p.area for p in patches if p.cls == value and p.mask.any()]
        ratio = (np.median(areas) / ball(radius)) ** (1 / len(radius)) if len(areas) > 3 else 1.0
        if not 1 / MISFIT < ratio < MISFIT:
            changed = True
            radius = radius * np.clip(ratio, 0.4, 2.5)
        fitted[value] = radius
    return fitted if changed else {}


class _Worked:
    """The state of the work on one image."""

    def __init__(
        self,
        image: ClickedImage,
        pixels: FloatImage,
        radii: Mapping[int, NDArray[np.float64]],
        settings: PatchSettings,
        labels: Labels | None,
    ) -> None:
        self.image = image
        self.pixels = pixels
        self.radii = radii
        self.settings = settings
        self.labels = labels
        self.label_boxes = labels.boxes() if labels is not None else {}
        self.region = image.pixels.region
        self.origin = np.array([start for start, _ in self.region])
        self.positions = np.array([c.position for c in image.clicks]).reshape(
            len(image.clicks), len(self.region)
        )
        self.likeness = {value: self._learn(value) for value in radii}
        self.objectlike = np.zeros(pixels.shape[1:], bool)

    def _learn(self, value: int) -> Likeness:
        """Learn what the objects of one class look like from windows round their clicks."""
        radius = self.radii[value]
        mine = np.array([c.cls == value for c in self.image.clicks])
        windows, core, around = [], [], []
        for cut in self._samples(self.positions[mine] - self.origin, radius):
            piece = self.pixels[(slice(None), *cut)]
            places = self.positions - self.origin - [s.start for s in cut]
            near = (
                (places > -2 * FAR * radius) & (places < piece.shape[1:] + 2 * FAR * radius)
            ).all(1)
            # distances in diameters of this class: to its own clicks, and to every click
            own, every = (
                divide(piece.shape[1:], _alike(places[chosen], 2 * radius), FAR).distance
                for chosen in (near & mine, near)
            )
            windows.append(piece)
            core.append(own < CORE)
            around.append((every > NEAR) & (own < FAR))
        smoothing = np.maximum(0.7, SMOOTHING * 2 * radius)
        return learn_likeness(windows, core, around, tuple(float(s) for s in smoothing))

    def _samples(
        self, positions: NDArray[np.float64], radius: NDArray[np.float64]
    ) -> list[tuple[slice, ...]]:
        """Return windows to learn from: round some clicks, or the whole of a small image."""
        shape = self.pixels.shape[1:]
        chosen = positions[:: max(1, len(positions) // SAMPLE)]
        if len(chosen) * np.prod(4 * FAR * radius) > np.prod(shape):
            return [tuple(slice(0, n) for n in shape)]
        return [
            tuple(
                slice(max(int(p - 2 * FAR * r), 0), min(int(p + 2 * FAR * r) + 2, n))
                for p, r, n in zip(position, radius, shape, strict=True)
            )
            for position in chosen
        ]

    def blocks(self) -> Sequence[Region]:
        """Divide the region into blocks, in full-image coordinates."""
        edge = self.settings.block
        starts = [range(a, b, edge) for a, b in self.region]
        grid = np.stack(np.meshgrid(*starts, indexing="ij"), axis=-1).reshape(-1, len(starts))
        return [
            tuple(
                (int(s), min(int(s) + edge, b))
                for s, (_, b) in zip(corner, self.region, strict=True)
            )
            for corner in grid
        ]

    def cut_block(self, block: Region) -> list[Patch]:
        """Find the objects of a block's own clicks, seeing all clicks near it."""
        reach = 2 * np.max(list(self.radii.values()), axis=0)
        halo = tuple(
            (max(int(a - 1.5 * r) - 1, lo), min(int(b + 1.5 * r) + 2, hi))
            for (a, b), r, (lo, hi) in zip(block, reach, self.region, strict=True)
        )
        start = np.array([a for a, _ in halo])
        inner = tuple(slice(a - s, b - s) for (a, b), s in zip(halo, self.origin, strict=True))
        piece = self.pixels[(slice(None), *inner)]
        maps = {value: look.apply(piece) for value, look in self.likeness.items()}
        combined = np.maximum.reduce(list(maps.values()))
        core = tuple(slice(a - s, b - s) for (a, b), s in zip(block, start, strict=True))
        whole = tuple(slice(a - s, b - s) for (a, b), s in zip(block, self.origin, strict=True))
        self.objectlike[whole] = combined[core] > self.settings.level
        near = [n for n, c in enumerate(self.image.clicks) if contains(halo, c.position)]
        if not any(contains(block, self.image.clicks[n].position) for n in near):
            return []
        seeds = Seeds(
            self.positions[near] - start,
            np.array([self.radii[self.image.clicks[n].cls] for n in near]),
        )
        ids = find_masks(combined, seeds, self.settings.level)
        labels = self.labels
        given = _given_objects(labels, self.positions - self.origin, near)
        if labels is not None:
            ids[labels.ids[inner] > 0] = 0
        boxes = ndimage.find_objects(ids, len(near))
        patches = []
        for number, (n, box) in enumerate(zip(near, boxes, strict=True), start=1):
            click = self.image.clicks[n]
            if not contains(block, click.position):
                continue
            where = box or tuple(slice(0, 1) for _ in block)
            corner = start + [s.start for s in where]
            own = ids[where] == number
            if n in given and labels is not None:
                where = self.label_boxes[given[n]]
                corner = self.origin + [s.start for s in where]
                own = labels.ids[where] == given[n]
            patch = self._patch(click, own, corner, maps[click.cls], start)
            patches.append(_trusted(patch) if n in given else patch)
        return patches

    def _patch(
        self,
        click: Click,
        own: NDArray[np.bool_],
        corner: NDArray[np.int64],
        likeness: FloatImage,
        start: NDArray[np.int64],
    ) -> Patch:
        """Cut the window of one click; its object `own` has its first pixel at `corner`."""
        radius = self.radii[click.cls]
        window = window_round(click.position, radius * (1 + 2 * self.settings.margin))
        origin = tuple(int(s) for s in start)
        place = tuple(int(c) for c in corner)
        window = enclose(own, place, window, RIM * 2 * radius)
        mask = cut_mask(own, place, window)
        border = tuple((a - s, b - s) for (a, b), (s, _) in zip(self.region, window, strict=True))
        touches = _touches(mask, border)
        center = tuple(float(p - a) for p, (a, _) in zip(click.position, window, strict=True))
        look = cut_image(likeness[None], origin, window)[0]
        grade = grade_mask(look, mask, center, tuple(radius), touches)
        return Patch(
            id=click.id,
            image=self.image.ref.id,
            cls=click.cls,
            pixels=np.ascontiguousarray(
                cut_image(self.pixels, [int(o) for o in self.origin], window)
            ),
            mask=mask,
            origin=tuple(a for a, _ in window),
            center=center,
            quality=grade.quality,
            reasons=grade.reasons,
            touches_border=touches,
        )

    def background(self, patches: Sequence[Patch]) -> Background:
        """Estimate the background outside the patches' objects and what looks like them."""
        objects = np.zeros(self.pixels.shape[1:], bool)
        for patch in patches:
            _paint(objects, patch, self.origin)
        radius = np.min(list(self.radii.values()), axis=0)
        rim = max(2, round(RIM * 2 * float(radius.max())))
        look = ndimage.binary_opening(self.objectlike)
        if self.image.ref.exhaustive:
            taken = ndimage.binary_propagation(objects, mask=objects | look)
        else:
            taken = objects | look
        valid = ndimage.distance_transform_edt(~taken) > rim if taken.any() else ~taken
        if valid.mean() < LEAST_BACKGROUND:
            valid = ~ndimage.binary_dilation(objects)
        if not valid.any():
            valid = np.ones_like(objects)
        sigma = tuple(float(s) for s in np.clip(radius / 2, 2.0, COARSEST))
        origin = tuple(a for a, _ in self.region)
        return estimate_background(self.image.ref.id, self.pixels, valid, sigma, origin)

    def unclicked(self, patches: Sequence[Patch]) -> float:
        """Estimate how many objects nobody clicked: area that looks like the clicked ones."""
        areas = [p.area for p in patches if p.mask.any() and not p.touches_border]
        if self.image.ref.exhaustive or not areas:
            return 0.0
        objects = np.zeros(self.pixels.shape[1:], bool)
        for patch in patches:
            _paint(objects, patch, self.origin)
        rest = ndimage.binary_opening(self.objectlike & ~objects)
        return float(np.count_nonzero(rest) / np.median(areas))


def _given_objects(
    labels: Labels | None, positions: NDArray[np.float64], clicks: Sequence[int]
) -> dict[int, int]:
    """Return click number -> id of the labelled object under it, where there is one."""
    if labels is None:
        return {}
    limit = np.array(labels.ids.shape) - 1
    under = {
        n: int(labels.ids[tuple(np.clip(np.round(positions[n]), 0, limit).astype(int))])
        for n in clicks
    }
    return {n: value for n, value in under.items() if value > 0}


def _trusted(patch: Patch) -> Patch:
    """Return a patch whose mask was given, and so is not graded."""
    cut_off = tuple(r for r in patch.reasons if r == CUT_OFF)
    return replace(patch, quality=1.0, reasons=cut_off)


def _axis_lengths(length: float, ref: ImageRef, ndim: int) -> NDArray[np.float64]:
    """Return a length of the finest axis, in pixels, along every axis."""
    size = np.array(ref.pixel_size or (1.0,) * ndim, float)[-ndim:]
    lengths: NDArray[np.float64] = length * size.min() / size
    return lengths


def _alike(positions: NDArray[np.float64], radius: NDArray[np.float64]) -> Seeds:
    """Return seeds that all have the same radius."""
    return Seeds(positions, np.broadcast_to(radius, positions.shape))


def _touches(mask: NDArray[np.bool_], border: Region) -> bool:
    """Tell whether a mask has pixels on the border of the region (window coordinates)."""
    for axis, (start, stop) in enumerate(border):
        for edge in (start, stop - 1):
            if 0 <= edge < mask.shape[axis] and mask.take(edge, axis=axis).any():
                return True
    return False


def _paint(objects: NDArray[np.bool_], patch: Patch, origin: NDArray[np.int64]) -> None:
    """Mark a patch's object in a map of the region."""
    where = np.nonzero(patch.mask)
    objects[tuple(w + o - s for w, o, s in zip(where, patch.origin, origin, strict=True))] = True


def _text(position: Sequence[float]) -> str:
    return "(" + ", ".join(f"{p:.1f}" for p in position) + ")"
