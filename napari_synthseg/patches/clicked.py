"""One clicked image: its patches, its background, its counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import Region, contains, divide_region, region_shape
from napari_synthseg.core.labels import Labels
from napari_synthseg.core.patch import GIVEN, Background, ClickedImage, CountStatistics, Patch
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.core.progress import relay
from napari_synthseg.patches.background import COARSEST, clear_of, estimate_background
from napari_synthseg.patches.masks.finder import ImageClicks, MaskFinder, fit_radii
from napari_synthseg.patches.masks.quality import Signs, estimate_quality
from napari_synthseg.patches.patch_cache import CUT, CutImage, key_of
from napari_synthseg.patches.quality.grade import CUT_OFF, grade_mask
from napari_synthseg.patches.settings import PatchSettings
from napari_synthseg.patches.window import cut_image, cut_mask, enclose, window_round

RIM = 0.2
"""Width of the rim round an object that its blur may reach, in diameters."""

LEAST_BACKGROUND = 0.002
"""Below this share of sure background, all that is outside the masks must do."""


T = TypeVar("T")

Progress = tuple[float, str]


def cut_clicked_image(
    image: ClickedImage,
    diameters: Mapping[int, float],
    settings: PatchSettings,
    masks: Labels | None = None,
    methods: Mapping[int, str] | None = None,
) -> Generator[Progress, None, CutImage]:
    """Cut, mask and grade all clicks of one image; yield (fraction done, message).

    `methods` maps class value -> name of its mask method, or "auto".
    """
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
    key = key_of(image, pixels, diameters, settings, masks, methods or {})
    if (known := CUT.get(key)) is not None:
        return known.named_as(image)
    work = _Worked(image, pixels, radii, settings, masks, methods or {})
    patches = yield from _cut_blocks(work, (0.05, 0.4))
    if masks is None and (fitted := work.fitted_radii(patches)):
        work = _Worked(image, pixels, fitted, settings, masks, methods or {})
        patches = yield from _cut_blocks(work, (0.4, 0.75))
    patches = work.graded(patches)
    background = yield from work.background(tuple(patches.values()), (0.75, 1.0))
    counts = dict(Counter(c.cls for c in image.clicks))
    area = int(np.prod(region_shape(region)))
    unclicked = work.unclicked(tuple(patches.values()))
    statistics = CountStatistics(image.ref.id, counts, area, image.ref.exhaustive, unclicked)
    yield 1.0, f"{name}: {len(patches)} patches"
    cut = CutImage(tuple(patches[c.id] for c in image.clicks), background, statistics)
    CUT.keep(key, cut)
    return cut


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


def _part(
    work: Generator[float, None, T], span: tuple[float, float], message: str
) -> Generator[Progress, None, T]:
    """Run work that yields its own share done as a part of a whole."""
    yield span[0], message
    return (yield from relay(work, lambda done: (span[0] + (span[1] - span[0]) * done, message)))


class _Worked:
    """The state of the work on one image."""

    def __init__(
        self,
        image: ClickedImage,
        pixels: FloatImage,
        radii: Mapping[int, NDArray[np.float64]],
        settings: PatchSettings,
        labels: Labels | None,
        methods: Mapping[int, str],
    ) -> None:
        self.image = image
        self.pixels = pixels
        self.settings = settings
        self.labels = labels
        self.label_boxes = labels.boxes() if labels is not None else {}
        self.region = image.pixels.region
        self.origin = np.array([start for start, _ in self.region])
        self.positions = np.array([c.position for c in image.clicks]).reshape(
            len(image.clicks), len(self.region)
        )
        self.classes = np.array([c.cls for c in image.clicks], np.int64)
        clicks = ImageClicks(pixels, self.positions - self.origin, self.classes, radii)
        self.finder = MaskFinder.learn(clicks, settings.level, methods)
        self.radii = self.finder.image.radii
        self.signs: Signs = np.full((len(image.clicks), 4), np.nan)
        self.objectlike = np.zeros(pixels.shape[1:], bool)

    def blocks(self) -> Sequence[Region]:
        """Divide the region into blocks, in full-image coordinates."""
        return list(divide_region(self.region, [self.settings.block] * len(self.region)))

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
        core = tuple(slice(a - s, b - s) for (a, b), s in zip(block, start, strict=True))
        whole = tuple(slice(a - s, b - s) for (a, b), s in zip(block, self.origin, strict=True))
        near = self.finder.image.near(inner, np.zeros(len(inner)))
        seeds = self.finder.image.seeds(near, start - self.origin)
        found = self.finder.find(piece, seeds, self.classes[near])
        self.objectlike[whole] = found.objectlike[core]
        ids = found.ids
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
            self.signs[n] = found.signs[number - 1]
            where = box or tuple(slice(0, 1) for _ in block)
            corner = start + [s.start for s in where]
            own = ids[where] == number
            if n in given and labels is not None:
                where = self.label_boxes[given[n]]
                corner = self.origin + [s.start for s in where]
                own = labels.ids[where] == given[n]
            patches.append(self._patch(int(n), own, corner, n in given))
        return patches

    def _patch(
        self, number: int, own: NDArray[np.bool_], corner: NDArray[np.int64], given: bool
    ) -> Patch:
        """Cut the window of one click; its object `own` has its first pixel at `corner`."""
        click = self.image.clicks[number]
        radius = self.radii[click.cls]
        window = window_round(click.position, radius * (1 + 2 * self.settings.margin))
        place = tuple(int(c) for c in corner)
        window = enclose(own, place, window, RIM * 2 * radius)
        mask = cut_mask(own, place, window)
        border = tuple((a - s, b - s) for (a, b), (s, _) in zip(self.region, window, strict=True))
        return Patch(
            id=click.id,
            image=self.image.ref.id,
            cls=click.cls,
            pixels=np.ascontiguousarray(
                cut_image(self.pixels, [int(o) for o in self.origin], window)
            ),
            mask=mask,
            origin=tuple(a for a, _ in window),
            center=tuple(float(p - a) for p, (a, _) in zip(click.position, window, strict=True)),
            touches_border=_touches(mask, border),
            method=GIVEN if given else self.finder.methods[click.cls],
        )

    def fitted_radii(self, patches: Mapping[str, Patch]) -> dict[int, NDArray[np.float64]]:
        """Return radii that fit these patches better, or nothing if those in use do."""
        sizes = {
            v: np.array([p.area for p in patches.values() if p.cls == v and p.area], float)
            for v in self.radii
        }
        return fit_radii(sizes, self.radii)

    def graded(self, patches: Mapping[str, Patch]) -> dict[str, Patch]:
        """Return the patches with their quality, for which all of a class must be known."""
        graded = dict(patches)
        for value, radius in self.radii.items():
            mine = np.flatnonzero(self.classes == value)
            estimates = estimate_quality(self.finder.methods[value], self.signs[mine])
            for number, estimate in zip(mine, estimates, strict=True):
                patch = patches[self.image.clicks[number].id]
                if patch.method == GIVEN:
                    known = (CUT_OFF,) if patch.touches_border else ()
                    graded[patch.id] = replace(patch, quality=1.0, issues=known)
                    continue
                _, solidity, contrast, _ = self.signs[number]
                grade = grade_mask(patch, tuple(radius), solidity=solidity, contrast=contrast)
                quality = round(float(estimate) * grade.factor, 3)
                graded[patch.id] = replace(patch, quality=quality, issues=grade.issues)
        return graded

    def background(
        self, patches: Sequence[Patch], span: tuple[float, float]
    ) -> Generator[Progress, None, Background]:
        """Estimate the background outside the patches' objects and what looks like them.

        Yields progress between the two fractions of `span`.
        """
        message = f"{self.image.ref.name or self.image.ref.id}: estimating the background"
        middle = sum(span) / 2
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
        apart = (radius.max() / radius).tolist()  # the rim is as wide in space along every axis
        valid = yield from _part(clear_of(taken, rim, apart), (span[0], middle), message)
        if valid.mean() < LEAST_BACKGROUND:
            valid = ~ndimage.binary_dilation(objects)
        if not valid.any():
            valid = np.ones_like(objects)
        sigma = tuple(float(s) for s in np.clip(radius / 2, 2.0, COARSEST))
        origin = tuple(a for a, _ in self.region)
        work = estimate_background(self.image.ref.id, self.pixels, valid, sigma, origin)
        background = yield from _part(work, (middle, span[1]), message)
        return replace(background, spacing=self.image.ref.spacing if len(origin) == 3 else ())

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
    labels: Labels | None, positions: NDArray[np.float64], clicks: NDArray[np.int64]
) -> dict[int, int]:
    """Return click number -> id of the labelled object under it, where there is one."""
    if labels is None:
        return {}
    limit = np.array(labels.ids.shape) - 1
    under = {
        n: int(labels.ids[tuple(np.clip(np.round(positions[n]), 0, limit).astype(int))])
        for n in clicks.tolist()
    }
    return {n: value for n, value in under.items() if value > 0}


def _axis_lengths(length: float, ref: ImageRef, ndim: int) -> NDArray[np.float64]:
    """Return a length of the finest axis, in pixels, along every axis."""
    size = np.array(ref.pixel_size or (1.0,) * ndim, float)[-ndim:]
    lengths: NDArray[np.float64] = length * size.min() / size
    return lengths


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
