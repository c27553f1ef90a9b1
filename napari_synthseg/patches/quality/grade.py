"""How far a patch can be trusted, judged on its own and without any truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.geometry import ball
from napari_synthseg.core.patch import GIVEN, Patch, QualityIssue, Severity
from napari_synthseg.patches.quality.outline_shape import elongation, solidity

CUT_OFF = QualityIssue("cut off", "cut off by the image's border", severity="note")

UNSURE_CONFIDENCE, LOST_CONFIDENCE = 0.5, 0.3
"""An outline that is expected to overlap less than the first with its object is unsure; less than
the second, and there is probably nothing under the click, or nothing that can be told from what
lies around."""

UNSURE_WORDS = "it is not sure where this object ends"

MIN_SIZE_RATIO, MAX_SIZE_RATIO = 0.35, 2.5
"""Area, as a multiple of the usual one of the class, below and above which a size is wrong."""

LONG_RATIO = 3.0
"""Length as a multiple of the width from which an object is long: it may well be larger than the
others, and bent."""

RAGGED_SOLIDITY = 0.85
"""Share of its convex hull below which an outline is called ragged."""

OFF_CENTER_SHARE = 0.6
"""Distance between click and object's middle from which the click is called off its center, as a
share of how far the object reaches in that direction."""

BESIDE_RADII = 0.2
"""Distance between click and object from which the click is off the object, in usual radii."""


def grade_patch(patch: Patch, radius: Sequence[float]) -> Patch:
    """Return a patch with its quality, and with what makes it less useful than its mask is good.

    `radius` is half the usual diameter of the class along each spatial axis, pixels.
    """
    if not patch.mask.any():
        words = "no object was found under the click"
        issue = QualityIssue("no object", words, severity="reject")
        return replace(patch, quality=0.0, issues=(issue,))
    if patch.method == GIVEN:  # whoever drew the mask saw the object
        return replace(patch, quality=1.0, issues=(CUT_OFF,) if patch.touches_border else ())
    factor, issues = 1.0, []
    ratio = patch.area / ball(radius)
    shape = solidity(patch.mask)
    unusual = ratio > MAX_SIZE_RATIO or shape < RAGGED_SOLIDITY
    spacing = np.max(radius) / np.asarray(radius)
    long = unusual and elongation(patch.mask, spacing.tolist()) > LONG_RATIO
    gravity: Severity = "note" if long else "warning"
    if ratio < MIN_SIZE_RATIO and not patch.touches_border:
        factor *= max(0.2, ratio / MIN_SIZE_RATIO)
        issues.append(QualityIssue("too small", "much smaller than the others of its class", ratio))
    elif ratio > MAX_SIZE_RATIO:
        factor *= 1.0 if long else max(0.2, MAX_SIZE_RATIO / ratio)
        words = "much larger than the others of its class"
        issues.append(QualityIssue("too large", words, ratio, gravity))
    if misplaced := _check_place(patch, radius):
        factor *= max(0.4, 1.2 - misplaced.value / 2)
        issues.append(misplaced)
    if patch.confidence < UNSURE_CONFIDENCE:
        lost = patch.confidence < LOST_CONFIDENCE
        words = (
            "nothing under the click can be told from its surroundings" if lost else UNSURE_WORDS
        )
        severity: Severity = "reject" if lost else "warning"
        issues.append(QualityIssue("unsure outline", words, patch.confidence, severity))
    if shape < RAGGED_SOLIDITY:
        issues.append(QualityIssue("ragged", "ragged or bent outline", shape, gravity))
    if patch.touches_border:
        issues.append(CUT_OFF)
    quality = round(patch.confidence * factor, 3)
    return replace(patch, quality=quality, issues=tuple(issues))


def _check_place(patch: Patch, radius: Sequence[float]) -> QualityIssue | None:
    """Check whether the click is on the object, and near its middle."""
    ways = np.argwhere(patch.mask) - patch.center
    away = float(np.sqrt(((ways / np.asarray(radius)) ** 2).sum(axis=1)).min())
    # half a pixel: clicks lie between pixels
    if away - 0.5 / min(radius) > BESIDE_RADII:
        words = "the click is not on the object that was found"
        return QualityIssue("off the object", words, away, "reject")
    off = _share_of_extent(ways)
    if off > OFF_CENTER_SHARE and not patch.touches_border:
        words = "the click is far from the object's center"
        return QualityIssue("off center", words, off, "note")
    return None


def _share_of_extent(ways: NDArray[np.floating]) -> float:
    """Return how far a click lies from an object's middle, as a share of its extent that way.

    The object counts as the ellipsoid that spreads as its pixels do.

    Parameters
    ----------
    ways
        From the click to each of the object's pixels, (n, axes).
    """
    ndim = ways.shape[1]
    # a pixel is not a point: 1/12 is how it spreads itself
    spread = np.cov(ways, rowvar=False, bias=True) + np.eye(ndim) / 12
    middle = ways.mean(axis=0)
    return float(np.sqrt(middle @ np.linalg.solve(spread, middle) / (ndim + 2)))
