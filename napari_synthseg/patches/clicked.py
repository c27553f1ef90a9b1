"""One clicked image: its outlines, and the patches cut around them."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace

from napari_synthseg.core.annotations import Click, ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import (
    Region,
    contains,
    intersect,
    region_at,
    region_slices,
    widen_region,
)
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.patch import GIVEN, ClickedImage, Outline, Patch
from napari_synthseg.core.pixels import PixelSource, counted_pixels
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.patches.masks.clicked_objects import ClickedObjects
from napari_synthseg.patches.masks.given import GivenOutlines
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
        object of its class under a click is taken as it is.
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
    objects = ClickedObjects.on(image, diameters)
    source, spacing = objects.pixels, objects.spacing
    given = GivenOutlines(image.clicks, region, diameters, masks)
    if len(given.found) == len(image.clicks):
        found = [FoundOutline(given.found[click.id], GIVEN) for click in image.clicks]
    else:
        found = yield from subprogress(outline_objects(objects, methods or {}), 0.0, 0.8)
        found = [
            FoundOutline(given.found[click.id], GIVEN)
            if click.id in given.found
            else replace(one, outline=given.beside(one.outline, click.cls))
            for click, one in zip(image.clicks, found, strict=True)
        ]
    if image.ref.is_limited:
        found = [
            replace(one, outline=where_it_counts(one.outline, image.ref, image.pixels))
            for one in found
        ]
    patches = []
    for number, (click, one) in enumerate(zip(image.clicks, found, strict=True)):
        if number % PORTION_CLICKS == 0:
            yield Progress(0.8 + 0.1 * number / len(found), "cutting patches")
        patch = _cut_patch(image.ref.id, source, click, one, diameters, settings, spacing)
        if image.ref.is_limited and meets_limits(one.outline, image.ref, image.pixels):
            patch = replace(patch, touches_border=True)
        patches.append(patch)

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
        touches_border=touches_border(outline, source.region),
        method=found.method,
    )


def where_it_counts(outline: Outline, ref: ImageRef, pixels: PixelSource) -> Outline:
    """Return an outline without the pixels that do not count; `pixels` are those of the image."""
    common = intersect(region_at(outline.origin, outline.mask.shape), pixels.region)
    if common is None or not ref.is_limited:
        return outline
    counted = counted_pixels(ref, pixels, common)
    mask = outline.mask.copy()
    if counted is not None:
        mask[region_slices(common, outline.origin)] &= counted
    return replace(outline, mask=mask)


def meets_limits(outline: Outline, ref: ImageRef, pixels: PixelSource) -> bool:
    """Tell whether an outline reaches pixels of its image that do not count.

    Parameters
    ----------
    outline
        As `where_it_counts` gives it.
    ref, pixels
        The image.
    """
    from scipy import ndimage

    around = widen_region(outline.window, [1] * outline.mask.ndim, pixels.region)
    counted = counted_pixels(ref, pixels, around)
    if counted is None:
        return False
    grown = ndimage.binary_dilation(cut_mask(outline.mask, outline.origin, around))
    return bool((grown & ~counted).any())


def touches_border(outline: Outline, region: Region) -> bool:
    """Tell whether an outline reaches the border of the region that it lies in."""
    return bool(outline.area) and any(
        low <= start or high >= stop
        for (low, high), (start, stop) in zip(
            placed_bounds(outline.mask, outline.origin), region, strict=True
        )
    )
