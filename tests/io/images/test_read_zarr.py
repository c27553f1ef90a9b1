from __future__ import annotations

import json
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.images.files import open_file
from napari_synthseg.io.images.stacks import StackUse
from napari_synthseg.storage.images import describe, open_pixels
from tests.helpers.zarr_images import write_ome_zarr

IMAGE = (np.arange(2 * 3 * 40 * 50) % 251).astype(np.uint16).reshape(2, 3, 40, 50)


@pytest.mark.parametrize("version", ["0.3", "0.4", "0.5"])
def test_axes_and_values(tmp_path: Path, version: str) -> None:
    path = tmp_path / "a.ome.zarr"
    write_ome_zarr(path, IMAGE, "czyx", version)
    refs = describe(path)
    assert [(r.axes, r.plane, r.name) for r in refs] == [
        ("czyx", {"z": z}, "a.ome.zarr") for z in range(3)
    ]
    stored = open_file(path)
    index = (slice(0, 2), 1, slice(3, 38, 5), slice(17, 33))
    np.testing.assert_array_equal(stored.read(index), IMAGE[index])
    assert open_pixels(refs[1], tmp_path).shape == (2, 40, 50)


def test_the_first_version_had_no_axes(tmp_path: Path) -> None:
    write_ome_zarr(tmp_path / "a.zarr", IMAGE[None], "tczyx", "0.1")
    assert open_file(tmp_path / "a.zarr").axes == "tczyx"
    assert describe(tmp_path / "a.zarr")[0].plane == {"t": 0, "z": 0}


@pytest.mark.parametrize(
    ("unit", "size"), [("micrometer", (0.5, 0.25)), ("nanometer", (0.0005, 0.00025)), ("", None)]
)
def test_pixel_size(tmp_path: Path, unit: str, size: tuple[float, float] | None) -> None:
    path = tmp_path / "a.zarr"
    write_ome_zarr(path, IMAGE[0, 0], "yx", scale=(0.5, 0.25), unit=unit)
    (ref,) = describe(path)
    if size is None:
        assert (ref.pixel_size, ref.unit) == (None, "px")
    else:
        assert ref.pixel_size == pytest.approx(size)
        assert ref.unit == "um"


def test_a_region_reads_only_its_chunks(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write_ome_zarr(path, IMAGE[0, 0], "yx")
    (ref,) = describe(path)
    for chunk in (path / "0" / "c").rglob("*"):
        if chunk.is_file() and chunk.relative_to(path / "0" / "c").as_posix() != "1/2":
            chunk.write_bytes(b"damaged")
    ref = ref.model_copy(update={"region": ((16, 32), (32, 48))})
    assert open_pixels(ref, tmp_path).read().shape == (1, 16, 16)
    with pytest.raises(InputError, match=r"a\.zarr' is damaged"):
        open_pixels(ref.model_copy(update={"region": None}), tmp_path).read()


def test_a_plain_array(tmp_path: Path) -> None:
    zarr.create_array(str(tmp_path / "plane"), data=IMAGE[0, 0])
    assert open_file(tmp_path / "plane").axes == "yx"
    zarr.create_array(str(tmp_path / "named"), data=IMAGE, dimension_names=list("tzyx"))
    assert open_file(tmp_path / "named").axes == "tzyx"
    zarr.create_array(str(tmp_path / "stack"), data=IMAGE[0])
    assert (open_file(tmp_path / "stack").axes, open_file(tmp_path / "stack").unnamed) == (
        "zyx",
        "z",
    )


def test_what_is_no_image_says_where_to_look(tmp_path: Path) -> None:
    group = zarr.open_group(str(tmp_path / "g"), mode="w")
    with pytest.raises(InputError, match="it is empty"):
        describe(tmp_path / "g")
    group.create_group("first")
    with pytest.raises(InputError, match=r"choose a folder inside it \(first\)"):
        describe(tmp_path / "g")
    group.attrs["plate"] = {}
    with pytest.raises(InputError, match="plate"):
        describe(tmp_path / "g")


@pytest.mark.parametrize("name", ["../other/0", "/etc", "a/../../other/0", "", "..\\other"])
def test_pixels_outside_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    write_ome_zarr(tmp_path / "other", IMAGE[0, 0], "yx")
    write_ome_zarr(tmp_path / "a.zarr", IMAGE[0, 0], "yx", dataset=name)
    with pytest.raises(InputError, match=r"a\.zarr"):
        describe(tmp_path / "a.zarr")


class Mark:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize(
    "codecs",
    [
        {"filters": [{"id": "pickle", "protocol": 5}]},
        {"filters": [{"id": "delta", "dtype": "<u2"}, {"id": "pickle", "protocol": 5}]},
        {"compressor": {"id": "pickle", "protocol": 5}},
        {"compressor": {"id": "pickle", "protocol": 5}, "dtype": "|O"},
    ],
)
def test_python_objects_are_never_loaded(tmp_path: Path, codecs: dict[str, object]) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(str(path), data=IMAGE[0, 0], zarr_format=2, chunks=(40, 50), compressors=None)
    meta = json.loads((path / ".zarray").read_text()) | codecs
    (path / ".zarray").write_text(json.dumps(meta))
    (path / "0.0").write_bytes(pickle.dumps(Mark(tmp_path / "executed")))
    with pytest.raises(InputError, match=r"a\.zarr"):
        open_pixels(describe(path)[0], tmp_path).read()
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"zarr_format": 9}', b"\xff\xfe"])
def test_damaged_metadata_is_refused(tmp_path: Path, content: bytes) -> None:
    write_ome_zarr(tmp_path / "a.zarr", IMAGE[0, 0], "yx")
    (tmp_path / "a.zarr" / "zarr.json").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.zarr"):
        describe(tmp_path / "a.zarr")


