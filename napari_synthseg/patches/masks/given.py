"""Outlines that the user gives, as masks or mended one by one: others beside keep clear of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import Click
from napari_synthseg.core.geometry import (
    Mask,
    Region,
    intersect,
    region_at,
    region_shape,
    region_slices,
)
from napari_synthseg.core.labels import UNKNOWN, InstanceLabels
from napari_synthseg.core.patch import Outline
from napari_synthseg.networks.click_dividing import rivals
from napari_synthseg.patches.neighbors import Neighbors
from napari_synthseg.patches.window import cut_mask


class GivenOutlines:
    """What the user gave of the objects under some clicks of an image.

    Parameters
    ----------
    clicks
        The clicks.
    region
        The image's region, full-image pixels.
    diameters
        Class value -> usual diameter, for every class of the clicks.
    labels
        Masks of objects in that region, made by the user or another tool.

    Attributes
    ----------
    found
        Click id -> the outline as the user mended it, else the labelled object under it; see
        `_labelled`.
    rivals
        Class value -> the classes whose objects lie beside those of the class.
    """

    def __init__(
        self,
        clicks: Sequence[Click],
        region: Region,
        diameters: Mapping[int, float],
        labels: InstanceLabels | None = None,
    ) -> None:
        self.rivals = {value: rivals(value, diameters) for value in diameters}
        self._region, self._labels = region, labels
        mended = _mended(clicks, region)
        self._mended = [(mended[c.id], c.cls) for c in clicks if c.id in mended]
        self._near = Neighbors([outline.window for outline, _ in self._mended])
        labelled: dict[str, Outline] = {}
        if labels is not None:
            boxes = labels.slices()
            self._values = _class_values(boxes, labels)
            labelled = _labelled(clicks, region, labels, boxes, self._values)
        self.found: Mapping[str, Outline] = {**labelled, **mended}

    def beside(self, outline: Outline, cls: int) -> Outline:
        """Return another outline of a class without the pixels of what is given beside it.

        Objects of classes of quite another size, as nuclei in cells, share pixels.
        """
        values = self.rivals.get(cls, {cls})
        meeting = [self._mended[n] for n in self._near.meeting(outline.window)]
        near = [mended for mended, value in meeting if value in values]
        if self._labels is None and not near:
            return outline
        free = outline.mask.copy()
        for mended in near:
            free &= ~cut_mask(mended.mask, mended.origin, outline.window)
        if self._labels is not None:
            free &= ~self._is_labelled(outline.window, self._labels, values)
        return replace(outline, mask=free)

    def _is_labelled(self, window: Region, labels: InstanceLabels, values: set[int]) -> Mask:
        """Return which pixels of a window are of a labelled object of some classes."""
        first = [low for low, _ in self._region]
        taken = np.zeros(region_shape(window), bool)
        if common := intersect(window, region_at(first, labels.ids.shape)):
            place = region_slices(common, [low for low, _ in window])
            ids = np.maximum(labels.ids[region_slices(common, first)], 0)
            taken[place] = np.isin(self._values[ids], [*values, UNKNOWN])
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


def _class_values(boxes: Iterable[int], labels: InstanceLabels) -> NDArray[np.int64]:
    """Return the class of each labelled object by its id: 0 of no object, else `UNKNOWN`."""
    numbers = list(boxes)
    values = np.zeros(max(numbers, default=0) + 1, np.int64)
    values[numbers] = [labels.classes.get(number, UNKNOWN) for number in numbers]
    return values


def _labelled(
    clicks: Sequence[Click],
    region: Region,
    labels: InstanceLabels,
    boxes: Mapping[int, tuple[slice, ...]],
    values: NDArray[np.int64],
) -> dict[str, Outline]:
    """Return the labelled object under each click; set its class in `values`.

    A click on an object of another class has it only where no click of that class does: it is
    of the class that the user gave the click later.
    """
    origin = np.array([start for start, _ in region])
    limit = np.array(labels.ids.shape) - 1
    places = (np.round(np.subtract(click.position, origin)) for click in clicks)
    numbers = [int(labels.ids[tuple(np.clip(at, 0, limit).astype(int))]) for at in places]
    under = [(c, n) for c, n in zip(clicks, numbers, strict=True) if n > 0]
    owned = {number for click, number in under if values[number] == click.cls}
    found: dict[str, Outline] = {}
    for click, number in under:
        if number not in owned or values[number] == click.cls:
            values[number] = click.cls
            box = boxes[number]
            corner = tuple(int(o) + s.start for o, s in zip(origin, box, strict=True))
            found[click.id] = Outline(labels.ids[box] == number, corner, 1.0)
    return found
