"""Layers of napari without what takes it longest, and what ours do not need."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels, Points, Vectors
from numpy.typing import NDArray

DRAWN_FOR_TOOLS = ("polygon", "brush_stroke")
"""What a Labels layer shows on the canvas while it is painted on."""

MOST_IN_THUMBNAIL = 5000


class ResultLabels(Labels):
    """A Labels layer that is looked at: what its tools draw is made when one is chosen.

    napari makes that for each layer that is added, which takes as long as all the rest.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for drawn in filter(None, map(self._overlays.get, DRAWN_FOR_TOOLS)):
            drawn.visible = False
            drawn.events.enabled.connect_setattr(drawn, "visible", maxargs=1)

    @property
    def _type_string(self) -> str:
        return "labels"


class ManyPoints(Points):
    """A Points layer that has no thumbnail of more than `MOST_IN_THUMBNAIL` points.

    napari makes it three times for each point that is added, and looks at all for it.
    """

    def _update_thumbnail(self) -> None:
        if len(self.data) <= MOST_IN_THUMBNAIL:
            super()._update_thumbnail()

    @property
    def _type_string(self) -> str:
        return "points"


class LineVectors(Vectors):
    """A Vectors layer for thousands of short lines that change often: it has no thumbnail.

    With 40,000 edges napari takes ten times as long for the thumbnail as for all the rest.
    """

    def _update_thumbnail(self) -> None:
        """Leave the thumbnail empty."""

    @property
    def _type_string(self) -> str:
        return "vectors"


def show_lines(layer: Vectors, edges: NDArray[np.float32], colors: NDArray[np.float32]) -> None:
    """Show other edges (edge, 2, axis), starts and steps, in colors (edge, 4), drawn once.

    napari draws for the edges first, then again for their colors. Where the layer is hidden it
    takes no notice of the edges, and fails at the colors if there were more edges before.
    """
    with layer.events.data.blocker(), layer.events.set_data.blocker():
        layer.data = edges
        if not layer.visible:
            layer.set_view_slice()
    if len(edges):
        layer.edge_color = colors
    else:
        layer.refresh()