def test_a_claim_of_absurd_size_allocates_nothing(tmp_path: Path) -> None:
    array = zarr.create_array(
        str(tmp_path / "bomb"), shape=(10**6, 10**6), chunks=(10**6, 10**6), dtype="u1"
    )
    assert array.nbytes == 10**12
    with pytest.raises(InputError, match=r"bomb' would need .* GB"):
        describe(tmp_path / "bomb")
    zarr.create_array(str(tmp_path / "wide"), shape=(10**6, 10**6), chunks=(512, 512), dtype="u1")
    (ref,) = describe(tmp_path / "wide")
    pixels = open_pixels(ref, tmp_path)
    with pytest.raises(InputError, match="use a smaller region"):
        pixels.read()


@pytest.mark.parametrize(
    ("stack", "apart", "planes"),
    [("auto", 2.0, 1), ("auto", 20.0, 9), ("volume", 20.0, 1), ("planes", 2.0, 9)],
)
def test_a_stack_is_a_volume_or_planes(
    tmp_path: Path, stack: StackUse, apart: float, planes: int
) -> None:
    image = np.random.default_rng(0).integers(0, 900, (2, 9, 20, 30)).astype(np.uint16)
    path = tmp_path / "a.ome.zarr"
    write_ome_zarr(path, image, "czyx", "0.4", scale=(1, apart, 1, 1), unit="micrometer")
    refs = describe(path, stack=stack)
    assert len(refs) == planes
    pixels = open_pixels(refs[0], tmp_path)
    if planes == 1:
        assert (refs[0].ndim, refs[0].plane, refs[0].pixel_size) == (3, {}, (apart, 1.0, 1.0))
        assert pixels.shape == (2, 9, 20, 30)
        part = pixels.read(((2, 5), (3, 9), (4, 8)))
        assert np.array_equal(part, pixels.read()[:, 2:5, 3:9, 4:8])
    else:
        assert (refs[3].ndim, refs[3].plane, refs[3].pixel_size) == (2, {"z": 3}, (1.0, 1.0))


@pytest.mark.parametrize(
    "names",
    [("channel", "y", "x"), ("C", "Y", "X"), ("channels", "row", "column"), (" c ", "y", "X")],
)
@pytest.mark.parametrize("version", ["0.4", "0.5", "plain"])
def test_axes_in_words_and_capitals(tmp_path: Path, names: tuple[str, ...], version: str) -> None:
    path = tmp_path / "a.zarr"
    if version == "plain":
        zarr.create_array(str(path), data=IMAGE[:, 0], dimension_names=names)
    else:
        write_ome_zarr(path, IMAGE[:, 0], "cyx", version)
        file = path / ("zarr.json" if version == "0.5" else ".zattrs")
        meta = json.loads(file.read_text())
        ome = meta["attributes"]["ome"] if version == "0.5" else meta
        for axis, name in zip(ome["multiscales"][0]["axes"], names, strict=True):
            axis["name"] = name
        file.write_text(json.dumps(meta))
    assert open_file(path).axes == "cyx"
    assert open_pixels(describe(path)[0], tmp_path).shape == (2, 40, 50)


