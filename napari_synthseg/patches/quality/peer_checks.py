"""Issues of single patches that show only beside the others of their class and image.

Patches are compared with their peers, so that no threshold depends on a microscope. An issue lowers
the quality, so that synthesis prefers other patches; none removes a patch: the user decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.patch import GIVEN, IssueKind, Patch, QualityIssue, Severity
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.patches.quality.contrast import measure_contrasts
from napari_synthseg.patches.quality.duplicates import find_double_clicks, find_same_pictures
from napari_synthseg.patches.quality.merged_objects import score_merged_objects, usual_solidity
from napari_synthseg.patches.quality.sharpness import measure_sharpness

QUALITY_FACTORS: dict[IssueKind, float] = {
    "faint": 0.5,
    "blurred": 0.6,
    "saturated": 0.8,
    "merged objects": 0.4,
    "duplicate": 0.3,
    "odd size": 0.7,
    "odd intensity": 0.8,
}
"""What each issue multiplies the quality by."""

MIN_PEERS = 8
"""Of fewer patches of a class none can be called unusual."""

UNUSUAL_DEVIATIONS = 3.5
"""Robust standard deviations from the median from which a value is unusual (Iglewicz, Hoaglin)."""

BLURRED_DEVIATIONS, BLURRED_SHARE, REJECT_SHARE = 2.5, 0.8, 0.65
"""Robust standard deviations below the usual sharpness, and the share of it, from which an object
is blurred; below the last share rejecting it is suggested. Of sound objects on real images 2 in 100
are that soft."""

FAINT_SHARE, ABSENT_SHARE = 0.3, 0.1
"""Share of the usual contrast of its class below which an object is faint; below the second there
is probably nothing under the click."""

MIN_CONTRASTED = 4
"""Of fewer patches of a class no usual contrast is taken."""

SATURATED_SHARE = 0.1
"""Share of an object's pixels at the image's extreme from which it is reported."""

MERGED_LIKELY_SCORE, MERGED_SURE_SCORE = 0.9, 2.0
"""Scores of merged objects from which they are reported, and rejection is suggested.
Of sound masks on real images 3 and 1.5 in 100 reach them."""

ODD_SIZE_RATIO = 1.8
"""Factor of size from which an unusual size is reported."""

PORTION_PATCHES = 500
"""Patches that are measured between two signs of progress, at most."""

Issues = dict[str, list[QualityIssue]]
"""Id of a patch -> what was found."""


def check_patches(
    patches: Sequence[Patch], diameters: Mapping[tuple[str, int], float]
) -> Generator[Progress, None, tuple[Patch, ...]]:
    """Return all patches in order, with the issues that show beside others, the gravest first.

    Parameters
    ----------
    patches
        Cut, masked and graded.
    diameters
        Image id and class value -> diameter in pixels of that image's finest axis.
    """
    issues: Issues = defaultdict(list)
    for mine in _grouped(patches, lambda p: (p.image, p.cls)):
        for earlier, later, away in find_double_clicks(mine, diameters[mine[0].image, mine[0].cls]):
            _report_duplicate(issues, earlier, later, "a second click on the same object", away)
        yield Progress(0.0)
    for first, second in find_same_pictures(patches):
        _report_duplicate(issues, first, second, "the same picture is on another image, too", 0.0)
    masked = [p for p in patches if p.area]
    whole = [p for p in masked if not p.touches_border]
    levels = {p.id: _level(p) for p in masked}
    for mine in _grouped(patches, lambda p: p.image):
        _check_saturation(mine, issues)
        yield Progress(0.0)
    contrasts: dict[str, float] = {}
    for mine in _grouped(masked, lambda p: p.image):
        start, stop = (0.3 * (len(contrasts) + n) / len(masked) for n in (0, len(mine)))
        found = yield from subprogress(measure_contrasts(mine), start, stop)
        contrasts |= zip((p.id for p in mine), found, strict=True)
    for mine in _grouped(masked, lambda p: (p.image, p.cls)):
        _check_contrast(mine, np.array([contrasts[p.id] for p in mine]), issues)
    sharpness: dict[str, float] = {}
    for some in _portions(masked):
        sharpness |= zip((p.id for p in some), measure_sharpness(some), strict=True)
        yield Progress(0.3 + 0.3 * len(sharpness) / len(masked))
    for peers in _peers(masked):
        _check_sharpness(peers, np.array([sharpness[p.id] for p in peers]), issues)
        _check_intensity(peers, np.array([levels[p.id] for p in peers]), issues)
    sizes: dict[str, float] = {}
    for peers in _peers(whole):
        sizes |= _check_size(peers, issues)
    yield Progress(0.7)
    for value in {p.cls for p in patches}:
        mine = [p for p in whole if p.cls == value and p.id in sizes]
        usual = usual_solidity(mine)
        for some in _portions(mine):
            _check_merged(some, sizes, usual, issues)
            yield Progress(0.8)
    yield Progress(1.0)
    return tuple(_with(patch, issues.get(patch.id, ()), levels.get(patch.id)) for patch in patches)


# --- who is compared with whom --------------------------------------------------------------------


def _grouped(patches: Sequence[Patch], key: Callable[[Patch], Hashable]) -> list[list[Patch]]:
    groups: dict[Hashable, list[Patch]] = defaultdict(list)
    for patch in patches:
        groups[key(patch)].append(patch)
    return list(groups.values())


def _peers(patches: Sequence[Patch]) -> Iterator[list[Patch]]:
    """Yield groups of a class to be compared: of one image, or of all that have few each."""
    few: dict[int, list[Patch]] = defaultdict(list)
    for mine in _grouped(patches, lambda p: (p.image, p.cls)):
        if len(mine) >= MIN_PEERS:
            yield mine
        else:
            few[mine[0].cls].extend(mine)
    yield from (mine for mine in few.values() if len(mine) >= MIN_PEERS)


def _portions(patches: Sequence[Patch]) -> Iterator[Sequence[Patch]]:
    """Yield all patches, so many at a time as are measured in a part of a second."""
    yield from (
        patches[start : start + PORTION_PATCHES]
        for start in range(0, len(patches), PORTION_PATCHES)
    )


# --- the checks -----------------------------------------------------------------------------------


def _report_duplicate(issues: Issues, one: Patch, other: Patch, words: str, value: float) -> None:
    """Report the later of two patches of one object, unless the earlier is reported already."""
    if not any(f.kind == "duplicate" for p in (one, other) for f in issues[p.id]):
        issues[other.id].append(QualityIssue("duplicate", words, value, "reject"))


def _check_saturation(patches: Sequence[Patch], issues: Issues) -> None:
    """Report objects with many pixels at the largest or smallest value that the image shows."""
    flat = [p.pixels.reshape(len(p.pixels), -1) for p in patches]
    extremes = (
        np.max([f.max(axis=1) for f in flat], axis=0),
        np.min([f.min(axis=1) for f in flat], axis=0),
    )
    for patch in patches:
        if not patch.area:
            continue
        inside = patch.pixels[:, patch.mask]
        share = max(float((inside == e[:, None]).mean(axis=1).max()) for e in extremes)
        if share > SATURATED_SHARE:
            words = f"{share:.0%} of its pixels are at the image's limit: their detail is lost"
            issues[patch.id].append(QualityIssue("saturated", words, share))


def _check_contrast(patches: Sequence[Patch], values: NDArray[np.float64], issues: Issues) -> None:
    if np.count_nonzero(np.isfinite(values)) < MIN_CONTRASTED:
        return
    usual = max(float(np.nanmedian(values)), 1e-9)
    for patch, value in zip(patches, values, strict=True):
        share = float(value / usual)
        if share < FAINT_SHARE:
            words = f"hardly stands out from its surroundings ({share:.0%} of the usual)"
            severity: Severity = "reject" if share < ABSENT_SHARE else "warning"
            issues[patch.id].append(QualityIssue("faint", words, share, severity))


def _check_sharpness(patches: Sequence[Patch], values: NDArray[np.float64], issues: Issues) -> None:
    usual = float(np.median(values))
    odds = _unusual(np.log(np.maximum(values, 1e-6)))
    for patch, odd, value in zip(patches, odds, values, strict=True):
        share = float(value / max(usual, 1e-9))
        if odd < -BLURRED_DEVIATIONS and share < BLURRED_SHARE:
            words = f"its outline is softer than that of the others ({share:.0%} of the usual)"
            severity: Severity = "reject" if share < REJECT_SHARE else "warning"
            issues[patch.id].append(QualityIssue("blurred", words, share, severity))


def _check_intensity(patches: Sequence[Patch], levels: NDArray[np.float64], issues: Issues) -> None:
    odds = np.column_stack([_unusual(levels[:, c]) for c in range(levels.shape[1])])
    for patch, odd in zip(patches, odds, strict=True):
        most = float(odd[np.abs(odd).argmax()])
        if abs(most) > UNUSUAL_DEVIATIONS:
            words = f"much {'brighter' if most > 0 else 'darker'} than the others"
            issues[patch.id].append(QualityIssue("odd intensity", words, most))


def _check_size(patches: Sequence[Patch], issues: Issues) -> dict[str, float]:
    """Report odd sizes; return each patch's size as a multiple of the usual one."""
    areas = np.array([p.area for p in patches], float)
    sizes = areas / np.median(areas)
    for patch, odd, size in zip(patches, _unusual(np.log(areas)), sizes, strict=True):
        if abs(odd) > UNUSUAL_DEVIATIONS and not 1 / ODD_SIZE_RATIO < size < ODD_SIZE_RATIO:
            words = f"{'larger' if size > 1 else 'smaller'} than the others ({size:.1f} times)"
            issues[patch.id].append(QualityIssue("odd size", words, float(size)))
    return {p.id: float(s) for p, s in zip(patches, sizes, strict=True)}


