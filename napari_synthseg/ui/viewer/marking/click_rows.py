"""What a Clicks layer says, row by row, beside what it should say.

Rows and clicks belong together by the id in the features table, so that no index is tracked. They
are compared as arrays: a click is edited among many thousands.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import Click

if TYPE_CHECKING:
    from napari.layers import Points


@dataclass(frozen=True)
class ClickRows:
    """Rows of a Clicks layer.

    Attributes
    ----------
    ids
        Of each row the id of its click, '' where it has none yet.
    places
        Shape (row, axis), order ([z,] y, x), pixels.
    names
        Of each row the name of its class.
    """

    ids: list[str]
    places: NDArray[np.float64]
    names: NDArray[np.object_]

    @classmethod
    def of_layer(cls, layer: Points) -> ClickRows:
        """Return the rows that a layer has now; they do not follow it."""
        table = layer.features
        names = table["class"].to_numpy(object, copy=True)
        return cls(table["id"].tolist(), layer.data.copy(), names)

    @classmethod
    def of_clicks(cls, clicks: Sequence[Click], names: Mapping[int, str], ndim: int) -> ClickRows:
        """Return the rows that show clicks; `names` are those of class values."""
        flat = chain.from_iterable(map(attrgetter("position"), clicks))
        return cls(
            list(map(attrgetter("id"), clicks)),
            np.fromiter(flat, float, ndim * len(clicks)).reshape(-1, ndim),
            np.array([names[value] for value in map(attrgetter("cls"), clicks)], object),
        )

    def __len__(self) -> int:
        return len(self.ids)

    def differences(self, shown: ClickRows) -> tuple[dict[int, str], list[str]]:
        """Compare the rows of a layer with those that show the clicks.

        Returns
        -------
        edited
            Row that is new or says something else -> the id of its click, '' where it has none.
            Of rows with the same id the first is that of the click.
        missing
            Ids of the clicks that have no row any more.
        """
        found, missing = self._find(shown)
        mine = found >= 0
        is_edited = ~mine
        is_edited[mine] = (self.names[mine] != shown.names[found[mine]]) | (
            self.places[mine] != shown.places[found[mine]]
        ).any(axis=1)
        rows = np.flatnonzero(is_edited).tolist()
        return {row: self.ids[row] if mine[row] else "" for row in rows}, missing

    def without(self, gone: Collection[str]) -> tuple[ClickRows, list[int]]:
        """Return the rows of other clicks than those of some ids, and where the rest is."""
        rows = [row for row, ident in enumerate(self.ids) if ident in gone]
        ids = self.ids.copy()
        for row in reversed(rows):
            del ids[row]
        kept = ClickRows(ids, np.delete(self.places, rows, axis=0), np.delete(self.names, rows))
        return kept, rows

    def renames(self, shown: ClickRows) -> bool:
        """Tell whether any click has another class than in the rows that show the clicks."""
        found, _ = self._find(shown)
        mine = found >= 0
        return bool((self.names[mine] != shown.names[found[mine]]).any())

    def _find(self, shown: ClickRows) -> tuple[NDArray[np.intp], list[str]]:
        """Return of each row where `shown` has its click (-1: nowhere), and the ids left over."""
        if self.ids[: len(shown)] == shown.ids:  # in most cases rows were added, if anything
            found = np.full(len(self), -1)
            found[: len(shown)] = np.arange(len(shown))
            return found, []
        left = dict(zip(shown.ids, range(len(shown)), strict=True))
        found = np.array([left.pop(ident, -1) for ident in self.ids], np.intp)
        return found, list(left)
