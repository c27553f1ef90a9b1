"""Which classes a crop or a field shows: targets of classifiers, and truth in validation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from napari_synthseg.core.geometry import Region, contains
from napari_synthseg.core.labels import (
    MIN_SHARE_SHOWN,
    UNKNOWN,
    BoxLabels,
    ImageTags,
    InstanceLabels,
    Labels,
    PointLabels,
    RegionLabels,
    incomplete_classes,
    instances_of,
    unknown_pixels,
)
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.training.crop_boxes import count_pixels, find_boxes, full_sizes

MIN_AREA_SHARE = 0.01
"""Share of a field that a region must cover to count as shown; below it is unknown."""


def find_tags(
    labels: Labels, class_values: tuple[int, ...], whole: Labels | None = None, zoom: float = 1.0
) -> FloatImage:
    """Return for each class whether it is shown.

    Parameters
    ----------
    labels
        Labels of the crop.
    class_values
        Classes that are asked for.
    whole
        Labels of the image that the crop is of; default: the crop itself.
    zoom
        How many times larger the crop shows it, along each axis.

    Returns
    -------
    float32, shape (classes,): 1 shown, 0 not shown, `UNKNOWN` where too little of an object is
    shown, or where it is not known what is there.
    """
    open_classes = np.isin(class_values, list(incomplete_classes(labels)))
    if isinstance(labels, ImageTags | PointLabels):
        shown = np.isin(class_values, list(labels.class_values_shown()))
        return np.where(open_classes & ~shown, UNKNOWN, shown).astype(np.float32)
    unknown = unknown_pixels(labels)
    unclear = unknown is not None and bool(unknown.any())
    found = np.full(len(class_values), UNKNOWN if unclear else 0, np.float32)
    if isinstance(labels, BoxLabels) and (whole is None or unknown_pixels(whole) is None):
        found[~np.isin(class_values, labels.boxes.classes)] = 0  # nor in its mirror image
    found[open_classes] = UNKNOWN
    for cls, share in _shares(labels, whole, zoom):
        if cls in class_values:
            place = class_values.index(cls)
            if share >= MIN_SHARE_SHOWN:
                found[place] = 1
            elif found[place] != 1:
                found[place] = UNKNOWN
    return found


def _shares(
    labels: InstanceLabels | RegionLabels | BoxLabels, whole: Labels | None, zoom: float
) -> Iterator[tuple[int, float]]:
    """Yield the class of each object that is seen, and how much of it is."""
    if isinstance(labels, BoxLabels):
        seen = find_boxes(labels)
        yield from zip(seen.boxes.classes.tolist(), seen.share.tolist(), strict=True)
        return
    if isinstance(labels, RegionLabels):  # areas have no size that a part could be compared with
        found = zip(*np.unique(labels.values, return_counts=True), strict=True)
        shares = ((int(v), n / labels.values.size) for v, n in found if v > 0)
        yield from (
            (value, MIN_SHARE_SHOWN * min(share / MIN_AREA_SHARE, 1.0)) for value, share in shares
        )
        return
    visible = count_pixels(labels)
    full = visible if whole is None else full_sizes(instances_of(whole), zoom)
    for number in np.flatnonzero(visible).tolist():
        if number and number in labels.classes:
            yield labels.classes[number], float(visible[number] / full[number])


def tags_of_field(
    image: ClickedImage, field: Region, class_values: tuple[int, ...], reach: float
) -> FloatImage:
    """Return for each class whether a field of a clicked image shows it, by its clicks.

    A class is unknown if its nearest clicks lie outside by less than `reach` (pixels), or if it has
    no click on an image that is not fully clicked.
    """
    wide = tuple((a - reach, b + reach) for a, b in field)
    inside = frozenset(c.cls for c in image.clicks if contains(field, c.position))
    near = frozenset(
        c.cls
        for c in image.clicks
        if all(a <= p <= b for (a, b), p in zip(wide, c.position, strict=True))
    )
    rest = 0 if image.ref.exhaustive else UNKNOWN
    return np.array(
        [1 if v in inside else UNKNOWN if v in near else rest for v in class_values], np.float32
    )
