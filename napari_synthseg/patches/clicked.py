"""One clicked image: its patches, its background, its counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import (
    Region,
    contains,
    divide_region,
    region_shape,
    region_slices,
)
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.patch import GIVEN, Background, ClickedImage, CountStatistics, Patch
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.patches.background import MAX_SIGMA_PX, clear_of, estimate_background
from napari_synthseg.patches.masks.clicks import ImageClicks
from napari_synthseg.patches.masks.finder import MaskFinder, fit_radii
from napari_synthseg.patches.masks.quality import Signs, estimate_quality
from napari_synthseg.patches.patch_cache import CUT_IMAGES, CutImage, key_of
from napari_synthseg.patches.quality.grade import CUT_OFF, grade_mask
from napari_synthseg.patches.settings import PatchSettings
from napari_synthseg.patches.window import (
    RIM_DIAMETERS,
    bounds,
    cut_image,
    cut_mask,
    enclose,
    window_around,
)

MIN_BACKGROUND_SHARE = 0.002
"""With a smaller share of sure background, all that is outside the masks is taken for it."""


def cut_clicked_image(
    image: ClickedImage,
    diameters: Mapping[int, float],
    settings: PatchSettings,
    masks: InstanceLabels | None = None,
    methods: Mapping[int, str] | None = None,
) -> Generator[Progress, None, CutImage]:
    """Cut, mask and grade all clicks of one image.

    `methods` maps class value -> name of its mask method, or "auto".
    """
    region, methods = image.pixels.region, methods or {}
    for click in image.clicks:
        if not contains(region, click.position):
            place = ", ".join(f"{p:.1f}" for p in click.position)
            raise InputError(
                f"A click at ({place}) lies outside the used part of image "
                f"'{image.ref.name or image.ref.id}': move or delete it."
            )
    radii = {v: _axis_lengths(d / 2, image.ref, len(region)) for v, d in diameters.items()}
    yield Progress(0.0, "learning what the clicked objects look like")
    pixels = image.pixels.read()
    key = key_of(image, pixels, diameters, settings, masks, methods)
    if (known := CUT_IMAGES.get(key)) is not None:
        return known.named_as(image)
    cutter = ImageCutter(image, pixels, radii, settings, masks, methods)
    finding = "finding the objects under the clicks"
    patches = yield from subprogress(cutter.cut_blocks(), 0.05, 0.4, finding)
    if masks is None and (fitted := cutter.fitted_radii(patches)):
        cutter = ImageCutter(image, pixels, fitted, settings, masks, methods)
        patches = yield from subprogress(cutter.cut_blocks(), 0.4, 0.75, finding)
    graded = cutter.graded(patches)
    background = yield from subprogress(
        cutter.background(graded), 0.75, 1.0, "estimating the background"
    )
    statistics = CountStatistics(
        image.ref.id,
        dict(Counter(c.cls for c in image.clicks)),
        int(np.prod(region_shape(region))),
        image.ref.exhaustive,
        cutter.unclicked(graded),
    )
    yield Progress(1.0, f"{len(graded)} patches")
    cut = CutImage(graded, background, statistics)
    if cut.nbytes <= CUT_IMAGES.limit_bytes:
        CUT_IMAGES.put(key, cut)
    return cut


class ImageCutter:
    """The state of cutting one image: the finder fitted to it, and what was measured so far."""

    def __init__(
        self,
        image: ClickedImage,
        pixels: FloatImage,
        radii: Mapping[int, NDArray[np.float64]],
        settings: PatchSettings,
        labels: InstanceLabels | None,
        methods: Mapping[int, str],
    ) -> None:
        self.image = image
        self.pixels = pixels
        self.settings = settings
        self.labels = labels
        self.label_boxes = labels.slices() if labels is not None else {}
        self.region = image.pixels.region
        self.origin = np.array([start for start, _ in self.region])
        self.positions = np.array([c.position for c in image.clicks]).reshape(
            len(image.clicks), len(self.region)
        )
        self.classes = np.array([c.cls for c in image.clicks], np.int64)
        clicks = ImageClicks(pixels, self.positions - self.origin, self.classes, radii)
        self.finder = MaskFinder.fit(clicks, settings.level, methods)
        self.radii = self.finder.image.radii
        self.signs: Signs = np.full((len(image.clicks), 4), np.nan)
        self.objectlike = np.zeros(pixels.shape[1:], bool)

    def cut_blocks(self) -> Generator[Progress, None, dict[str, Patch]]:
        """Cut all clicks block after block; return the patches by id."""
        patches: dict[str, Patch] = {}
        blocks = list(divide_region(self.region, [self.settings.block] * len(self.region)))
        for number, block in enumerate(blocks):
            yield Progress(number / len(blocks))
            patches.update((patch.id, patch) for patch in self.cut_block(block))
        return patches

    def cut_block(self, block: Region) -> list[Patch]:
        """Find the objects of a block's own clicks, seeing all clicks near it."""
        reach = 2 * np.max(list(self.radii.values()), axis=0)
        halo = tuple(
            (max(int(a - 1.5 * r) - 1, lo), min(int(b + 1.5 * r) + 2, hi))
            for (a, b), r, (lo, hi) in zip(block, reach, self.region, strict=True)
        )
        start = np.array([a for a, _ in halo])
        inner = region_slices(halo, self.origin.tolist())
        piece = self.pixels[(slice(None), *inner)]
        near = self.finder.image.near(inner)
        seeds = self.finder.image.seeds(near, start - self.origin)
        found = self.finder.find(piece, seeds, self.classes[near])
        core = region_slices(block, start.tolist())
        self.objectlike[region_slices(block, self.origin.tolist())] = found.objectlike[core]
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
        window = window_around(click.position, radius * (1 + 2 * self.settings.margin))
        place = tuple(int(c) for c in corner)
        window = enclose(own, place, window, RIM_DIAMETERS * 2 * radius)
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

    def graded(self, patches: Mapping[str, Patch]) -> tuple[Patch, ...]:
        """Return the patches in the clicks' order, with their quality.

        For it all patches of a class must be known.
        """
        graded = [patches[click.id] for click in self.image.clicks]
        for value, radius in self.radii.items():
            mine = np.flatnonzero(self.classes == value)
            estimates = estimate_quality(self.finder.methods[value], self.signs[mine])
            for number, estimate in zip(mine.tolist(), estimates, strict=True):
                patch = graded[number]
                if patch.method == GIVEN:
                    known = (CUT_OFF,) if patch.touches_border else ()
                    graded[number] = replace(patch, quality=1.0, issues=known)
                    continue
                _, solidity, contrast, _ = self.signs[number]
                grade = grade_mask(patch, tuple(radius), solidity=solidity, contrast=contrast)
                quality = round(float(estimate) * grade.factor, 3)
                graded[number] = replace(patch, quality=quality, issues=grade.issues)
        return tuple(graded)

    def background(self, patches: Sequence[Patch]) -> Generator[Progress, None, Background]:
        """Estimate the background outside the patches' objects and what looks like them."""
        objects = self._paint(patches)
        radius = np.min(list(self.radii.values()), axis=0)
        rim = max(2, round(RIM_DIAMETERS * 2 * float(radius.max())))
        look = ndimage.binary_opening(self.objectlike)
        if self.image.ref.exhaustive:
            taken = ndimage.binary_propagation(objects, mask=objects | look)
        else:
            taken = objects | look
        apart = (radius.max() / radius).tolist()  # the rim is as wide in space along every axis
        valid = yield from subprogress(clear_of(taken, rim, apart), 0.0, 0.5)
        if valid.mean() < MIN_BACKGROUND_SHARE:
            valid = ~ndimage.binary_dilation(objects)
        if not valid.any():
            valid = np.ones_like(objects)
        sigma = tuple(float(s) for s in np.clip(radius / 2, 2.0, MAX_SIGMA_PX))
        origin = tuple(a for a, _ in self.region)
        work = estimate_background(self.image.ref.id, self.pixels, valid, sigma, origin)
        background = yield from subprogress(work, 0.5, 1.0)
        return replace(background, spacing=self.image.ref.spacing if len(origin) == 3 else ())

    def unclicked(self, patches: Sequence[Patch]) -> float:
        """Estimate how many objects nobody clicked: area that looks like the clicked ones."""
        areas = [p.area for p in patches if p.area and not p.touches_border]
        if self.image.ref.exhaustive or not areas:
            return 0.0
        rest = ndimage.binary_opening(self.objectlike & ~self._paint(patches))
        return float(np.count_nonzero(rest) / np.median(areas))

    def _paint(self, patches: Sequence[Patch]) -> NDArray[np.bool_]:
        """Return a map of the region in which the patches' objects are marked."""
        objects = np.zeros(self.pixels.shape[1:], bool)
        for patch in patches:
            where = zip(np.nonzero(patch.mask), patch.origin, self.origin, strict=True)
            objects[tuple(w + o - s for w, o, s in where)] = True
        return objects


def _given_objects(
    labels: InstanceLabels | None, positions: NDArray[np.float64], clicks: NDArray[np.int64]
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
    """Tell whether a mask reaches the border of the region that it lies in (window coordinates)."""
    return bool(mask.any()) and any(
        low <= start or high >= stop
        for (low, high), (start, stop) in zip(bounds(mask), border, strict=True)
    )