def test_axes_of_other_words_are_told(tmp_path: Path) -> None:
    zarr.create_array(
        str(tmp_path / "a.zarr"), data=IMAGE[:, 0], dimension_names=("tile", "y", "x")
    )
    with pytest.raises(InputError, match=r"an axis '\?'.*--axes"):
        open_file(tmp_path / "a.zarr")
    assert open_file(tmp_path / "a.zarr", axes="cyx").axes == "cyx"


def test_a_file_of_absurdly_many_planes_is_not_believed(tmp_path: Path) -> None:
    zarr.create_array(
        str(tmp_path / "a.zarr"), shape=(2**30, 4, 4), chunks=(1, 4, 4), dtype="u1",
        dimension_names=("t", "y", "x"),
    )  # fmt: skip
    with pytest.raises(InputError, match="1073741824 planes"):
        describe(tmp_path / "a.zarr")


def test_the_root_of_a_converted_file(tmp_path: Path) -> None:
    root = tmp_path / "a.zarr"
    zarr.open_group(str(root), mode="w", zarr_format=2).attrs["bioformats2raw.layout"] = 3
    write_ome_zarr(root / "0", IMAGE[0, 0], "yx", "0.4", scale=(0.5, 0.25))
    stored = open_file(root)
    assert (stored.name, stored.shape, stored.series) == ("a.zarr", (40, 50), ())
    assert stored.pixel_size == {"y": 0.5, "x": 0.25}
    write_ome_zarr(root / "1", IMAGE[1, 0, :20], "yx", "0.4")
    with pytest.raises(InputError, match=r"holds 2 image\(s\).*--series"):
        open_file(root)
    assert open_file(root, series=1).shape == (20, 50)
    assert [ref.plane for ref in describe(root, series="all")] == [{"s": 0}, {"s": 1}]


def test_a_unit_that_is_no_length_is_told(tmp_path: Path) -> None:
    write_ome_zarr(tmp_path / "a.zarr", np.zeros((20, 30), np.uint8), "yx", unit="parsec")
    stored = open_file(tmp_path / "a.zarr")
    assert not stored.pixel_size
    (note,) = stored.notes
    assert "along y, x is in 'parsec'" in note


@pytest.mark.skipif(sys.platform == "win32", reason="no file is called so there")
def test_a_path_with_two_colons_is_one_path(tmp_path: Path) -> None:
    write_ome_zarr(tmp_path / "a.zarr", IMAGE[0, 0], "yx")
    (tmp_path / "day::1").mkdir()
    (tmp_path / "a.zarr").rename(tmp_path / "day::1" / "a.zarr")
    stored = open_file(tmp_path / "day::1" / "a.zarr")
    np.testing.assert_array_equal(stored.read((slice(None), slice(None))), IMAGE[0, 0])


@pytest.mark.parametrize("colors", [(), ("FF0000", "00ff00", "0000FF")])
def test_four_channels_are_colors_only_where_the_file_says_so(
    tmp_path: Path, colors: tuple[str, ...]
) -> None:
    path = tmp_path / "a.zarr"
    write_ome_zarr(path, np.moveaxis(IMAGE[[0, 1, 0, 1], 0], 0, -1), "yxc")
    group = zarr.open_group(str(path))
    known: Any = group.attrs["ome"]
    group.attrs["ome"] = {
        **known,
        "omero": {"channels": [{"color": c} for c in colors]},
    }
    stored = open_file(path)
    assert (stored.is_color, stored.shape) == (bool(colors), (40, 50, 3 if colors else 4))
    assert len(stored.notes) == 1
    assert ("is left out" in stored.notes[0]) == bool(colors)
    assert open_pixels(describe(path)[0], tmp_path).read().shape[0] == stored.shape[-1]