def _check_merged(
    patches: Sequence[Patch], sizes: Mapping[str, float], usual: float, issues: Issues
) -> None:
    scores = score_merged_objects(patches, np.array([sizes[p.id] for p in patches]), usual)
    for patch, score in zip(patches, scores, strict=True):
        if score > MERGED_LIKELY_SCORE:
            words = f"two objects in one mask? It is {sizes[patch.id]:.1f} times the usual size"
            severity: Severity = "reject" if score > MERGED_SURE_SCORE else "warning"
            issues[patch.id].append(QualityIssue("merged objects", words, float(score), severity))


# --- measures and results -------------------------------------------------------------------------


def _level(patch: Patch) -> NDArray[np.float64]:
    """Return the object's median intensity in each channel."""
    levels: NDArray[np.float64] = np.median(patch.pixels[:, patch.mask], axis=1).astype(float)
    return levels


def _unusual(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many robust standard deviations each value lies from the median."""
    away = values - np.median(values)
    spread = 1.4826 * float(np.median(np.abs(away)))
    scores: NDArray[np.float64] = away / max(spread, 1e-6 + 0.02 * float(np.abs(values).mean()))
    return scores


def _with(patch: Patch, new: Sequence[QualityIssue], level: NDArray[np.float64] | None) -> Patch:
    quality = patch.quality
    if patch.method != GIVEN:  # whoever drew the mask saw the object
        quality = round(quality * float(np.prod([QUALITY_FACTORS[f.kind] for f in new])), 3)
    issues = [*patch.issues, *new]
    issues.sort(key=_gravity)
    intensity = float(level.mean()) if level is not None else 0.0
    return replace(patch, quality=quality, issues=tuple(issues), intensity=intensity)


def _gravity(issue: QualityIssue) -> tuple[int, int]:
    severities, kinds = get_args(Severity), get_args(IssueKind)
    return -severities.index(issue.severity), kinds.index(issue.kind)
