"""Which part of images with true masks of regions is held out.

There are often very few such images, each with much on it. From a few groups on whole groups are
held out; with fewer, a strip at one end of each image, with a gap. Slices of one stack look alike,
so they are all cut at the same line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.geometry import Region, full_region, intersect, region_shape
from napari_synthseg.training.split import Subset, group_of, split_groups

FEW_GROUPS = 4
"""With fewer groups than this, one of them is too much to do without."""

GAP = 16
"""Width of what is left out between two parts of an image, pixels of the finest axis."""

NARROWEST = 16
"""No part is narrower than this, pixels of the finest axis."""


@dataclass(frozen=True)
class Split:
    """Images, or parts of them, to learn from and to hold out; `words` say how it was done."""

    train: tuple[ImageRef, ...]
    held: tuple[ImageRef, ...]
    words: str


def divide_regions(
    refs: Sequence[ImageRef],
    shapes: Mapping[str, tuple[int, ...]],
    *,
    fraction: float,
    gap: float = GAP,
    seed: int = 0,
) -> Split:
    """Divide images of regions into what is learned from and what is held out.

    Parameters
    ----------
    refs
        The images.
    shapes
        Image id -> spatial shape ([z,] y, x) in pixels.
    fraction
        Wanted share of the pixels that is held out; 0 holds nothing out.
    gap
        Width of what is left out between two parts of an image, pixels of the finest axis.
    seed
        Which groups are held out.
    """
    if fraction <= 0:
        return Split(tuple(refs), (), "")
    parts = [Subset(r, (), int(np.prod(region_shape(_region(r, shapes))))) for r in refs]
    groups = sorted({group_of(p) for p in parts})
    if len(groups) >= FEW_GROUPS:
        train, held = split_groups(parts, groups, shapes, fraction, seed)
        count = len({group_of(p) for p in held})
        words = f"{count} of {len(groups)} groups held out"
        return Split(tuple(p.ref for p in train), tuple(p.ref for p in held), words)
    return _divide_strips(refs, shapes, fraction, gap)


def _region(ref: ImageRef, shapes: Mapping[str, tuple[int, ...]]) -> Region:
    return ref.region or full_region(shapes[ref.id])


def _divide_strips(
    refs: Sequence[ImageRef],
    shapes: Mapping[str, tuple[int, ...]],
    fraction: float,
    gap: float,
) -> Split:
    """Cut a strip off each image; those of one file, slices or regions, at the same line."""
    train: list[ImageRef] = []
    held: list[ImageRef] = []
    for uri in dict.fromkeys(ref.uri for ref in refs):
        mine = [ref for ref in refs if ref.uri == uri]
        sides = _cut([_region(ref, shapes) for ref in mine], mine[0].spacing, fraction, gap)
        if sides is None:
            train += mine
            continue
        for ref in mine:
            for side, parts in zip(sides, (train, held), strict=True):
                inside = intersect(_region(ref, shapes), side)
                if inside is not None and _is_wide(inside, ref.spacing):
                    parts.append(ref.model_copy(update={"region": inside}))
    if not held or not train:
        return Split(tuple(refs), (), "no image is large enough to hold a strip out")
    return Split(tuple(train), tuple(held), f"a strip of {fraction:.0%} of each image held out")


def _is_wide(region: Region, spacing: Sequence[float]) -> bool:
    lengths = (n * s for n, s in zip(region_shape(region), spacing, strict=True))
    return min(lengths) >= NARROWEST


def _cut(
    regions: Sequence[Region], spacing: Sequence[float], fraction: float, gap: float
) -> tuple[Region, Region] | None:
    """Return the part to learn from and the strip, across the longest axis of what there is.

    None where one of them would be too narrow.
    """
    limits = np.array(regions)
    low, high = limits[..., 0].min(axis=0), limits[..., 1].max(axis=0)
    axis = int(np.argmax((high - low) * np.array(spacing)))
    start, stop, apart = int(low[axis]), int(high[axis]), int(np.ceil(gap / spacing[axis]))
    first = stop - round(fraction * (stop - start))
    least = NARROWEST / spacing[axis]
    if stop - first < least or first - apart - start < least:
        return None
    whole = [(int(a), int(b)) for a, b in zip(low, high, strict=True)]
    return (
        tuple((start, first - apart) if i == axis else span for i, span in enumerate(whole)),
        tuple((first, stop) if i == axis else span for i, span in enumerate(whole)),
    )
