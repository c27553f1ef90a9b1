"""A Vectors layer for thousands of short lines that change often."""

from __future__ import annotations

import numpy as np
from napari.layers import Vectors
from numpy.typing import NDArray


class LineVectors(Vectors):
    """A Vectors layer that has no thumbnail.

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
