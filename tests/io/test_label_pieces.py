"""Telling ids of objects from classes, scribbles, black and white, and images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage as ndi

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.labels import (
    is_binary,
    pieces_by_value,
    read_label_file,
    read_region_file,
    require_ids,
    split_objects,
)


def squares(*values: int, side: int = 3) -> NDArray[np.int64]:
    """Return a square of each value, a pixel apart from the next."""
    out = np.zeros((side + 2, (side + 1) * len(values) + 1), np.int64)
    for n, value in enumerate(values):
        out[1 : 1 + side, 1 + (side + 1) * n : (side + 1) * (n + 1)] = value
    return out


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_pieces_are_those_of_scipy(seed: int, values: int) -> None:
    rng = np.random.default_rng(seed)
    array = rng.integers(0, values + 1, (12, 14)) * (rng.random((12, 14)) < 0.5)
    corner = np.ones((3, 3))
    expected = {v: ndi.label(array == v, corner)[1] for v in range(1, values + 1)}
    assert pieces_by_value(array) == {v: n for v, n in expected.items() if n}  # none is a crumb
    labels = split_objects(array, known=())
    assert labels.count == sum(expected.values())
    assert ((labels.ids > 0) == (array > 0)).all()
    for n in range(1, labels.count + 1):
        mine = labels.ids == n
        assert len(np.unique(array[mine])) == 1
        assert ndi.label(mine, corner)[1] == 1


def test_crumbs_do_not_count() -> None:
    array = squares(5, side=20)
    array[0, 0] = 5
    assert pieces_by_value(np.pad(array, 1)) == {5: 1}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ((1, 1), "one value, 1, in 2 separate pieces, which looks like black and white"),
        ((128, 128, 128), "one value, 128, in 3"),
        ((255,) * 4, "one value, 255, in 4"),
        ((65535,) * 4, "one value, 65535, in 4"),
        ((37,) * 4, "one value, 37, in 4"),
        ((1, 2, 1, 2), r"2 values \(1, 2\) in 4 separate pieces, which looks like classes or scr"),
        ((1, 2, 3) * 3, r"3 values \(1, 2, 3\) in 9 .* like classes"),
        (tuple(range(1, 13)) * 3, r"12 values \(1, 2, 3, 4, 5, \.\.\.\) in 36 .* like an image"),
    ],
)
def test_shared_values_are_no_ids(values: tuple[int, ...], told: str) -> None:
    with pytest.raises(InputError, match=f"The masks 'm.tif' hold {told}.*: do this"):
        require_ids(squares(*values), "'m.tif'", "do this")


@pytest.mark.parametrize(
    "values",
    [(), (1,), (255,), (1, 2), (1, 2, 1), (3, 1, 2, 3, 2), (7, 300, 4, 4), (1, 2, 3, 1, 2, 3)],
    ids=str,
)
def test_ids_pass_also_where_some_objects_lie_in_two_pieces(values: tuple[int, ...]) -> None:
    require_ids(squares(*values), "'m.tif'", "do this")


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=40, unique=True))
def test_an_id_for_each_object_always_passes(ids: list[int]) -> None:
    require_ids(squares(*ids), "'m.tif'", "do this")


def test_what_a_model_found_may_be_in_two_pieces() -> None:
    require_ids(squares(1, 1), "found", "do this", strict=False)
    require_ids(squares(1, 2, 1, 2), "found", "do this", strict=False)
    with pytest.raises(InputError, match="one value, 1, in 3"):
        require_ids(squares(1, 1, 1), "found", "do this", strict=False)


@pytest.mark.parametrize("kind", ["uint8 0/1", "uint8 0/128", "uint16 0/65535", "1 bit", "bool"])
def test_files_with_one_value_are_refused_as_ids_and_read_as_regions(
    tmp_path: Path, kind: str
) -> None:
    shown = squares(1, 1, 1, 1) > 0
    path = tmp_path / "m.tif"
    stored: NDArray[Any] = shown
    if kind == "1 bit":
        Image.fromarray(shown).save(path)
    else:
        if kind != "bool":
            dtype, values = kind.split()
            stored = (shown * int(values[2:])).astype(dtype)
        tifffile.imwrite(path, stored, photometric="minisblack")
    with pytest.raises(InputError, match=r"in 4 separate pieces.*Analyze Particles"):
        read_label_file(path)
    np.testing.assert_array_equal(read_region_file(path).values, shown)


def test_classes_of_split_pieces() -> None:
    array = squares(1, 2, 2, 1)
    assert split_objects(array, known={1, 2, 3}).classes == {1: 1, 2: 2, 3: 2, 4: 1}
    assert split_objects(array, known={1}, cls=3).classes == dict.fromkeys(range(1, 5), 3)
    assert split_objects(squares(255, 255), known={1, 2}).classes == {1: 1, 2: 1}


def test_binary_is_one_white_value() -> None:
    for white in (128, 255, 65535):
        assert is_binary(squares(white))
        assert not is_binary(squares(white, 1))
    assert is_binary(np.zeros((2, 2), int))
    assert not is_binary(squares(2, 2))
