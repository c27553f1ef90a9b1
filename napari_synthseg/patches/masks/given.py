"""Outlines that the user gives, as masks or mended one by one: others keep clear of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from napari_synthseg.core.annotations import Click
from napari_synthseg.core.geometry import (
    Mask,
    Region,
    intersect,
    region_at,
    region_shape,
    region_slices,
)
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.patch import Outline
from napari_synthseg.patches.window import cut_mask


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
        Click id -> the outline as the user mended it, else the labelled object under the click.
    """

    def __init__(
        self, clicks: Sequence[Click], region: Region, labels: InstanceLabels | None = None
    ) -> None:
        self._region, self._labels = region, labels
        self._mended = _mended(clicks, region)
        labelled = {} if labels is None else _labelled(clicks, region, labels)
        self.found: Mapping[str, Outline] = {**labelled, **self._mended}

    def beside(self, outline: Outline) -> Outline:
        """Return another outline without the pixels of what is given."""
        near = [m for m in self._mended.values() if intersect(m.window, outline.window)]
        if self._labels is None and not near:
            return outline
        free = outline.mask.copy()
        for mended in near:
            free &= ~cut_mask(mended.mask, mended.origin, outline.window)
        if self._labels is not None:
            free &= ~self._is_labelled(outline.window, self._labels)
        return replace(outline, mask=free)

    def _is_labelled(self, window: Region, labels: InstanceLabels) -> Mask:
        """Return which pixels of a window are of a labelled object."""
        first = [low for low, _ in self._region]
        taken = np.zeros(region_shape(window), bool)
        if common := intersect(window, region_at(first, labels.ids.shape)):
            place = region_slices(common, [low for low, _ in window])
            taken[place] = labels.ids[region_slices(common, first)] > 0
        return taken


def _mended(clicks: Sequence[Click], region: Region) -> dict[str, Outline]:
    """Return what the user mended, where it lies in the region."""
    found: dict[str, Outline] = {}
    for click in clicks:
        if click.mended is None:
            continue
        whole = region_at(click.mended.origin, click.mended.shape)
        if len(whole) == len(region) and (inside := intersect(whole, region)):
            mask = click.mended.mask()[region_slices(inside, click.mended.origin)]
            found[click.id] = Outline(mask, tuple(low for low, _ in inside), 1.0)
    return found


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
