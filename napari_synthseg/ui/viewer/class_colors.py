"""The colors of label layers whose values are classes, or objects of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from napari.utils.colormaps import DirectLabelColormap

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.workflow.painting import GROUND

GROUND_COLOR = "#8a8a8a"

REGIONS_OPACITY = 0.45
"""Of regions in class colors: the image must be seen through them."""


def class_colormap(classes: Sequence[ObjectClass]) -> DirectLabelColormap:
    """Return the colors of classes by their values; what is unknown or background is clear."""
    colors = {c.value: c.color for c in classes}
    return label_colormap({**colors, -1: "transparent", GROUND: GROUND_COLOR}, "white")


def label_colormap(colors: Mapping[int, str], other: str) -> DirectLabelColormap:
    """Return colors by label, and the color of other labels; 0 is clear."""
    table: dict[int | None, str] = {0: "transparent", None: other}
    return DirectLabelColormap(color_dict=table | dict(colors.items()))


def small_ids(ids: np.ndarray) -> np.ndarray:
    """Return ids as the smallest type that holds them, unknown ones as background.

    Of 32-bit ids napari looks colors up in a table that it compiles on the spot: seconds in which
    the window stands still (seen with napari 0.9.2).
    """
    largest = int(ids.max(initial=0))
    kind = next((k for k in (np.uint8, np.uint16) if largest <= np.iinfo(k).max), np.int32)
    return np.maximum(ids, 0).astype(kind)
