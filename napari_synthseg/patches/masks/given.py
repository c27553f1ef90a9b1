"""Outlines that the user gives: they are taken as they are, and the others keep clear of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from napari_synthseg.core.annotations import Click
from napari_synthseg.core.geometry import Region, full_region, intersect, region_at, region_slices
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.patch import Outline


class GivenOutlines:
    """What the user gave of the objects under some clicks of an image.

    Parameters
    ----------
    clicks
        The clicks.
    region
        The image's region, full-image pixels.
    labels
        Masks of objects in that region, made by the user or another tool.

    Attributes
    ----------
    found
        Click id -> the labelled object under the click.
    """

    def __init__(
        self, clicks: Sequence[Click], region: Region, labels: InstanceLabels | None = None
    ) -> None:
        self._region, self._labels = region, labels
        self.found: Mapping[str, Outline] = (
            {} if labels is None else _labelled(clicks, region, labels)
        )

    def beside(self, outline: Outline) -> Outline:
        """Return another outline without the pixels of what is given."""
        if self._labels is None:
            return outline
        start = tuple(o - low for o, (low, _) in zip(outline.origin, self._region, strict=True))
        common = intersect(
            region_at(start, outline.mask.shape), full_region(self._labels.ids.shape)
        )
        if common is None:
            return outline
        free = outline.mask.copy()
        free[region_slices(common, start)] &= self._labels.ids[region_slices(common)] == 0
        return replace(outline, mask=free)


def _labelled(
    clicks: Sequence[Click], region: Region, labels: InstanceLabels
) -> dict[str, Outline]:
    """Return the labelled object under each click that has one."""
    origin = np.array([start for start, _ in region])
    boxes, limit = labels.slices(), np.array(labels.ids.shape) - 1
    found: dict[str, Outline] = {}
    for click in clicks:
        pixel = np.clip(np.round(np.subtract(click.position, origin)), 0, limit).astype(int)
        if number := int(labels.ids[tuple(pixel)]):
            box = boxes[number]
            corner = tuple(int(o) + s.start for o, s in zip(origin, box, strict=True))
            found[click.id] = Outline(labels.ids[box] == number, corner, 1.0)
    return found
