"""The parts of clicked images that canvases come from, with the objects taken out.

A small image is one part. Of a large one the tiles with usable patches are parts, so that neither
time nor memory grow with the image; nor does memory with the number of images.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.cache import MOST_VERSIONS, ByteCache
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import (
    Region,
    intersect,
    region_shape,
    region_slices,
    widen_region,
)
from napari_synthseg.core.patch import Background, ClickedImage, Patch, PatchLibrary
from napari_synthseg.core.pixels import (
    FloatImage,
    counted_box,
    counted_pixels,
    missing_pixels,
)
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.patches.background import MAX_SIGMA_PX, clear_of, estimate_background
from napari_synthseg.patches.foreground import mark_objectlike
from napari_synthseg.patches.stepwise import grown, in_slabs
from napari_synthseg.patches.window import RIM_DIAMETERS

WHOLE_PX = 6 * 2**20
"""Flat images of at most so many pixels are one part; larger ones are divided.

Volumes are one part up to `MOST_PX`: of small parts of them little would be left between objects.
"""

TILE_PX, TILE_DIAMETERS = 512, 8
"""Edge of the tiles of a large image: in pixels, and at least in diameters of the largest class."""

MARGIN_DIAMETERS = 2
"""What a part shows around its tile, in diameters of the largest class."""

MOST_PX = 24 * 2**20
"""The parts of one image, with all that they show around their tiles, have at most so many pixels.

Tiles of classes too large for that are smaller. What parts share counts in each, as each holds its
own pixels of it: of neighboring tiles that is up to half as much again as they show together.
"""

MOST_BYTES = 4 * 2**30
"""The parts of all images take at most about so many bytes, those of each image as many as others.

