"""The parts of clicked images that canvases come from, with the objects taken out.

A small image is one part. Of a large one the tiles with clicks are parts, so that neither time nor
memory grow with the image.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.cache import ByteCache
from napari_synthseg.core.geometry import (
    Region,
    contains,
    divide_region,
    region_shape,
    widen_region,
)
from napari_synthseg.core.patch import Background, ClickedImage, Patch, PatchLibrary
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.patches.background import MAX_SIGMA_PX, clear_of, estimate_background
from napari_synthseg.patches.foreground import mark_objectlike
from napari_synthseg.patches.window import RIM_DIAMETERS

WHOLE_PX = 6 * 2**20
"""Flat images of at most so many pixels are one part; larger ones are divided."""

TILE_PX, TILE_DIAMETERS = 512, 8
"""Edge of the tiles of a large image: in pixels, and at least in diameters of the largest class."""

MOST_PX = 24 * 2**20
"""Tiles together have at most so many pixels; those with most clicks come first."""

AROUND_DIAMETERS = 1.5
"""How far the surroundings reach that objects are compared with."""

MIN_BACKGROUND_SHARE = 0.002
"""With a smaller share of sure background, all that is outside the masks is taken for it."""

CACHE: ByteCache[Background] = ByteCache(256 * 2**20, lambda b: b.pixels.nbytes + b.valid.nbytes)
"""The backgrounds made last, by all that determines them, the pixels as they were read included."""


def estimate_backgrounds(
    library: PatchLibrary,
) -> Generator[Progress, None, tuple[Background, ...]]:
    """Estimate the background of every part of a library's images that canvases come from.

    Each click lies in one part of its image, or in none where there are too many: see
    `part_of_patch`.
    """
    parts = [
        (image, part) for image in library.images for part in divide_image(image, library.diameters)
    ]
    places = PatchPlaces(library.patches)
    done: list[Background] = []
    for number, (image, part) in enumerate(parts):
        share = number / len(parts), (number + 1) / len(parts)
        mine = [library.patches[n] for n in places.meeting(image.ref.id, part)]
        work = _estimate_part(image, part, mine, library.diameters)
        done.append((yield from subprogress(work, *share, "estimating the background")))
    return tuple(done)


class PatchPlaces:
    """Where the windows of patches lie, to find those of a part among very many."""

    def __init__(self, patches: Sequence[Patch]) -> None:
        self._images = np.array([p.image for p in patches])
        self._low = np.array([p.origin for p in patches])
        self._high = self._low + np.array([p.mask.shape for p in patches])

    def meeting(self, image: str, region: Region) -> list[int]:
        """Return the numbers of the patches whose windows reach into a region."""
        if not len(self._images):
            return []
        start, stop = np.array(region).T
        meets = ((self._low < stop) & (self._high > start)).all(axis=1)
        return np.flatnonzero(meets & (self._images == image)).tolist()


def divide_image(image: ClickedImage, diameters: Mapping[int, float]) -> list[Region]:
    """Return the parts of an image, those of most clicks first."""
    region = image.pixels.region
    if len(region) == 3 or np.prod(region_shape(region)) <= WHOLE_PX:
        return [region]
    largest = max(diameters[c.cls] for c in image.clicks)
    edge = max(TILE_PX, round(TILE_DIAMETERS * largest))
    tiles = list(divide_region(region, (edge, edge)))
    columns = -(-(region[1][1] - region[1][0]) // edge)
    counts = Counter(
        int((c.position[0] + 0.5 - region[0][0]) // edge) * columns
        + int((c.position[1] + 0.5 - region[1][0]) // edge)
        for c in image.clicks
    )
    margin = [round(2 * largest)] * 2
    most = max(1, MOST_PX // edge**2)
    return [widen_region(tiles[n], margin, region) for n, _ in counts.most_common(most)]


def part_of_patch(patch: Patch, backgrounds: Sequence[Background]) -> int | None:
    """Return the number of the part that shows most around a patch's click, or None."""
    position = np.add(patch.origin, patch.center)
    best, room = None, -np.inf
    for number, background in enumerate(backgrounds):
        if background.image != patch.image or not contains(background.region, position.tolist()):
            continue
        region = np.array(background.region)
        here = float(np.minimum(position - region[:, 0], region[:, 1] - position).min())
        if here > room:
            best, room = number, here
    return best


