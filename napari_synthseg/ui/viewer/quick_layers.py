"""Layers of napari without what takes it longest, and what ours do not need."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels, Points, Vectors
from napari.layers.points._points_constants import SYMBOL_DICT, Symbol
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
    """A Points layer to which one of many points is added or removed without looking at all.

    napari makes the thumbnail three times for each point that is added: of more than
    `MOST_IN_THUMBNAIL` there is none. It also looks up the symbol of each point by its word, and
    asks each for its word, which takes a Python call a point.
    """

    @property
    def symbol(self) -> NDArray[np.object_]:
        """Symbol of each point."""
        known: NDArray[np.object_] = self._symbol
        return known

    @symbol.setter
    def symbol(self, symbol: Any) -> None:
        if np.ndim(symbol) != 1 or len(symbol) != len(self.data):
            Points.symbol.fset(self, symbol)
            return
        # a symbol is looked up by what it is: to hash one is what takes napari long
        every = [each if type(each) is Symbol else SYMBOL_DICT[each] for each in symbol]
        self._symbol = np.array(every, object)
        self.events.symbol()
        self.events.highlight()

    @property
    def _view_symbol(self) -> list[str]:
        """Words of the symbols in view."""
        words = {id(symbol): str(symbol) for symbol in Symbol}
        # set in place, one may be a word
        return [words.get(id(symbol)) or str(symbol) for symbol in super()._view_symbol.tolist()]

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