The same on all computers: what dual images show must not depend on how much memory is free.
"""

BYTES_PER_VALUE, BYTES_PER_PX = 8, 3
"""What a part takes for as long as dual images are made: each channel twice, and three masks."""

READ_STEPS = 4
"""Steps in which a part of a volume is read."""

AROUND_DIAMETERS = 1.5
"""How far the surroundings reach that objects are compared with."""

REJECTED_REACH = 1.6
"""How far a rejected piece may reach beyond its radius, as a multiple: it need not be round."""

MIN_BACKGROUND_SHARE = 0.002
"""With a smaller share of sure background none is known, unless every object is clicked: then all
that is outside the masks is taken for it."""

RING_PX = 2
"""Width of the ring around outlined objects that tells the level of an unknown background."""

CACHE: ByteCache[Background] = ByteCache(
    256 * 2**20, lambda b: b.pixels.nbytes + 2 * b.valid.nbytes
)
"""The backgrounds made last, by all that determines them, the pixels as they were read included."""


def estimate_backgrounds(
    library: PatchLibrary,
) -> Generator[Progress, None, tuple[Background, ...]]:
    """Estimate the background of every part of a library's images that canvases come from.

    Each patch lies in one part of its image, or in none where there are too many: see
    `parts_of_patches`.

    Raises
    ------
    InputError
        If all images are large and no patch is usable.
    """
    usable = defaultdict(list)
    for patch in library.usable():
        usable[patch.image].append(patch)
    images = library.images
    parts = [
        (image, part)
        for image, room in zip(images, share_room(images), strict=True)
        for part in divide_image(image, usable[image.ref.id], library.diameters, room)
    ]
    if not parts:
        raise InputError(
            "No patch is usable on these large images, of which only the surroundings of usable "
            "patches are read. Click objects, or accept patches that you rejected."
        )
    places = PatchPlaces(library.patches)
    parts_of = Counter(image.ref.id for image, _ in parts)
    done: list[Background] = []
    for number, (image, part) in enumerate(parts):
        share = number / len(parts), (number + 1) / len(parts)
        mine = [library.patches[n] for n in places.meeting(image.ref.id, part)]
        most = MOST_VERSIONS * parts_of[image.ref.id]
        work = _estimate_part(image, part, mine, library.diameters, most)
        background = yield from subprogress(work, *share, "estimating the background")
        done.append(replace(background, image=image.ref.id))
    return tuple(done)


class PatchPlaces:
    """Where the windows and clicks of patches lie, to find those of a part among very many."""

    def __init__(self, patches: Sequence[Patch]) -> None:
        numbers = defaultdict(list)
        for number, patch in enumerate(patches):
            numbers[patch.image].append(number)
        self._numbers = {image: np.array(mine) for image, mine in numbers.items()}
        self._low = np.array([p.origin for p in patches])
        self._high = self._low + np.array([p.mask.shape for p in patches])
        self._centers = self._low + np.array([p.center for p in patches])

    def meeting(self, image: str, region: Region) -> list[int]:
        """Return the numbers of the patches whose windows reach into a region."""
        if (mine := self._numbers.get(image)) is None:
            return []
        start, stop = np.array(region).T
        meets = ((self._low[mine] < stop) & (self._high[mine] > start)).all(axis=1)
        numbers: list[int] = mine[meets].tolist()
        return numbers

    def centered(self, image: str, region: Region) -> list[int]:
        """Return the numbers of the patches whose clicks lie in a region."""
        return [number for number, _ in self.room(image, region)]

    def room(self, image: str, region: Region) -> list[tuple[int, float]]:
        """Return the patches whose clicks lie in a region, and how far each is from its border."""
        if (mine := self._numbers.get(image)) is None:
            return []
        start, stop = np.array(region).T
        at = self._centers[mine]
        inside = ((at >= start - 0.5) & (at < stop - 0.5)).all(axis=1)
        away = np.minimum(at - start, stop - at).min(axis=1)
        return list(zip(mine[inside].tolist(), away[inside].tolist(), strict=True))


def share_room(images: Sequence[ClickedImage]) -> list[int]:
    """Return how many pixels the parts of each image may have, so that all keep `MOST_BYTES`.

    What a small image does not need is there for larger ones.
    """
    rooms, left = [0] * len(images), MOST_BYTES
    shapes = [region_shape(counted_box(image.ref, image.pixels)) for image in images]
    for rank, number in enumerate(sorted(range(len(images)), key=lambda n: math.prod(shapes[n]))):
        a_pixel = BYTES_PER_VALUE * images[number].pixels.shape[0] + BYTES_PER_PX
        rooms[number] = min(MOST_PX, left // (len(images) - rank) // a_pixel)
        left -= min(rooms[number], math.prod(shapes[number])) * a_pixel
    return rooms


def divide_image(
    image: ClickedImage, patches: Sequence[Patch], diameters: Mapping[int, float], room: int
) -> list[Region]:
    """Return the parts of an image: the best tile of each class, then those of most patches.

    They lie in the smallest box that holds all that counts. Tiles of a volume have all its planes.

    Parameters
    ----------
    image
        What is divided.
    patches
        The usable ones of the image.
    diameters
        Class value -> diameter in pixels.
    room
        Pixels that all parts together have at most.
    """
    region = counted_box(image.ref, image.pixels)
    whole_px = WHOLE_PX if len(region) == 2 else MOST_PX
    if math.prod(region_shape(region)) <= min(whole_px, room):
        return [region]
    if not patches:
        return []
    classes = sorted({p.cls for p in patches})
    planes, flat = region[:-2], region[-2:]
    # the best tiles of all classes must have room together
    most = room // math.prod(region_shape(planes)) // len(classes)
    edge, margin = _tile_size(max(diameters[c] for c in classes), most)
    first, stop = np.array(flat).T
    centers = np.array([np.add(p.origin, p.center)[-2:] for p in patches])
    places = np.clip((centers + 0.5 - first) // edge, 0, (stop - first - 1) // edge).astype(int)
    counts: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    for place, patch in zip(places.tolist(), patches, strict=True):
        counts[tuple(place)][patch.cls] += 1
    ranked = sorted(counts, key=lambda tile: (-sum(counts[tile].values()), tile))
    best = {max(ranked, key=lambda tile: counts[tile][value]) for value in classes}
    parts = []
    for tile in sorted(ranked, key=lambda tile: tile not in best):
        corner = (first + np.multiply(tile, edge)).tolist()
        part = (*planes, *widen_region(tuple((a, a + edge) for a in corner), [margin] * 2, flat))
        size = math.prod(region_shape(part))
        if size <= room:
            parts.append(part)
            room -= size
    return parts


def _tile_size(largest: float, most: int) -> tuple[int, int]:
    """Return the edge and the margin of tiles that, with their margin, have `most` pixels."""
    edge, margin = max(TILE_PX, round(TILE_DIAMETERS * largest)), round(MARGIN_DIAMETERS * largest)
    if edge + 2 * margin > (limit := max(1, math.isqrt(most))):
        margin = min(margin, limit // 6)
        edge = limit - 2 * margin
    return edge, margin


def parts_of_patches(
    patches: Sequence[Patch], backgrounds: Sequence[Background]
) -> list[int | None]:
    """Return for each patch the number of the part that shows most around its click, or None."""
    places = PatchPlaces(patches)
    best: list[int | None] = [None] * len(patches)
    rooms = [-math.inf] * len(patches)
    for part, background in enumerate(backgrounds):
        for number, room in places.room(background.image, background.region):
            if room > rooms[number]:
                best[number], rooms[number] = part, room
    return best


def _estimate_part(
    image: ClickedImage,
    part: Region,
    patches: Sequence[Patch],
    diameters: Mapping[int, float],
    most: int,
) -> Generator[Progress, None, Background]:
    """Estimate one background; of those of its image, `most` are kept."""
    pixels = yield from _read(image, part)
    origin = tuple(a for a, _ in part)
    masks = {
        value: paint_masks([p for p in patches if p.cls == value], part)
        for value in sorted({p.cls for p in patches})
    }
    ref = image.ref
    counted = counted_pixels(ref, image.pixels, part)
    left_out = np.zeros(region_shape(part), bool) if counted is None else ~counted
    if (missing := missing_pixels(image.pixels, part)) is not None:
        left_out |= missing  # the fill of a mosaic is no background to paste on
    words = ref.spacing, ref.exhaustive, part, image.rejected
    key = _key(pixels, {**masks, 0: left_out}, diameters, words)
    if (known := CACHE.get(key)) is not None:
        return known
    yield Progress(0.0)
    objects = np.any(list(masks.values()), axis=0) & ~left_out
    shortest = min(diameters[value] for value in masks)
    rim = max(2, round(RIM_DIAMETERS * max(diameters[value] for value in masks)))
    objectlike, is_known = np.zeros_like(objects), True
    free = yield from subprogress(clear_of(objects, rim, ref.spacing), 0.0, 0.1)
    shares = np.linspace(0.1, 0.3, len(masks) + 1).tolist()
    for done, (value, mask) in enumerate(masks.items()):
        reach = AROUND_DIAMETERS * diameters[value]
        share = shares[done : done + 2]
        beyond = yield from subprogress(clear_of(objects, reach, ref.spacing), *share)
        around, lengths = free & ~beyond & ~left_out, [diameters[value] / s for s in ref.spacing]
        marking = mark_objectlike(pixels, mask, around, lengths)
        marked = yield from subprogress(marking, share[1], share[1])
        if marked is None:
            is_known &= ref.exhaustive
        else:
            objectlike |= marked
    objectlike &= ~(find_rejected(image, part, objectlike) & ~objects)
    taken = objects | objectlike
    if ref.exhaustive:
        taken = yield from subprogress(grown(objects, taken), 0.3, 0.4)
    valid = yield from subprogress(clear_of(taken, rim, ref.spacing), 0.4, 0.5)
    valid &= ~left_out
    if np.count_nonzero(valid) < MIN_BACKGROUND_SHARE * np.count_nonzero(~left_out):
        is_known &= ref.exhaustive
        near = yield from subprogress(_widened(objects, 1), 0.5, 0.5)
        valid = ~near & ~left_out
    if not is_known:
        near = yield from subprogress(_widened(objects, RING_PX), 0.5, 0.5)
        valid = near & ~objects & ~left_out
    if not valid.any():
        valid = ~left_out if not left_out.all() else np.ones_like(objects)
    sigma = tuple(float(np.clip(shortest / 4 / s, 2.0, MAX_SIGMA_PX)) for s in ref.spacing)
    work = estimate_background(ref.id, pixels, valid, sigma, origin)
    background = yield from subprogress(work, 0.5, 0.9)
    if not is_known:
        background = _without_detail(background)
    unclicked = 0.0
    if not ref.exhaustive:
        counting = _count_unclicked(objectlike & ~left_out, objects, rim)
        unclicked = yield from subprogress(counting, 0.9, 1.0)
    background = replace(
        background,
        exhaustive=ref.exhaustive,
        unclicked=unclicked,
        spacing=ref.spacing if len(part) == 3 else (),
        counted=~left_out if left_out.any() and not left_out.all() else None,
    )
    CACHE.put(key, background, image.ref.id, most)  # which part is learned from varies, too
    return background


def _without_detail(background: Background) -> Background:
    """Return an even background, of which no pixel is known to be real."""
    columns = (-1,) + (1,) * background.valid.ndim
    even = np.broadcast_to(background.level.reshape(columns), background.pixels.shape)
    return replace(background, pixels=even, valid=np.zeros_like(background.valid))


def find_rejected(
    image: ClickedImage, part: Region, objectlike: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Mark what the user rejected: the objectlike pieces around rejected places.

    They are real background, which looks like an object and is none.

    Parameters
    ----------
    image
        The image; nothing is marked where it has no rejected places.
    part
        What of it is looked at.
    objectlike
        What looks like an object, the part's shape.
    """
    from scipy import ndimage

    rejected = np.zeros_like(objectlike)
    for place, reach in image.rejected:
        radii = [REJECTED_REACH * reach / s for s in image.ref.spacing]
        box = tuple(
            (math.floor(p - r), math.ceil(p + r) + 1) for p, r in zip(place, radii, strict=True)
        )
        common = intersect(box, part)
        if common is None:
            continue
        inside = region_slices(common, [start for start, _ in part])
        axes = [
            ((np.arange(a, b) - p) / max(r, 0.5)) ** 2
            for (a, b), p, r in zip(common, place, radii, strict=True)
        ]
        away = sum(np.meshgrid(*axes, indexing="ij", sparse=True))
        core = away <= REJECTED_REACH**-2
        rejected[inside] |= ndimage.binary_propagation(
            core, mask=core | (objectlike[inside] & (away <= 1))
        )
    return rejected