def _estimate_part(
    image: ClickedImage, part: Region, patches: Sequence[Patch], diameters: Mapping[int, float]
) -> Generator[Progress, None, Background]:
    pixels = image.pixels.read(part)
    origin = tuple(a for a, _ in part)
    masks = {
        value: paint_masks([p for p in patches if p.cls == value], part)
        for value in sorted({p.cls for p in patches})
    }
    ref = image.ref
    key = _key(pixels, masks, diameters, (ref.spacing, ref.exhaustive, part))
    if (known := CACHE.get(key)) is not None:
        return replace(known, image=ref.id)
    yield Progress(0.0)
    objects = np.any(list(masks.values()), axis=0)
    shortest = min(diameters[value] for value in masks)
    rim = max(2, round(RIM_DIAMETERS * max(diameters[value] for value in masks)))
    objectlike = np.zeros_like(objects)
    free = yield from subprogress(clear_of(objects, rim, ref.spacing), 0.0, 0.1)
    for done, (value, mask) in enumerate(masks.items()):
        reach = AROUND_DIAMETERS * diameters[value]
        share = 0.1 + 0.2 * done / len(masks), 0.1 + 0.2 * (done + 1) / len(masks)
        beyond = yield from subprogress(clear_of(objects, reach, ref.spacing), *share)
        objectlike |= mark_objectlike(
            pixels, mask, free & ~beyond, [diameters[value] / s for s in ref.spacing]
        )
    if ref.exhaustive:
        taken = ndimage.binary_propagation(objects, mask=objects | objectlike)
    else:
        taken = objects | objectlike
    valid = yield from subprogress(clear_of(taken, rim, ref.spacing), 0.3, 0.5)
    if valid.mean() < MIN_BACKGROUND_SHARE:
        valid = ~ndimage.binary_dilation(objects)
    if not valid.any():
        valid = np.ones_like(objects)
    sigma = tuple(float(np.clip(shortest / 4 / s, 2.0, MAX_SIGMA_PX)) for s in ref.spacing)
    work = estimate_background(ref.id, pixels, valid, sigma, origin)
    background = yield from subprogress(work, 0.5, 1.0)
    unclicked = 0.0 if ref.exhaustive else _count_unclicked(objectlike, objects, len(patches), rim)
    background = replace(
        background,
        exhaustive=ref.exhaustive,
        unclicked=unclicked,
        spacing=ref.spacing if len(part) == 3 else (),
    )
    CACHE.put(key, background)
    return background


def _count_unclicked(
    objectlike: NDArray[np.bool_], objects: NDArray[np.bool_], clicked: int, rim: int
) -> float:
    """Estimate how many objects nobody clicked, by how much of each clicked one is recognized."""
    near = ndimage.binary_dilation(objects, None, rim)
    recognized = np.count_nonzero(objectlike & near)
    if not recognized:
        return 0.0
    others = ndimage.binary_opening(objectlike & ~near)
    return float(np.count_nonzero(others) / recognized * clicked)


def paint_masks(patches: Sequence[Patch], part: Region) -> NDArray[np.bool_]:
    """Return a map of an image part in which the patches' objects are marked."""
    ids = np.zeros(region_shape(part), np.int32)
    for patch in patches:
        patch.paint(ids, [start for start, _ in part], 1)
    return ids > 0


def _key(
    pixels: FloatImage,
    masks: Mapping[int, NDArray[np.bool_]],
    diameters: Mapping[int, float],
    words: object,
) -> str:
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr((words, pixels.shape, sorted(masks), sorted(diameters.items()))).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    for value in sorted(masks):
        digest.update(np.packbits(masks[value]).data)
    return digest.hexdigest()
