"""Watches the layer of an image: it may be moved, or get other pixels, while the image is used."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from napari_synthseg.ui.viewer.placement import Placement, move_events
from napari_synthseg.ui.viewer.reading.layer_view import finest_level
from napari_synthseg.ui.viewer.subscriptions import Subscriptions

if TYPE_CHECKING:
    from napari.layers import Image

SAMPLE_PX = 2**16
"""Pixels, on an even grid, by which it is seen that an array in memory was edited in place."""

SIZE_DELAY_MS = 300
"""Time from a change of a layer's scale to the change of the image's pixel size."""


class ImageWatch:
    """The layer that shows an image, and what is done where it changes.

    Parameters
    ----------
    layer
        It shows the image's pixels now.
    ndim
        Number of the image's spatial axes, the layer's last ones.
    on_moved
        Called when the layer was moved, at each step of it.
    on_scaled
        Called a moment after its scale or its units were changed.
    on_changed
        Called once, soon after it got other pixels; nothing is called after that.

    Attributes
    ----------
    placement
        Where it lies; where it got other pixels, where it lay until then.
    """

    def __init__(
        self,
        layer: Image,
        ndim: int,
        on_moved: Callable[[], object],
        on_scaled: Callable[[], object],
        on_changed: Callable[[], object],
    ) -> None:
        self.layer, self.ndim = layer, ndim
        self.placement = Placement.of(layer, ndim)
        self._moved, self._changed = on_moved, on_changed
        self._array = finest_level(layer)
        self._sample = _sample(self._array)
        self._scaled = QTimer()
        self._scaled.setSingleShot(True)
        self._scaled.setInterval(SIZE_DELAY_MS)
        self._scaled.timeout.connect(on_scaled)
        events = layer.events
        self._listening = Subscriptions()
        self._listening.add(self._on_moved, *move_events(layer))
        self._listening.add(self._on_scaled, events.scale, events.units)
        self._listening.add(self._on_data, events.data, events.set_data)

    def close(self) -> None:
        """Watch no more."""
        self._listening.end()
        self._scaled.stop()
        self._changed = _do_nothing

    def _on_moved(self, event: object = None) -> None:
        self.placement = Placement.of(self.layer, self.ndim)
        self._moved()

    def _on_scaled(self, event: object = None) -> None:
        self._scaled.start()

    def _on_data(self, event: object = None) -> None:
        array = finest_level(self.layer)
        if array is self._array and _same(self._sample, _sample(array)):
            return
        self._listening.end()
        self._scaled.stop()
        QTimer.singleShot(0, lambda: self._changed())  # napari is in the middle of its own change


def _sample(array: Any) -> NDArray[Any]:
    """Return some pixels of an array in memory; none of others."""
    if not isinstance(array, np.ndarray):
        return np.empty(0)
    step = max(1, math.ceil((array.size / SAMPLE_PX) ** (1 / max(array.ndim, 1))))
    return np.array(array[(slice(None, None, step),) * array.ndim])


def _same(first: NDArray[Any], second: NDArray[Any]) -> bool:
    return np.array_equal(first, second, equal_nan=first.dtype.kind == "f")


def _do_nothing() -> None:
    pass
