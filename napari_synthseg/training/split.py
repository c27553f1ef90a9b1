"""Which part of the clicked images is held out to choose the best weights.

Parts never share a group (a field of view, a specimen). Where there is only one group, its
largest image is divided by a straight line, with a gap an object wide, so that no object and no
background is seen on both sides. The division happens before anything is cut or normalized.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import Click, ImageRef
from napari_synthseg.core.geometry import Region, contains, full_region, region_shape

MINIMUM_CLICKS = 3
"""A held-out part with fewer clicks says too little to choose weights by."""


@dataclass(frozen=True)
class Subset:
    """An image, or a region of it, with the clicks that lie inside.

    `objects` is how many are known to be there where nobody clicked.
    """

    ref: ImageRef
    clicks: tuple[Click, ...]
    objects: int = 0

    @property
    def weight(self) -> int:
        """How much there is to learn from it: the clicks, or else the objects known otherwise."""
        return len(self.clicks) or self.objects


def split(
    parts: Sequence[Subset],
    shapes: Mapping[str, tuple[int, ...]],
    *,
    fraction: float,
    gap: float,
    seed: int = 0,
) -> tuple[tuple[Subset, ...], tuple[Subset, ...]]:
    """Divide clicked images into a training and a validation part.

    Parameters
    ----------
    parts
        The clicked images.
    shapes
        Image id -> spatial shape ([z,] y, x) in pixels.
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
        return tuple(parts), ()
    groups = sorted({group_of(p) for p in parts})
    if len(groups) > 1:
        train, held = split_groups(parts, groups, shapes, fraction, seed)
    else:
        train, held = _split_region(parts, shapes, fraction, gap)
    if sum(p.weight for p in held) < MINIMUM_CLICKS or not train:
        return tuple(parts), ()
    return train, held


def group_of(part: Subset) -> str:
    """Return the name of what an image shares with others: a field of view, a stack."""
    return part.ref.group or part.ref.uri


def split_groups(
    parts: Sequence[Subset],
    groups: Sequence[str],
    shapes: Mapping[str, tuple[int, ...]],
    fraction: float,
    seed: int,
) -> tuple[tuple[Subset, ...], tuple[Subset, ...]]:
    """Hold out whole groups until the wanted share of clicks is reached as nearly as may be.

    The first has about that share on its own, so that of a few images not the one with most of the
    clicks is lost to training, and looks like another one, so that no kind of image is lost.

    Parameters
    ----------
    parts, shapes, fraction, seed
        As for `split`.
    groups
        Names of the groups, at least two.
    """
    clicks = {g: max(1, sum(p.weight for p in parts if group_of(p) == g)) for g in groups}
    wanted = fraction * sum(clicks.values())
    shuffled = [groups[i] for i in np.random.default_rng(seed).permutation(len(groups))]
    looks = {g: _look([p for p in parts if group_of(p) == g], shapes) for g in groups}

    def cost(group: str) -> float:
        alone = min(float(np.linalg.norm(looks[group] - looks[g])) for g in groups if g != group)
        return abs(float(np.log(clicks[group] / wanted))) + alone

    first = min(shuffled, key=cost)
    held, count = {first}, clicks[first]
    for group in (g for g in shuffled if g != first):
        nearer = abs(count + clicks[group] - wanted) < abs(count - wanted)
        if nearer and len(held) < len(groups) - 1:
            held.add(group)
            count += clicks[group]
    return (
        tuple(p for p in parts if group_of(p) not in held),
        tuple(p for p in parts if group_of(p) in held),
    )


def _look(parts: Sequence[Subset], shapes: Mapping[str, tuple[int, ...]]) -> NDArray[np.float64]:
    """Return what tells kinds of images apart before any pixel is read.

    The logarithms of the usual distance between a click and the next, and of the image's edge.
    """
    from scipy.spatial import cKDTree

    gaps, edges = [], []
    for part in parts:
        spots = np.array([c.position for c in part.clicks]).reshape(-1, part.ref.ndim)
        spots = spots * part.ref.spacing
        shape = shapes.get(part.ref.id, ())
        region = part.ref.region or full_region(shape)
        edges.append(float(np.prod(region_shape(region))) ** (1 / max(len(region), 1)))
        if len(spots) > 1:
            gaps.append(float(np.median(cKDTree(spots).query(spots, 2)[0][:, 1])))
    return np.log(np.maximum([np.median(gaps or edges), np.median(edges)], 1.0))


def _split_region(
    parts: Sequence[Subset], shapes: Mapping[str, tuple[int, ...]], fraction: float, gap: float
) -> tuple[tuple[Subset, ...], tuple[Subset, ...]]:
    """Divide the image with most clicks across its longest side."""
    chosen = max(parts, key=lambda p: len(p.clicks))
    if not chosen.clicks:
        return tuple(parts), ()
    region = chosen.ref.region or full_region(shapes[chosen.ref.id])
    spacing = chosen.ref.spacing
    lengths = [(stop - start) * s for (start, stop), s in zip(region, spacing, strict=True)]
    axis = int(np.argmax(lengths))
    gap /= spacing[axis]
    positions = np.sort([c.position[axis] for c in chosen.clicks])
    wanted = max(1, round(fraction * len(positions)))
    start, stop = region[axis]
    line = int(np.ceil(positions[-wanted] - gap / 2)) if wanted < len(positions) else start
    line = min(max(line, start), stop)
    low, high = line - int(np.ceil(gap / 2)), line + int(np.ceil(gap / 2))
    if low - start < 2 * gap or stop - high < gap:
        return tuple(parts), ()
    # Planes of the same stack are divided along the same line.
    siblings = [p for p in parts if p.ref.uri == chosen.ref.uri]
    rest = tuple(p for p in parts if p.ref.uri != chosen.ref.uri)
    first = tuple(_restricted(p, region, axis, (start, low)) for p in siblings)
    second = tuple(_restricted(p, region, axis, (high, stop)) for p in siblings)
    return (*rest, *(p for p in first if p.clicks)), tuple(p for p in second if p.clicks)


def _restricted(part: Subset, region: Region, axis: int, span: tuple[int, int]) -> Subset:
    limited = tuple(span if i == axis else s for i, s in enumerate(region))
    ref = part.ref.model_copy(update={"region": limited})
    return Subset(ref, tuple(c for c in part.clicks if contains(limited, c.position)))
