"""What is wrong with single patches, seen when all of them are known.

Each patch is compared with the others of its class and image, so that no threshold depends on a
microscope. A finding lowers the quality, so that synthesis prefers other patches; none removes a
patch: that is for the user to decide.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_synthseg.core.patch import GIVEN, Finding, FindingKind, Patch
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.patches.masks.quality import solidity

FACTORS: dict[FindingKind, float] = {
    "blurred": 0.6,
    "saturated": 0.8,
    "two in one": 0.4,
    "duplicate": 0.3,
    "odd size": 0.7,
    "odd intensity": 0.8,
}
"""What each finding multiplies the quality by."""

ENOUGH = 8
"""With fewer patches of a class on an image nothing tells which of them is unusual."""

UNUSUAL = 3.5
"""Robust standard deviations from the median from which a value is unusual (Iglewicz, Hoaglin)."""

BLURRED = 0.75
"""Unusually soft edges are reported below this share of the usual steepness."""

SATURATED = 0.1
"""Share of an object's pixels at the image's extreme from which it is reported."""

CLOSE = 0.4
"""Clicks of a class nearer than this, in class diameters, are on the same object."""

SADDLE, DENTED, DOUBLE = 0.75, 0.92, 1.25
"""Two cores with a neck narrower than this share of the smaller one, in a mask that fills less than
this share of its hull and has at least this many times the usual size, are two objects."""

ODD = 1.8
"""Factor of size from which an unusual size is reported."""


def check_patches(
    patches: Sequence[Patch], diameters: Mapping[int, float]
) -> Iterator[tuple[Patch, ...]]:
    """Look for what single patches do not show; the last tuple has all patches, in order.

    Parameters
    ----------
    patches
        Cut, masked and graded.
    diameters
        Class value -> diameter in pixels of the finest axis.

    Yields
    ------
    Those patches that are done, after each image.
    """
    found: dict[str, list[Finding]] = defaultdict(list)
    by_image: dict[str, list[Patch]] = defaultdict(list)
    for patch in patches:
        by_image[patch.image].append(patch)
    for group in by_image.values():
        _check_image(group, diameters, found)
        yield ()
    yield tuple(_with(patch, found.get(patch.id, ())) for patch in patches)


def _with(patch: Patch, findings: Sequence[Finding]) -> Patch:
    if not findings or patch.method == GIVEN:  # whoever drew the mask saw the object
        return replace(patch, findings=(*patch.findings, *findings))
    factor = float(np.prod([FACTORS[f.kind] for f in findings]))
    quality = round(patch.quality * factor, 3)
    return replace(patch, quality=quality, findings=(*patch.findings, *findings))


def _check_image(
    patches: Sequence[Patch], diameters: Mapping[int, float], found: dict[str, list[Finding]]
) -> None:
    extremes = _extremes(patches)
    for value in {p.cls for p in patches}:
        mine = [p for p in patches if p.cls == value]
        _check_duplicates(mine, diameters[value], found)
        masked = [p for p in mine if p.mask.any()]
        whole = [p for p in masked if not p.touches_border]
        usual = float(np.median([p.area for p in whole])) if whole else 0.0
        for patch in masked:
            _check_saturation(patch, extremes, found)
            _check_double(patch, usual, found)
        if len(masked) >= ENOUGH:
            _check_sharpness(masked, found)
            _check_intensity(masked, found)
        if len(whole) >= ENOUGH:
            _check_size(whole, found)


def _check_duplicates(
    patches: Sequence[Patch], diameter: float, found: dict[str, list[Finding]]
) -> None:
    """Report the later of two clicks on one object."""
    positions = np.array([np.add(p.origin, p.center) for p in patches])
    tree = cKDTree(positions)
    for first, second in sorted(tree.query_pairs(CLOSE * diameter)):
        one, other = patches[first], patches[second]
        away = float(np.linalg.norm(positions[first] - positions[second]) / diameter)
        if not any(f.kind == "duplicate" for f in found[one.id]):
            words = "a second click on the same object"
            found[other.id].append(Finding("duplicate", words, away, reject=True))


def _check_double(patch: Patch, usual: float, found: dict[str, list[Finding]]) -> None:
    """Report a mask with two cores."""
    if patch.area < DOUBLE * usual or solidity(patch.mask) > DENTED:
        return
    depth = ndimage.distance_transform_edt(np.pad(patch.mask, 1))
    tops, count = ndimage.label(depth == ndimage.maximum_filter(depth, 5))
    heights = np.atleast_1d(ndimage.maximum(depth, tops, np.arange(1, count + 1)))
    order = np.argsort(-heights)
    main = tops == order[0] + 1
    for other in order[1:]:
        if heights[other] < 0.5 * heights[order[0]]:
            return
        narrow = ndimage.label(depth > SADDLE * heights[other])[0]
        if narrow[main].max() != narrow[tops == other + 1].max():
            share = float(patch.area / usual)
            words = "probably two objects in one mask"
            found[patch.id].append(Finding("two in one", words, share, reject=True))
            return


def _check_saturation(
    patch: Patch,
    extremes: tuple[NDArray[np.float32], NDArray[np.float32]],
    found: dict[str, list[Finding]],
) -> None:
    inside = patch.pixels[:, patch.mask]
    share = max(float((inside == e[:, None]).mean(axis=1).max()) for e in extremes)
    if share > SATURATED:
        words = f"saturated: {share:.0%} of its pixels are at the image's limit"
        found[patch.id].append(Finding("saturated", words, share))


def _check_sharpness(patches: Sequence[Patch], found: dict[str, list[Finding]]) -> None:
    steepness = np.array([_steepness(p) for p in patches])
    logs = np.log(np.maximum(steepness, 1e-6))
    usual = float(np.median(steepness))
    for patch, odd, value in zip(patches, _unusual(logs), steepness, strict=True):
        if odd < -UNUSUAL and value < BLURRED * usual:
            words = "blurred: its edges are softer than those of the others"
            share = float(value / max(usual, 1e-9))
            found[patch.id].append(Finding("blurred", words, share, reject=share < 0.5 * BLURRED))


def _check_intensity(patches: Sequence[Patch], found: dict[str, list[Finding]]) -> None:
    levels = np.array([np.median(p.pixels[:, p.mask], axis=1) for p in patches])
    odd = np.abs(np.column_stack([_unusual(levels[:, c]) for c in range(levels.shape[1])]))
    for patch, distance in zip(patches, odd.max(axis=1), strict=True):
        if distance > UNUSUAL:
            words = "much brighter or darker than the others"
            found[patch.id].append(Finding("odd intensity", words, float(distance)))


def _check_size(patches: Sequence[Patch], found: dict[str, list[Finding]]) -> None:
    sizes = np.array([p.area for p in patches], float)
    usual = float(np.median(sizes))
    for patch, odd, size in zip(patches, _unusual(np.log(sizes)), sizes, strict=True):
        ratio = size / usual
        if abs(odd) > UNUSUAL and not 1 / ODD < ratio < ODD:
            words = f"{'larger' if ratio > 1 else 'smaller'} than the others by far"
            found[patch.id].append(Finding("odd size", words, float(ratio)))


def _extremes(patches: Sequence[Patch]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the largest and smallest value of each channel that any patch shows."""
    highest = np.max([p.pixels.reshape(len(p.pixels), -1).max(axis=1) for p in patches], axis=0)
    lowest = np.min([p.pixels.reshape(len(p.pixels), -1).min(axis=1) for p in patches], axis=0)
    return highest, lowest


