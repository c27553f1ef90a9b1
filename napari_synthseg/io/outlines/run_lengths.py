"""Masks as lengths of runs of pixels, as COCO, CVAT and Label Studio write them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.images.stored_array import check_budget
from napari_synthseg.io.outlines.areas import Mask, MaskArea, Origin, crop_mask

MAX_PIXELS = 2**32
"""Of an image whose mask is read; only the rows or columns that a mask spans take memory."""


def mask_of_runs(
    where: str,
    runs: Sequence[int] | NDArray[np.int64],
    size: tuple[int, int],
    *,
    by_columns: bool = False,
    origin: Origin = (0, 0),
) -> MaskArea:
    """Return the area of a mask from the lengths of its runs.

    Parameters
    ----------
    where
        Its place, for messages.
    runs
        Numbers of pixels that are in turn outside and inside.
    size
        Height and width of the mask.
    by_columns
        Whether pixels are counted down the columns, as in COCO, or along the rows.
    origin
        Where its first pixel lies.

    Raises
    ------
    InputError
        If the runs are not as long as the mask.
    """
    height, width = size
    if min(size) < 1 or height * width > MAX_PIXELS:
        raise InputError(
            f"{where}: its mask is said to have {height:g} x {width:g} pixels, as none has: export "
            "it again."
        )
    try:
        lengths = np.asarray(runs, np.float64)
    except OverflowError:
        raise InputError(
            f"{where}: its mask has runs longer than any image: export it again."
        ) from None
    if lengths.sum() != height * width or (lengths < 0).any():
        raise InputError(
            f"{where}: the runs of its mask hold {lengths.sum():.0f} pixels, but the mask has "
            f"{height} x {width}: export it again."
        )
    ends = lengths.astype(np.int64).cumsum()
    starts, stops = ends[:-1:2], ends[1::2]
    starts, stops = starts[stops > starts], stops[stops > starts]
    if not len(starts):
        return MaskArea(np.zeros((0, 0), bool), origin)
    line = height if by_columns else width
    first, last = int(starts[0] // line), int((stops[-1] - 1) // line)
    check_budget(where, (last - first + 1) * line, 3)
    change = np.zeros((last - first + 1) * line + 1, np.int8)
    change[starts - first * line] = 1
    change[stops - first * line] -= 1  # a run may begin where another ends
    mask: Mask = change.cumsum(dtype=np.int8)[:-1].reshape(-1, line).astype(bool)
    top, left = origin
    return (
        crop_mask(mask.T, (top, left + first))
        if by_columns
        else crop_mask(mask, (top + first, left))
    )


def unpack_coco(where: str, text: str) -> list[int]:
    """Return the lengths of runs that COCO packs into a text.

    Each number is the difference to the last but one before, but for the first three; five bits a
    character, the lowest first, a sixth where more follow.

    Raises
    ------
    InputError
        If it is no such text.
    """
    runs: list[int] = []
    number = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise InputError(f"{where}: its mask is no text of run lengths: export it again.")
        number |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            number -= (bits & 16 and 1) << shift  # the sign
            runs.append(number + (runs[-2] if len(runs) > 2 else 0))
            number = shift = 0
    return runs


def unpack_label_studio(where: str, packed: Sequence[int], size: tuple[int, int]) -> Mask:
    """Return the mask that Label Studio packs: the fourth channel of a picture, in bits.

    A head of 32 bits gives the number of values, 5 the bits of a value less one, and four times 4
    the bits, less one, of a length. Each run says in one bit whether one value is repeated, in two
    which of the four lengths follows, then the length less one, then one value or all of them.

    Raises
    ------
    InputError
        If it is cut short, or of another size.
    """
    height, width = size
    bad = InputError(f"{where}: its brush mask cannot be unpacked: export it again.")
    try:
        bits = _Bits(bytes(packed))
    except (TypeError, ValueError):
        raise bad from None
    count, value_bits = bits.take(32), bits.take(5) + 1
    length_bits = [bits.take(4) + 1 for _ in range(4)]
    if count != 4 * height * width or value_bits > 8:
        raise bad
    check_budget(where, count, 1)
    values: list[int] = []
    lengths: list[int] = []
    total = 0
    while total < count:
        repeated = bits.take(1)
        length = bits.take(length_bits[bits.take(2)]) + 1
        total += length
        if bits.is_over or total > count:
            raise bad
        new = [bits.take(value_bits) for _ in range(1 if repeated else length)]
        values += new
        lengths += [length] if repeated else [1] * length
    picture = np.repeat(np.array(values, np.uint8), lengths)
    mask: Mask = picture.reshape(height, width, 4)[:, :, 3] > 0
    return mask


class _Bits:
    """Numbers of some bits each, from bytes."""

    def __init__(self, content: bytes) -> None:
        self._content = content + bytes(8)
        self._left = 8 * len(content)
        self._at = 0

    @property
    def is_over(self) -> bool:
        return self._at > self._left

    def take(self, bits: int) -> int:
        """Return the next number; 0 at the end."""
        start, skipped = divmod(self._at, 8)
        self._at += bits
        window = int.from_bytes(self._content[start : start + 8].ljust(8, b"\0"), "big")
        return window >> (64 - skipped - bits) & ((1 << bits) - 1)
