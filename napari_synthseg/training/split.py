"""What is held out to choose the best weights: whole groups, or a part of an image with a gap.

Training and validation never share a group (a field of view, a specimen). The split happens before
anything is cut or normalized. scikit-learn's group splitters do not serve here: they know neither
how many clicks a group has, nor which groups show the same kind of image.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import Click, ImageRef
from napari_synthseg.core.geometry import Region, contains, full_region, intersect, region_shape

MIN_CLICKS = 3
"""A held-out part with fewer clicks says too little to choose weights by."""

MIN_GROUPS = 4
"""With fewer groups of images of regions, one of them is too much to do without."""

GAP_PX = 16
"""Width of what is left out between two parts of an image of regions, along its finest axis."""

MIN_WIDTH_PX = 16
"""No part of an image of regions is narrower than this, along its finest axis."""

Shapes = Mapping[str, tuple[int, ...]]
"""Image id -> spatial shape ([z,] y, x) in pixels."""


@dataclass(frozen=True)
class Subset:
    """An image, or a region of it, with the clicks that lie inside.

    `objects` is how many are known to be there where nobody clicked.
    """

    ref: ImageRef
    clicks: tuple[Click, ...]
    objects: int = 0

    @property
    def group(self) -> str:
        """What the image shares with others: a field of view, a stack."""
        return self.ref.group or self.ref.uri

    @property
    def weight(self) -> int:
        """How much there is to learn from it: the clicks, or else the objects known otherwise."""
        return len(self.clicks) or self.objects


Subsets = tuple[Subset, ...]


@dataclass(frozen=True)
class Split:
    """Images, or parts of them, for training and validation; `note` says how they were split."""

    train: tuple[ImageRef, ...]
    validation: tuple[ImageRef, ...]
    note: str


def split_clicked(
    subsets: Sequence[Subset], shapes: Shapes, *, fraction: float, gap: float, seed: int = 0
) -> tuple[Subsets, Subsets]:
    """Divide clicked images into a training and a validation part.

    Where there is only one group, its largest image is divided by a straight line, with a gap an
    object wide, so that no object and no background is seen on both sides.

    Parameters
    ----------
    subsets
        The clicked images.
    shapes
        Of the images.
    fraction
        Wanted share of the clicks (or known objects) in the validation part; 0 holds nothing out.
    gap
        Width of the strip left out between two parts of one image, pixels of the finest axis.
    seed
        Which groups are held out.

    Returns
    -------
    train, validation
        `validation` is empty where `fraction` is 0 or too few clicks would be held out.
    """
    if fraction <= 0:
        return tuple(subsets), ()
    if len({s.group for s in subsets}) > 1:
        train, validation = _split_groups(subsets, shapes, fraction, seed)
    else:
        train, validation = _split_image(subsets, shapes, fraction, gap)
    if sum(s.weight for s in validation) < MIN_CLICKS or not train:
        return tuple(subsets), ()
    return train, validation


def split_regions(
    refs: Sequence[ImageRef], shapes: Shapes, *, fraction: float, gap: float = GAP_PX, seed: int = 0
) -> Split:
    """Divide images with true masks of regions, of which there are often few with much on each.

    From a few groups on whole groups are held out; with fewer, a strip at one end of each image,
    with a gap. Slices of one stack look alike, so they are all cut at the same line.

    Parameters
    ----------
    refs
        The images.
    shapes
        Of the images.
    fraction
        Wanted share of the pixels that is held out; 0 holds nothing out.
    gap
        Width of what is left out between two parts of an image, pixels of the finest axis.
    seed
        Which groups are held out.
    """
    if fraction <= 0:
        return Split(tuple(refs), (), "")
    subsets = [Subset(r, (), int(np.prod(region_shape(_region(r, shapes))))) for r in refs]
    groups = {s.group for s in subsets}
    if len(groups) < MIN_GROUPS:
        return _split_strips(refs, shapes, fraction, gap)
    train, validation = _split_groups(subsets, shapes, fraction, seed)
    note = f"{len({s.group for s in validation})} of {len(groups)} groups held out"
    return Split(tuple(s.ref for s in train), tuple(s.ref for s in validation), note)


def of_same_specimen(
    refs: Iterable[ImageRef], learned_from: Iterable[ImageRef]
) -> tuple[ImageRef, ...]:
    """Return the images that share a group or a file with images that are learned from.

    Only roles that the user chose part these: no split does.
    """
    known = list(learned_from)
    groups, files = {r.group for r in known} - {""}, {r.uri for r in known}
    return tuple(r for r in refs if r.group in groups or r.uri in files)


# --- whole groups --------------------------------------------------------------------------------


def _split_groups(
    subsets: Sequence[Subset], shapes: Shapes, fraction: float, seed: int
) -> tuple[Subsets, Subsets]:
    """Hold out whole groups until the wanted share of clicks is reached as nearly as may be.

    The first has about that share on its own, so that of a few images not the one with most of the
    clicks is lost to training, and looks like another one, so that no kind of image is lost.
    """
    members: dict[str, list[Subset]] = {name: [] for name in sorted({s.group for s in subsets})}
    for subset in subsets:
        members[subset.group].append(subset)
    clicks = {g: max(1, sum(s.weight for s in mine)) for g, mine in members.items()}
    features = {g: _image_features(mine, shapes) for g, mine in members.items()}
    wanted = fraction * sum(clicks.values())
    names = list(members)
    shuffled = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]

    def cost(group: str) -> float:
        others = (features[g] for g in names if g != group)
        alone = min(float(np.linalg.norm(features[group] - other)) for other in others)
        return abs(float(np.log(clicks[group] / wanted))) + alone

    first = min(shuffled, key=cost)
    chosen, count = {first}, clicks[first]
    for group in (g for g in shuffled if g != first):
        nearer = abs(count + clicks[group] - wanted) < abs(count - wanted)
        if nearer and len(chosen) < len(names) - 1:
            chosen.add(group)
            count += clicks[group]
    return (
        tuple(s for s in subsets if s.group not in chosen),
        tuple(s for s in subsets if s.group in chosen),
    )


def _image_features(subsets: Sequence[Subset], shapes: Shapes) -> NDArray[np.float64]:
    """Return what separates kinds of images before any pixel is read.

    The logarithms of the usual distance between a click and the next, and of the image's edge.
    """
    from scipy.spatial import cKDTree

    gaps, edges = [], []
    for subset in subsets:
        positions = np.array([c.position for c in subset.clicks]).reshape(-1, subset.ref.ndim)
        positions = positions * subset.ref.spacing
        region = subset.ref.region or full_region(shapes.get(subset.ref.id, ()))
        edges.append(float(np.prod(region_shape(region))) ** (1 / max(len(region), 1)))
        if len(positions) > 1:
            gaps.append(float(np.median(cKDTree(positions).query(positions, 2)[0][:, 1])))
    return np.log(np.maximum([np.median(gaps or edges), np.median(edges)], 1.0))


# --- parts of images -----------------------------------------------------------------------------


def _region(ref: ImageRef, shapes: Shapes) -> Region:
    return ref.region or full_region(shapes[ref.id])


def _along(region: Region, axis: int, span: tuple[int, int]) -> Region:
    """Return a region with another extent along one axis."""
    return tuple(span if i == axis else s for i, s in enumerate(region))


def _split_image(
    subsets: Sequence[Subset], shapes: Shapes, fraction: float, gap: float
) -> tuple[Subsets, Subsets]:
    """Divide the image with most clicks, and all of its file, across the longest side."""
    chosen = max(subsets, key=lambda s: len(s.clicks))
    if not chosen.clicks:
        return tuple(subsets), ()
    # Planes and regions of the same file, and copies of the same pixels, share the line.
    alike = {s.ref.content for s in subsets if s.ref.uri == chosen.ref.uri} - {""}
    files = {s.ref.uri for s in subsets if s.ref.content in alike} | {chosen.ref.uri}
    siblings = [s for s in subsets if s.ref.uri in files]
    rest = tuple(s for s in subsets if s.ref.uri not in files)
    regions = [_region(s.ref, shapes) for s in siblings]
    region, spacing = _around(regions), chosen.ref.spacing
    lengths = [(stop - start) * s for (start, stop), s in zip(region, spacing, strict=True)]
    axis = int(np.argmax(lengths))
    gap /= spacing[axis]
    positions = np.sort([c.position[axis] for s in siblings for c in s.clicks])
    wanted = max(1, round(fraction * len(positions)))
    start, stop = region[axis]
    line = int(np.ceil(positions[-wanted] - gap / 2)) if wanted < len(positions) else start
    line = min(max(line, start), stop)
    low, high = line - int(np.ceil(gap / 2)), line + int(np.ceil(gap / 2))
    if low - start < 2 * gap or stop - high < gap:
        return tuple(subsets), ()
    first, second = (
        tuple(
            part
            for s, own in zip(siblings, regions, strict=True)
            if (inside := intersect(own, _along(region, axis, span)))
            and (part := _restricted(s, inside)).clicks
        )
        for span in ((start, low), (high, stop))
    )
    return (*rest, *first), second


def _around(regions: Sequence[Region]) -> Region:
    """Return the smallest region that holds some."""
    limits = np.array(regions)
    low, high = limits[..., 0].min(axis=0).tolist(), limits[..., 1].max(axis=0).tolist()
    return tuple(zip(low, high, strict=True))


def _restricted(subset: Subset, region: Region) -> Subset:
    ref = subset.ref.model_copy(update={"region": region})
    return Subset(ref, tuple(c for c in subset.clicks if contains(region, c.position)))


def _split_strips(refs: Sequence[ImageRef], shapes: Shapes, fraction: float, gap: float) -> Split:
    """Cut a strip off each image; those of one file, slices or regions, at the same line."""
    train: list[ImageRef] = []
    validation: list[ImageRef] = []
    for uri in dict.fromkeys(ref.uri for ref in refs):
        mine = [ref for ref in refs if ref.uri == uri]
        sides = _cut([_region(ref, shapes) for ref in mine], mine[0].spacing, fraction, gap)
        if sides is None:
            train += mine
            continue
        for ref in mine:
            for side, parts in zip(sides, (train, validation), strict=True):
                inside = intersect(_region(ref, shapes), side)
                if inside is not None and _is_wide(inside, ref.spacing):
                    parts.append(ref.model_copy(update={"region": inside}))
    if not validation or not train:
        return Split(tuple(refs), (), "no image is large enough to hold a strip out")
    note = f"a strip of {fraction:.0%} of each image held out"
    return Split(tuple(train), tuple(validation), note)


def _is_wide(region: Region, spacing: Sequence[float]) -> bool:
    lengths = (n * s for n, s in zip(region_shape(region), spacing, strict=True))
    return min(lengths) >= MIN_WIDTH_PX


def _cut(
    regions: Sequence[Region], spacing: Sequence[float], fraction: float, gap: float
) -> tuple[Region, Region] | None:
    """Return the part to learn from and the strip, across the longest axis of what there is.

    None where one of them would be too narrow.
    """
    whole = _around(regions)
    axis = int(np.argmax(np.array(region_shape(whole)) * np.array(spacing)))
    (start, stop), apart = whole[axis], int(np.ceil(gap / spacing[axis]))
    first = stop - round(fraction * (stop - start))
    least = MIN_WIDTH_PX / spacing[axis]
    if stop - first < least or first - apart - start < least:
        return None
    return _along(whole, axis, (start, first - apart)), _along(whole, axis, (first, stop))
