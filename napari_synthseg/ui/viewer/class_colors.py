"""The colors of layers whose values are those of classes."""

from __future__ import annotations

from collections.abc import Sequence

from napari.utils.colormaps import DirectLabelColormap

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.ui.viewer.painting import GROUND

GROUND_COLOR = "#8a8a8a"


def class_colormap(classes: Sequence[ObjectClass]) -> DirectLabelColormap:
    """Return the colors of classes by their values; what is unknown or background is clear."""
    table: dict[int | None, str] = {c.value: c.color for c in classes}
    clear = "transparent"
    return DirectLabelColormap(
        color_dict={**table, 0: clear, -1: clear, GROUND: GROUND_COLOR, None: "white"}
    )