def _steepness(patch: Patch) -> float:
    """Return the steepest part of the object's outline, as a share of its contrast a pixel."""
    best = 0.0
    rim = _rim(patch.mask)
    for channel in patch.pixels:
        contrast = abs(float(np.median(channel[patch.mask]) - np.median(channel[rim])))
        slope = ndimage.gaussian_gradient_magnitude(channel, 0.7)
        steep = float(np.percentile(slope[patch.mask | rim], 90))
        noise = _grain(channel)
        if contrast > 3 * noise:
            best = max(best, steep / contrast)
    return best or 1.0  # no clear edge in any channel: other findings say so


def _rim(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    wide: NDArray[np.bool_] = ndimage.binary_dilation(mask, iterations=3) & ~mask
    return wide if wide.any() else ~mask


def _grain(channel: FloatImage) -> float:
    """Return the standard deviation of the noise (from second differences along x)."""
    second = np.diff(channel, 2, axis=-1)
    return float(1.4826 * np.median(np.abs(second)) / np.sqrt(6)) if second.size else 0.0


def _unusual(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many robust standard deviations each value lies from the median."""
    away = values - np.median(values)
    spread = 1.4826 * float(np.median(np.abs(away)))
    scores: NDArray[np.float64] = away / max(spread, 1e-6 + 0.02 * float(np.abs(values).mean()))
    return scores
