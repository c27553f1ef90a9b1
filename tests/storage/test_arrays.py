from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import zarr

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError, ReadOnlyError
from napari_synthseg.storage.arrays import open_array, save_array
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.storage.project_store import ProjectStore
from tests.helpers.projects import digests


@pytest.mark.parametrize("dtype", ["?", "u1", ">u2", "<i4", "u4", "i8", "f2", "f4", "f8"])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [((20, 30), "yx"), ((2, 3, 5, 600, 7), "tczyx"), ((6, 7, 3), "yxc"), ((4, 6, 7, 3), "zyxc")],
)
def test_arrays_come_back(tmp_path: Path, dtype: str, shape: tuple[int, ...], axes: str) -> None:
    array = np.random.default_rng(0).integers(0, 2 if dtype == "?" else 99, shape).astype(dtype)
    assert save_array(array, axes, tmp_path, "one") == "arrays:one"
    stored = open_array("arrays:one", tmp_path)
    assert (stored.axes, stored.shape) == (axes, shape)
    np.testing.assert_array_equal(stored.read(tuple(slice(0, n) for n in shape)), array)


def test_it_is_plain_zarr_that_others_can_read(tmp_path: Path) -> None:
    array = np.arange(12.0).reshape(3, 4)
    save_array(array, "yx", tmp_path, "one")
    group = zarr.open_group(str(tmp_path / "arrays.zarr"), mode="r")
    assert group.metadata.zarr_format == 3
    np.testing.assert_array_equal(np.asarray(group["one"]), array)
    assert group["one"].attrs["axes"] == "yx"


def test_an_array_computed_on_demand_is_copied_plane_by_plane(tmp_path: Path) -> None:
    class Lazy:
        shape, ndim, dtype = (3, 40, 50), 3, np.dtype(np.uint8)

        def __getitem__(self, index: Any) -> Any:
            assert index != ()
            return np.full((40, 50), index[0], np.uint8)

    save_array(cast("Any", Lazy()), "zyx", tmp_path, "lazy")
    stored = open_array("arrays:lazy", tmp_path)
    planes = stored.read((slice(0, 3), slice(0, 40), slice(0, 50)))
    assert planes[:, 0, 0].tolist() == [0, 1, 2]


@pytest.mark.parametrize("ident", ["../x", "a/b", "", ".", "..", "a b", "a\n", "ä", "x" * 65, "/x"])
def test_ids_cannot_lead_out(tmp_path: Path, ident: str) -> None:
    with pytest.raises(InputError, match="cannot name"):
        save_array(np.zeros((2, 2)), "yx", tmp_path, ident)
    with pytest.raises(InputError, match="cannot name"):
        open_pixels(ImageRef(uri=f"arrays:{ident}"), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((2, 2), "xy"), ((2, 2), "y"), ((2, 2), "yy"), ((2, 2, 2), "qyx"), ((2,), "x")],
)
def test_axes_must_fit(tmp_path: Path, shape: tuple[int, ...], axes: str) -> None:
    with pytest.raises(InputError, match=r"[Aa]xes"):
        save_array(np.zeros(shape), axes, tmp_path, "a")


@pytest.mark.parametrize("array", [np.zeros((2, 2), complex), np.array([["a", "b"]])])
def test_only_numbers_are_kept(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(InputError, match="convert it to integers or floats"):
        save_array(array, "yx", tmp_path, "a")


def test_an_array_never_changes(tmp_path: Path) -> None:
    save_array(np.zeros((2, 2)), "yx", tmp_path, "a")
    with pytest.raises(InputError, match="already holds an array 'a'"):
        save_array(np.ones((2, 2)), "yx", tmp_path, "a")
    assert not open_array("arrays:a", tmp_path).read((slice(0, 2), slice(0, 2))).any()


def test_an_interrupted_copy_leaves_no_array(tmp_path: Path) -> None:
    class Failing:
        shape, ndim, dtype = (3, 4, 4), 3, np.dtype(np.uint8)

        def __getitem__(self, index: Any) -> Any:
            if index[0] == 2:
                raise OSError(28, "No space left on device")
            return np.ones((4, 4), np.uint8)

    with pytest.raises(InputError, match="No space left"):
        save_array(cast("Any", Failing()), "zyx", tmp_path, "a")
    assert [p.name for p in (tmp_path / "arrays.zarr").iterdir()] == ["zarr.json"]
    with pytest.raises(InputError, match="missing"):
        open_array("arrays:a", tmp_path)
    save_array(np.ones((3, 4, 4)), "zyx", tmp_path, "a")
    assert open_array("arrays:a", tmp_path).shape == (3, 4, 4)


def test_a_damaged_array_is_refused(tmp_path: Path) -> None:
    save_array(np.ones((3, 4)), "yx", tmp_path, "a")
    for content in (b"", b"{}", b"[1]"):
        (tmp_path / "arrays.zarr" / "a" / "zarr.json").write_bytes(content)
        with pytest.raises(InputError, match="damaged"):
            open_pixels(ImageRef(uri="arrays:a"), tmp_path)


def test_only_the_writer_adds_arrays(store: ProjectStore) -> None:
    save_array(np.ones((3, 4)), "yx", store.folder, "a")
    store.close()
    before = digests(store.folder)
    with pytest.raises(ReadOnlyError, match="reading only"):
        save_array(np.ones((3, 4)), "yx", store.folder, "b")
    assert digests(store.folder) == before


def test_what_a_crash_left_is_swept_up_by_the_next_writer(store: ProjectStore) -> None:
    save_array(np.ones((3, 4)), "yx", store.folder, "a")
    partial = store.folder / "arrays.zarr" / ".b.part"
    (partial / "c").mkdir(parents=True)
    ProjectStore.open(store.folder).close()  # read-only: changes nothing
    assert partial.exists()
    store.close()
    ProjectStore.open(store.folder).close()
    assert not partial.exists()
    assert open_array("arrays:a", store.folder).shape == (3, 4)
