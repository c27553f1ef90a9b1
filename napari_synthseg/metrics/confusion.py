"""Which class each pixel has and which it was given: what scores of regions are made of."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import UNKNOWN
from napari_synthseg.metrics.areas import BACKGROUND
from napari_synthseg.metrics.counts import Counts

BLOCK_PIXELS = 2**18
"""Pixels that are counted at once, so that temporary arrays stay small whatever the image."""

MAX_TABLE_SIZE = 2**16
"""Largest range of values for which places are looked up in a table."""

Codes = NDArray[np.unsignedinteger[Any]]
"""Places of pixels in the classes of a `ClassSet`, with its codes for all else."""


@dataclass(frozen=True)
class ClassSet:
    """The classes that pixels may have, numbered from 0 in the order of their values.

    Attributes
    ----------
    values, names
        Value in the images and name of each class, by rising value.
    background
        Place of the background among them; None if there is none.
    ignored
        Values that take a true pixel out of all counts.
    """

    values: tuple[int, ...]
    names: tuple[str, ...]
    background: int | None
    ignored: frozenset[int]

    @classmethod
    def of(cls, names: Mapping[int, str], background: int | None, ignore: int | None) -> ClassSet:
        """Make it of class value -> name, the value of the background and one to ignore.

        Raises
        ------
        InputError
            If there is no class, two have one name, or one has the value of unknown pixels.
        """
        named = {} if background is None else {background: BACKGROUND}
        named = dict(sorted({**named, **names}.items()))
        if not named:
            raise InputError("There is no class to score: name at least one.")
        if UNKNOWN in named:
            raise InputError(
                f"Class '{named[UNKNOWN]}' has the value {UNKNOWN}, which stands for unknown "
                "pixels: give it another."
            )
        called = list(named.values())
        if twice := next((name for name in called if called.count(name) > 1), None):
            raise InputError(f"Two class values are called '{twice}': give one another name.")
        return cls(
            tuple(named),
            tuple(called),
            None if background is None else list(named).index(background),
            frozenset({UNKNOWN} if ignore is None else {UNKNOWN, ignore}),
        )

    @property
    def size(self) -> int:
        """Number of classes; as a code: a value that no class has."""
        return len(self.values)

    @property
    def left_out(self) -> int:
        """The code of pixels that leave all counts."""
        return self.size + 1

    @property
    def scored(self) -> tuple[int, ...]:
        """Places of the classes that are scored: those whose true pixels are not ignored."""
        return tuple(i for i, value in enumerate(self.values) if value not in self.ignored)

    def encode(
        self, name: str, truth: NDArray[Any], predicted: NDArray[Any]
    ) -> tuple[Codes, Codes]:
        """Return the place of the true and of the predicted class of each pixel.

        Pixels whose truth is ignored have the code `left_out` in both.

        Raises
        ------
        InputError
            If a pixel has a value that no class has, or one side holds no whole numbers.
        """
        for side, array in (("truth", truth), ("prediction", predicted)):
            if array.dtype.kind not in "biu":
                raise InputError(
                    f"The {side} of image '{name}' has the type {array.dtype}: give class values, "
                    "which are whole numbers."
                )
        true = place_of(truth, self.values, self.ignored)
        given = place_of(predicted, self.values)
        given[true == self.left_out] = self.left_out
        for side, codes, array in (("truth", true, truth), ("prediction", given, predicted)):
            self._refuse_unknown(name, side, codes, array)
        return true, given

    def _refuse_unknown(self, name: str, side: str, codes: Codes, array: NDArray[Any]) -> None:
        unknown = codes == self.size
        if not unknown.any():
            return
        place = np.unravel_index(int(unknown.argmax()), unknown.shape)
        remedy = "add the class" + (", or ignore the value" if side == "truth" else "")
        raise InputError(
            f"The {side} of image '{name}' holds the value {int(array[place])} at "
            f"({', '.join(str(int(p)) for p in place)}), which no class has (classes: "
            f"{', '.join(str(v) for v in self.values)}): {remedy}."
        )


def place_of(array: NDArray[Any], values: Sequence[int], ignored: Collection[int] = ()) -> Codes:
    """Return the place of each element in `values`.

    Parameters
    ----------
    array
        Whole numbers of any type and shape.
    values
        Known values, rising.
    ignored
        Values that have no place, also if they are known.

    Returns
    -------
    Same shape; ``len(values)`` for an unknown value, ``len(values) + 1`` for an ignored one.
    """
    known, leave = np.asarray(values, np.int64), np.asarray(sorted(ignored), np.int64)
    codes = np.empty(array.size, np.min_scalar_type(known.size + 1))
    flat = array.reshape(-1)
    for start in range(0, flat.size, BLOCK_PIXELS):
        part = flat[start : start + BLOCK_PIXELS]
        if part.dtype == np.uint64:
            part = np.minimum(part, np.iinfo(np.int64).max)
        part = part.astype(np.int64)
        low, high = int(part.min()), int(part.max())
        if high - low < MAX_TABLE_SIZE:
            table = _search(np.arange(low, high + 1), known, leave).astype(codes.dtype)
            codes[start : start + BLOCK_PIXELS] = table[part - low]
        else:
            codes[start : start + BLOCK_PIXELS] = _search(part, known, leave)
    return codes.reshape(array.shape)


def _search(
    elements: NDArray[np.int64], known: NDArray[np.int64], leave: NDArray[np.int64]
) -> NDArray[np.int64]:
    places = np.searchsorted(known, elements)
    found = known[np.minimum(places, known.size - 1)] == elements
    places = np.where(found, places, known.size)
    return np.where(np.isin(elements, leave), known.size + 1, places)


def count_pixels(true: Codes, predicted: Codes, size: int) -> NDArray[np.int64]:
    """Return the confusion matrix: pixels by true (row) and predicted class (column).

    Parameters
    ----------
    true, predicted
        Places of the classes, of equal shape; pixels with other codes are not counted.
    size
        Number of classes.
    """
    side = size + 2
    counts = np.zeros(side * side, np.int64)
    ours, theirs = true.reshape(-1), predicted.reshape(-1)
    for start in range(0, ours.size, BLOCK_PIXELS):
        pairs = ours[start : start + BLOCK_PIXELS].astype(np.int64)
        pairs *= side
        pairs += theirs[start : start + BLOCK_PIXELS]
        counts += np.bincount(pairs, minlength=counts.size)
    return counts.reshape(side, side)[:size, :size]


def count_classes(confusion: NDArray[np.int64]) -> list[Counts]:
    """Return the pixels of each class: true, predicted, and both."""
    true, predicted, right = confusion.sum(1), confusion.sum(0), np.diag(confusion)
    return [Counts(*(int(n) for n in row)) for row in zip(true, predicted, right, strict=True)]
