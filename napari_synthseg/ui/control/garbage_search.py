"""Short searches for garbage, in which the window stands still."""

from __future__ import annotations

import gc
from typing import ClassVar
from weakref import WeakSet

from napari.layers import Layer

from napari_synthseg.networks import libraries


class GarbageSearch:
    """Leaves out of the search for garbage what is there once PyTorch is loaded.

    Python searches by itself, in the thread that works just then, and napari whenever a layer is
    removed, because what the layer had on the graphics card must go at once. No other thread runs
    meanwhile, the window's neither: for half a second once PyTorch is loaded, as the search goes
    through all that was ever imported. Not for good: layers and much else of napari are freed by
    such a search only, so that all is searched again where a layer goes that is left out.
    """

    _leaves_out: ClassVar[bool] = False
    _later_layers: ClassVar[WeakSet[Layer]] = WeakSet()
    """Those that came since something is left out, of all viewers with a panel."""

    def __init__(self) -> None:
        self._is_off = False
        libraries.loaded.connect(self._leave_out_all)

    def leave_out(self) -> None:
        """Leave out what is there if PyTorch is loaded, unless something is left out already."""
        if not GarbageSearch._leaves_out and libraries.are_loaded():
            self._leave_out_all()

    def _leave_out_all(self) -> None:
        """Leave out what is there, also what was just loaded by the thread that calls."""
        if not self._is_off and not GarbageSearch._leaves_out:
            self._is_off = gc.get_freeze_count() > 0  # somebody else leaves out what they know
        if not self._is_off:
            GarbageSearch._leaves_out = True
            GarbageSearch._later_layers.clear()
            gc.freeze()

    def has_come(self, layer: Layer) -> None:
        """Note that a layer was added."""
        self._later_layers.add(layer)

    def about_to_go(self, layer: Layer) -> None:
        """Search everything again where a layer is about to be removed that is left out."""
        if layer not in self._later_layers:
            self._take_in()

    def end(self) -> None:
        """Search everything again, and leave nothing out any more."""
        self._is_off = True
        libraries.loaded.disconnect(self._leave_out_all, missing_ok=True)
        self._take_in()

    @staticmethod
    def _take_in() -> None:
        if GarbageSearch._leaves_out:
            GarbageSearch._leaves_out = False
            gc.unfreeze()
