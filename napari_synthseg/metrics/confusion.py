"""Which class each pixel has and which it was given: what scores of regions are made of."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
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
        Place of the background, whose value is 0, among them.
    ignored
        Values that take a true pixel out of all counts.
    """

    values: tuple[int, ...]
    names: tuple[str, ...]
    background: int
    ignored: frozenset[int]

    @classmethod
    def of(cls, names: Mapping[int, str], ignore: int | None = None) -> ClassSet:
        """Make it of class value -> name, and a value to ignore.

        Raises
        ------
        InputError
            If two classes have one name, or one has the value of unknown pixels.
        """
        named = dict(sorted({0: BACKGROUND, **names}.items()))
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
            list(named).index(0),
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
    unknown, left_out = len(values), len(values) + 1
    code_of = {value: place for place, value in enumerate(values)}
    code_of |= dict.fromkeys(ignored, left_out)
    known = np.array(sorted(code_of), np.int64)
    code_of_known = np.array([code_of[value] for value in known.tolist()])
    codes = np.empty(array.size, np.min_scalar_type(left_out))
    flat = array.reshape(-1)
    for block in _blocks(flat.size):
        part = flat[block]
        if part.dtype == np.uint64:
            part = np.minimum(part, np.iinfo(np.int64).max)
        part = part.astype(np.int64)
        nearest = np.minimum(np.searchsorted(known, part), known.size - 1)
        codes[block] = np.where(known[nearest] == part, code_of_known[nearest], unknown)
    return codes.reshape(array.shape)


def _blocks(size: int) -> Iterator[slice]:
    for start in range(0, size, BLOCK_PIXELS):
        yield slice(start, start + BLOCK_PIXELS)


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
    for block in _blocks(ours.size):
        pairs = ours[block].astype(np.int64) * side + theirs[block]
        counts += np.bincount(pairs, minlength=counts.size)
    return counts.reshape(side, side)[:size, :size]


def count_classes(confusion: NDArray[np.int64]) -> list[Counts]:
    """Return the pixels of each class: true, predicted, and both."""
    true, predicted, right = confusion.sum(1), confusion.sum(0), np.diag(confusion)
    return [Counts(*(int(n) for n in row)) for row in zip(true, predicted, right, strict=True)]
