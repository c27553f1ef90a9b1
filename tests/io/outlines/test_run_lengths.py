"""Masks by runs are those that COCO's own code packs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.outlines.areas import MaskArea
from napari_synthseg.io.outlines.run_lengths import (
    mask_of_runs,
    unpack_coco,
    unpack_label_studio,
)
from tests.helpers.outline_files import pack_label_studio

MASKS = arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def whole(area: MaskArea, shape: tuple[int, ...]) -> np.ndarray:
    mask, (top, left) = area.draw((shape[0], shape[1]))
    result = np.zeros(shape, bool)
    result[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
    return result


def runs_of(flat: np.ndarray) -> list[int]:
    """Return the lengths of runs, the first one of pixels outside."""
    edges = np.flatnonzero(np.diff(flat.astype(int), prepend=0, append=2))
    return np.diff(edges, prepend=0).tolist()


@given(MASKS)
@settings(max_examples=100, deadline=None)
def test_texts_of_coco_are_unpacked(mask: np.ndarray) -> None:
    coco = pytest.importorskip("faster_coco_eval.core.mask")
    packed = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    text = packed["counts"] if isinstance(packed["counts"], str) else packed["counts"].decode()
    runs = unpack_coco("here", text)
    area = mask_of_runs("here", runs, mask.shape, by_columns=True)
    assert (whole(area, mask.shape) == mask).all()
    assert area.mask.size <= mask.size


@given(MASKS)
@settings(max_examples=100, deadline=None)
def test_runs_along_rows_and_columns(mask: np.ndarray) -> None:
    shape = mask.shape
    rows = mask_of_runs("here", runs_of(mask.ravel()), shape)
    columns = mask_of_runs("here", runs_of(mask.T.ravel()), shape, by_columns=True)
    assert (whole(rows, shape) == mask).all() and (whole(columns, shape) == mask).all()


def test_large_masks_take_only_what_they_span() -> None:
    runs = [60000 * 30000 + 5, 7, 60000 * 30000 - 12]
    area = mask_of_runs("here", runs, (60000, 60000), origin=(2, 3))
    assert area.mask.shape == (1, 7) and area.origin == (30002, 8)


@pytest.mark.parametrize("run", [10**30, 10**400], ids=["long", "beyond floats"])
def test_runs_longer_than_any_image_are_refused(run: int) -> None:
    with pytest.raises(InputError, match=r"here: .*export it again"):
        mask_of_runs("here", [run], (4, 5))
    with pytest.raises(InputError, match=r"here: its mask is said to have 1e\+30 x 5 pixels"):
        mask_of_runs("here", [20], (10**30, 5))


@given(MASKS)
@settings(max_examples=50, deadline=None)
def test_brushes_of_label_studio_are_unpacked(mask: np.ndarray) -> None:
    found = unpack_label_studio("here", pack_label_studio(mask), mask.shape)
    assert (found == mask).all()


def test_values_one_by_one_are_unpacked() -> None:
    # 8 values of 8 bits, lengths of 4 bits: a run of 3 zeros, then 5 single values
    bits = f"{8:032b}{7:05b}" + f"{3:04b}" * 4 + f"100{2:04b}{0:08b}"
    bits += f"011{4:04b}" + "".join(f"{value:08b}" for value in (9, 1, 1, 1, 0))
    bits += "0" * (-len(bits) % 8)
    packed = [int(bits[n : n + 8], 2) for n in range(0, len(bits), 8)]
    assert unpack_label_studio("here", packed, (1, 2)).tolist() == [[True, False]]


@pytest.mark.parametrize(
    ("runs", "said"),
    [([3, 4], "hold 7 pixels, but the mask has 2 x 3"), ([8, -2], "hold 6 pixels")],
)
def test_runs_that_do_not_fit_are_told(runs: list[int], said: str) -> None:
    with pytest.raises(InputError, match=f"here: the runs of its mask {said}"):
        mask_of_runs("here", runs, (2, 3))


def test_what_is_no_packed_mask_is_told() -> None:
    with pytest.raises(InputError, match="here: its mask is no text of run lengths"):
        unpack_coco("here", "a é")
    for packed in ([], [1, 2, 3], [300], pack_label_studio(np.ones((2, 2)))[:-3]):
        with pytest.raises(InputError, match="here: its brush mask cannot be unpacked"):
            unpack_label_studio("here", packed, (2, 2))
