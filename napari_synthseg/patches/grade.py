"""How far a patch can be trusted, judged without any truth, with the reasons in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from napari_synthseg.core.geometry import ball
from napari_synthseg.core.patch import Finding, Patch

CUT_OFF = Finding("cut off", "cut off by the image's border")


FAINTEST = 0.1
"""With less contrast than this there is probably nothing under the click."""


@dataclass(frozen=True)
class Grade:
    """What the quality of the mask is to be multiplied by (0..1), and what is amiss."""

    factor: float
    findings: tuple[Finding, ...]


def grade_mask(patch: Patch, radius: Sequence[float], *, solidity: float, contrast: float) -> Grade:
    """Look for what makes a patch less useful than its mask is good.

    Parameters
    ----------
    patch
        The patch; its `quality` and `findings` do not count.
    radius
        Half the class diameter along each spatial axis, pixels.
    solidity
        The mask's share of its convex hull.
    contrast
        How much the likeness to the clicked objects falls at the mask's edge; 1 from a typical
        object to typical surroundings.
    """
    if not patch.mask.any():
        return Grade(0.0, (Finding("no object", "no object was found under the click"),))
    factor, findings = 1.0, []
    ratio = patch.area / ball(radius)
    if ratio < 0.35 and not patch.touches_border:
        factor *= max(0.2, ratio / 0.35)
        findings.append(Finding("too small", "much smaller than the class diameter", ratio))
    elif ratio > 2.5:
        factor *= max(0.2, 2.5 / ratio)
        findings.append(Finding("too large", "much larger than the class diameter", ratio))
    if contrast < 0.35:
        factor *= max(0.1, contrast / 0.35)
        words = "hardly stands out from its surroundings"
        findings.append(Finding("faint", words, contrast, reject=contrast < FAINTEST))
    centroid = np.array(ndimage.center_of_mass(patch.mask))
    off = float(np.sqrt((((centroid - patch.center) / np.asarray(radius)) ** 2).sum()))
    if off > 0.6 and not patch.touches_border:
        factor *= max(0.4, 1.2 - off / 2)
        findings.append(Finding("off center", "the click lies off the object's center", off))
    if solidity < 0.85:
        findings.append(Finding("ragged", "ragged or bent outline", solidity))
    if patch.touches_border:
        findings.append(CUT_OFF)
    return Grade(factor, tuple(findings))