def _read(image: ClickedImage, part: Region) -> Generator[Progress, None, FloatImage]:
    """Return the pixels of a part; volumes are read in a few steps.

    Not in more: what a file decodes at once may be many planes thick, and is decoded in each.
    """
    if len(part) == 2:
        return image.pixels.read(part)
    (first, _), *flat = part
    pixels = np.empty((image.pixels.shape[0], *region_shape(part)), np.float32)
    count = pixels.shape[1]
    ends = [count * step // READ_STEPS for step in range(READ_STEPS + 1)]
    for start, stop in pairwise(dict.fromkeys(ends)):
        pixels[:, start:stop] = image.pixels.read(((first + start, first + stop), *flat))
        yield Progress(0.0)
    return pixels


def _widened(objects: NDArray[np.bool_], rim: int) -> Generator[Progress, None, NDArray[np.bool_]]:
    from scipy import ndimage

    widen = partial(ndimage.binary_dilation, iterations=rim)
    return (yield from in_slabs(widen, objects, reach=rim))


def _count_unclicked(
    objectlike: NDArray[np.bool_], objects: NDArray[np.bool_], rim: int
) -> Generator[Progress, None, float]:
    """Estimate how many objects nobody clicked there are for each clicked one.

    Told by how much of the clicked ones is recognized.
    """
    from scipy import ndimage

    near = yield from subprogress(_widened(objects, rim), 0.0, 0.5)
    recognized = np.count_nonzero(objectlike & near)
    if not recognized:
        return 0.0
    work = in_slabs(ndimage.binary_opening, objectlike & ~near, reach=2)
    others = yield from subprogress(work, 0.5, 1.0)
    return float(np.count_nonzero(others) / recognized)


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
