"""One clicked image: its outlines, and the patches cut around them."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from napari_synthseg.core.annotations import Click
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import (
    Region,
    contains,
    full_region,
    intersect,
    region_at,
    region_slices,
)
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.patch import GIVEN, ClickedImage, Outline, Patch
from napari_synthseg.core.pixels import PixelSource, TiledSource, counted_pixels
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.patches.masks.clicked_objects import ClickedObjects
from napari_synthseg.patches.masks.outlining import FoundOutline, outline_objects
from napari_synthseg.patches.quality.grade import grade_patch
from napari_synthseg.patches.quality.size import diameter_in_use, equal_diameter, measure_diameter
from napari_synthseg.patches.settings import PatchSettings
from napari_synthseg.patches.window import (
    RIM_DIAMETERS,
    cut_mask,
    placed_bounds,
    read_window,
    window_around,
)

PORTION_CLICKS = 50
"""Patches that are cut between two signs of progress."""


def cut_clicked_image(
    image: ClickedImage,
    diameters: Mapping[int, float],
    settings: PatchSettings,
    masks: InstanceLabels | None = None,
    methods: Mapping[int, str] | None = None,
) -> Generator[Progress, None, list[Patch]]:
    """Outline, cut and grade all clicks of one image.

    Parameters
    ----------
    image
        The image; only the surroundings of its clicks are read.
    diameters
        Class value -> usual diameter, pixels along the finest axis.
    settings
        How to cut.
    masks
        Instance labels of the image's region, made by the user or another tool: the labelled
        object under a click is taken as it is.
    methods
        Class value -> name of its mask method.
    """
    region = image.pixels.region
    for click in image.clicks:
        if not contains(region, click.position):
            place = ", ".join(f"{p:.1f}" for p in click.position)
            raise InputError(
                f"A click at ({place}) lies outside the used part of image "
                f"'{image.ref.name or image.ref.id}': move or delete it."
            )
    source = TiledSource(image.pixels)
    spacing = image.ref.spacing
    objects = ClickedObjects(
        source,
        np.array([c.position for c in image.clicks]).reshape(-1, len(region)),
        np.array([c.cls for c in image.clicks], np.int64),
        diameters,
        np.array(image.negatives, float).reshape(-1, len(region)),
        spacing,
    )
    given = _find_given(image, masks) if masks is not None else [None] * len(image.clicks)
    if all(given):
        found = [FoundOutline(outline, GIVEN) for outline in given if outline]
    else:
        found = yield from subprogress(outline_objects(objects, methods or {}), 0.0, 0.8)
        if masks is not None:
            found = [
                FoundOutline(outline, GIVEN)
                if outline
                else replace(one, outline=_beside_given(one.outline, region, masks))
                for one, outline in zip(found, given, strict=True)
            ]
    if image.ref.is_limited:
        found = [replace(one, outline=_where_it_counts(one.outline, image)) for one in found]
    patches = []
    for number, (click, one) in enumerate(zip(image.clicks, found, strict=True)):
        if number % PORTION_CLICKS == 0:
            yield Progress(0.8 + 0.1 * number / len(found), "cutting patches")
        patches.append(_cut_patch(image.ref.id, source, click, one, diameters, settings, spacing))

    def length_of(patch: Patch) -> float:
        return equal_diameter(patch.area, spacing)

    usual = {
        value: diameter_in_use(length, measure_diameter(patches, value, length_of))
        for value, length in diameters.items()
    }
    for number, patch in enumerate(patches):
        if number % PORTION_CLICKS == 0:
            yield Progress(0.9 + 0.1 * number / len(patches), "grading patches")
        patches[number] = grade_patch(patch, [usual[patch.cls] / 2 / s for s in spacing])
    return patches


def _cut_patch(
    image: str,
    source: PixelSource,
    click: Click,
    found: FoundOutline,
    diameters: Mapping[int, float],
    settings: PatchSettings,
    spacing: Sequence[float],
) -> Patch:
    """Cut the window of one click: its object with a margin, or what it should lie in."""
    outline = found.outline
    center = window_around(click.position, [0.5] * len(spacing))
    if outline.area:
        length = equal_diameter(outline.area, spacing)
        own = placed_bounds(outline.mask, outline.origin)
    else:
        length, own = 2 * diameters[click.cls], center
    reach = [
        max(2, round(max(settings.margin, RIM_DIAMETERS) * length / apart)) for apart in spacing
    ]
    window = tuple(
        (min(a, c) - r, max(b, d) + r) for (a, b), (c, d), r in zip(own, center, reach, strict=True)
    )
    return Patch(
        id=click.id,
        image=image,
        cls=click.cls,
        pixels=read_window(source, window),
        mask=cut_mask(outline.mask, outline.origin, window),
        origin=tuple(a for a, _ in window),
        center=tuple(float(p - a) for p, (a, _) in zip(click.position, window, strict=True)),
        confidence=outline.confidence,
        touches_border=_touches(outline, source.region),
        method=found.method,
    )


def _find_given(image: ClickedImage, labels: InstanceLabels) -> list[Outline | None]:
    """Return the labelled object under each click; None where there is none."""
    origin = np.array([start for start, _ in image.pixels.region])
    boxes, limit = labels.slices(), np.array(labels.ids.shape) - 1
    given: list[Outline | None] = []
    for click in image.clicks:
        pixel = np.clip(np.round(np.subtract(click.position, origin)), 0, limit).astype(int)
        number = int(labels.ids[tuple(pixel)])
        if not number:
            given.append(None)
            continue
        box = boxes[number]
        corner = tuple(int(o) + s.start for o, s in zip(origin, box, strict=True))
        given.append(Outline(labels.ids[box] == number, corner, 1.0))
    return given


def _beside_given(outline: Outline, region: Region, labels: InstanceLabels) -> Outline:
    """Return an outline without the pixels of labelled objects."""
    start = tuple(o - low for o, (low, _) in zip(outline.origin, region, strict=True))
    common = intersect(region_at(start, outline.mask.shape), full_region(labels.ids.shape))
    if common is None:
        return outline
    free = outline.mask.copy()
    free[region_slices(common, start)] &= labels.ids[region_slices(common)] == 0
    return replace(outline, mask=free)


def _where_it_counts(outline: Outline, image: ClickedImage) -> Outline:
    """Return an outline without the pixels that do not count."""
    common = intersect(region_at(outline.origin, outline.mask.shape), image.pixels.region)
    if common is None:
        return outline
    counted = counted_pixels(image.ref, image.pixels, common)
    mask = outline.mask.copy()
    if counted is not None:
        mask[region_slices(common, outline.origin)] &= counted
    return replace(outline, mask=mask)


def _touches(outline: Outline, region: Region) -> bool:
    """Tell whether an outline reaches the border of the region that it lies in."""
    return bool(outline.area) and any(
        low <= start or high >= stop
        for (low, high), (start, stop) in zip(
            placed_bounds(outline.mask, outline.origin), region, strict=True
        )
    )
