"""How far a patch can be trusted, judged on its own and without any truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_synthseg.core.geometry import ball
from napari_synthseg.core.patch import Patch
from napari_synthseg.core.quality_issue import QualityIssue, Severity

CUT_OFF = QualityIssue("cut off", "cut off by the image's border", severity="note")

FAINT_CONTRAST, MIN_CONTRAST = 0.35, 0.1
"""With less contrast than the first an object is faint; with less than the second there is probably
nothing under the click."""

MIN_SIZE_RATIO, MAX_SIZE_RATIO = 0.35, 2.5
"""Area, as a multiple of the class diameter's, below and above which a mask has a wrong size."""

RAGGED_SOLIDITY = 0.85
"""Share of its convex hull below which an outline is called ragged."""

OFF_CENTER_RADII, OFF_OBJECT_RADII = 0.6, 1.0
"""Distance between click and object's center from which the click is called off its center; from
which it probably is on nothing, or on something else."""

BESIDE_RADII = 0.2
"""Distance between click and object from which the click is off the object."""


@dataclass(frozen=True)
class Grade:
    """What the quality of the mask is multiplied by (0..1), and its issues."""

    factor: float
    issues: tuple[QualityIssue, ...]


def grade_mask(patch: Patch, radius: Sequence[float], *, solidity: float, contrast: float) -> Grade:
    """Find what makes a patch less useful than its mask is good.

    Parameters
    ----------
    patch
        The patch; its `quality` and `issues` do not count.
    radius
        Half the class diameter along each spatial axis, pixels.
    solidity
        The mask's share of its convex hull.
    contrast
        How much the foreground falls at the mask's edge; 1 from a typical object to typical
        surroundings.
    """
    if not patch.mask.any():
        words = "no object was found under the click"
        return Grade(0.0, (QualityIssue("no object", words, severity="reject"),))
    factor, issues = 1.0, []
    ratio = patch.area / ball(radius)
    if ratio < MIN_SIZE_RATIO and not patch.touches_border:
        factor *= max(0.2, ratio / MIN_SIZE_RATIO)
        issues.append(QualityIssue("too small", "much smaller than the class diameter", ratio))
    elif ratio > MAX_SIZE_RATIO:
        factor *= max(0.2, MAX_SIZE_RATIO / ratio)
        issues.append(QualityIssue("too large", "much larger than the class diameter", ratio))
    if contrast < FAINT_CONTRAST:
        factor *= max(0.1, contrast / FAINT_CONTRAST)
        words = "hardly stands out from its surroundings"
        severity: Severity = "reject" if contrast < MIN_CONTRAST else "warning"
        issues.append(QualityIssue("faint", words, contrast, severity))
    if issue := _check_place(patch, radius):
        factor *= max(0.4, 1.2 - issue.value / 2)
        issues.append(issue)
    if solidity < RAGGED_SOLIDITY:
        issues.append(QualityIssue("ragged", "ragged or bent outline", solidity))
    if patch.touches_border:
        issues.append(CUT_OFF)
    return Grade(factor, tuple(issues))


def _check_place(patch: Patch, radius: Sequence[float]) -> QualityIssue | None:
    """Check whether the click is on the object, and near its center."""
    spots = np.argwhere(patch.mask)
    away = np.sqrt((((spots - patch.center) / np.asarray(radius)) ** 2).sum(axis=1)).min()
    off = float(np.sqrt((((spots.mean(0) - patch.center) / np.asarray(radius)) ** 2).sum()))
    # half a pixel: clicks lie between pixels
    beside = away - 0.5 / min(radius) > BESIDE_RADII
    if beside or (off > OFF_OBJECT_RADII and not patch.touches_border):
        words = "the click is not on the object that was found"
        return QualityIssue("off the object", words, off, "reject")
    if off > OFF_CENTER_RADII and not patch.touches_border:
        words = "the click is far from the object's center"
        return QualityIssue("off center", words, off, "note")
    return None
