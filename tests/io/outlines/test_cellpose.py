"""Masks of Cellpose are read; nothing that a pickle says is run."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.outlines.inert_pickle import BadPickleError, Record, as_array, read_pickle
from tests.helpers.outline_files import save_cellpose
from tests.helpers.outlines import read_nonsense, read_one


def save_pickled(path: Path, value: Any, protocol: int = 4) -> Path:
    """Write what `numpy.save` writes for an object, in any protocol."""
    stream = io.BytesIO()
    header = {"descr": "|O", "fortran_order": False, "shape": ()}
    np.lib.format.write_array_header_1_0(stream, header)
    held = np.empty((), object)
    held[()] = value
    path.write_bytes(stream.getvalue() + pickle.dumps(held, protocol))
    return path


@settings(max_examples=80, deadline=None)
@given(
    arrays(
        st.sampled_from(["u1", "<u2", ">u2", "<i4", ">i4", "<i8", "<f4"]),
        st.tuples(st.integers(1, 5), st.integers(1, 6)),
        elements=st.integers(0, 120),
    ),
    st.booleans(),
    st.integers(0, 5),
)
def test_masks_of_any_protocol_and_type(masks: np.ndarray, fortran: bool, protocol: int) -> None:
    masks = np.asfortranarray(masks) if fortran else masks
    with TemporaryDirectory() as folder:
        whole = {"outlines": masks, "masks": masks, "flows": [masks, {"a": None}], "diam": 3.5}
        image = read_one(save_pickled(Path(folder) / "a_seg.npy", whole, protocol))
        assert image.ids is not None and image.ids.dtype == np.int32
        assert (image.ids == masks).all()


def test_as_cellpose_saves_it(tmp_path: Path) -> None:
    masks = np.arange(12, dtype=np.uint16).reshape(3, 4)
    image = read_one(save_cellpose(tmp_path / "cells_seg.npy", masks))
    assert image.name is None and image.ids is not None and (image.ids == masks).all()
    flat = read_one(save_cellpose(tmp_path / "cells_seg.npy", masks[None]))
    assert flat.ids is not None and flat.ids.shape == (3, 4)
    volume = read_one(save_cellpose(tmp_path / "cells_seg.npy", masks.reshape(2, 2, 3)))
    assert volume.ids is not None and volume.ids.shape == (2, 2, 3)


def test_label_images_in_npy_are_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(6).reshape(2, 3))
    image = read_one(tmp_path / "a.npy")
    assert image.ids is not None and image.ids.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_an_array_of_numpy_is_as_long_as_its_header_says(tmp_path: Path) -> None:
    with (tmp_path / "a.npy").open("wb") as file:
        header = {"descr": "<i4", "fortran_order": False, "shape": (10**6, 10**6)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(InputError, match=r"a\.npy: .* says 4000000000000 bytes .* there are 0"):
        read_one(tmp_path / "a.npy")


class Harmful:
    """Runs a command when it is unpickled as Python does."""

    def __init__(self, made: Path) -> None:
        self._made = made

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self._made),)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_nothing_is_run(tmp_path: Path, protocol: int) -> None:
    masks = np.ones((2, 3), np.uint16)
    whole = {"masks": masks, "other": Harmful(tmp_path / "made")}
    image = read_one(save_pickled(tmp_path / "a_seg.npy", whole, protocol))
    assert image.ids is not None and (image.ids == 1).all()
    path = save_pickled(tmp_path / "b_seg.npy", {"masks": Harmful(tmp_path / "made")}, protocol)
    with pytest.raises(InputError, match=r"b_seg\.npy: .*no array of numbers.*File > Save masks"):
        read_one(path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"flows": 1}, "it has no 'masks'"),
        ([1, 2], "it has no 'masks'"),
        ({"masks": np.array(["a"])}, "its array does not hold numbers"),
        ({"masks": np.array([None, 1])}, "it is no array of numbers"),
        ({"masks": np.array([[0.5, 1]])}, "holds no ids"),
        ({"masks": np.zeros(3, int)}, "holds no ids"),
        ({"masks": np.array([[-1, 1]])}, "its ids are negative"),
        ({"masks": np.array([[2**40, 1]])}, "its ids are negative or too large"),
    ],
)
def test_other_contents_are_told(tmp_path: Path, value: Any, said: str) -> None:
    with pytest.raises(InputError, match=rf"a_seg\.npy: .*{said}"):
        read_one(save_pickled(tmp_path / "a_seg.npy", value))


def test_arrays_are_as_long_as_they_say() -> None:
    made = read_pickle(pickle.dumps(np.arange(6, dtype="<i4").reshape(2, 3), 2))
    assert as_array(made).tolist() == [[0, 1, 2], [3, 4, 5]]
    version, _, dtype, order, data = made.state
    for shape, content in [((2, 4), data), ((2, -3), data), ((2, 3), data[:-1]), (("a",), data)]:
        wrong = Record(made.name, made.arguments, (version, shape, dtype, order, content))
        with pytest.raises(BadPickleError, match="not as long as it says"):
            as_array(wrong)


def test_tuples_in_tuples_are_never_hashed() -> None:
    # each holds the one before twice: hashing the last one would take 2 ** 60 steps
    program = b")\x94"
    for n in range(60):
        program += bytes([0x68, n, 0x68, n, 0x86, 0x94])
    with pytest.raises(BadPickleError, match="no plain dictionary"):
        read_pickle(b"\x80\x04" + program + b"}h\x3c" + b"K\x01s.")


def test_tuples_in_tuples_are_never_spelled_out() -> None:
    order: tuple[Any, ...] = ()
    for _ in range(60):
        order = (order, order)
    made = Record("numpy.core.numeric _frombuffer", (b"a", "u1", (1,), order))
    with pytest.raises(BadPickleError, match="no array of numbers"):
        as_array(made)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_byte_of_a_pickle_may_be_wrong(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        whole = {"a": [1, "x", None], "masks": np.ones((2, 3), np.uint16), "b": (1.5, b"c", {})}
        path = save_pickled(Path(folder) / "a_seg.npy", whole, data.draw(st.integers(0, 5)))
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(128, len(content) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        read_nonsense("cellpose", path)
