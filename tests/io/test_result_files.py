from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.atomic import replace_folder
from napari_synthseg.io.images.files import open_file
from napari_synthseg.io.labels import read_label_file
from napari_synthseg.io.result_files import (
    by_stem,
    ids_type,
    pair_by_image,
    read_classes,
    read_labels,
    refuse_existing,
    write_labels,
    write_regions,
)
from napari_synthseg.io.tables import write_rows


@pytest.mark.parametrize(("largest", "dtype"), [(65_535, np.uint16), (65_536, np.int32)])
def test_labels_come_back_exactly(tmp_path: Path, largest: int, dtype: type) -> None:
    ids = np.zeros((5, 7), np.int32)
    ids[2, 3] = largest
    assert ids_type(largest) is dtype
    write_labels(tmp_path / "a.tif", ids)
    assert tifffile.imread(tmp_path / "a.tif").dtype == dtype
    np.testing.assert_array_equal(read_label_file(tmp_path / "a.tif").ids, ids)


@pytest.mark.parametrize(
    ("size", "unit", "expected"),
    [((0.5, 0.25), "um", {"y": 0.5, "x": 0.25}), ((3.0, 40.0, 80.0), "nm", {"y": 0.04, "x": 0.08}),
     ((1e-6, 1e-6), "um", {}), ((0.5, 0.5), "px", {}), (None, "px", {})],
)  # fmt: skip
def test_labels_of_an_image_have_its_pixel_size(
    tmp_path: Path, size: Any, unit: str, expected: dict[str, float]
) -> None:
    ref = ImageRef(uri="a.tif", pixel_size=size, unit=unit)
    for number, write in enumerate((write_labels, write_regions)):
        path = tmp_path / f"{number}.tif"
        write(path, np.eye(5, dtype=np.int32), ref)
        assert open_file(path).pixel_size == pytest.approx(expected)


def test_a_full_disk_leaves_the_file_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_labels(tmp_path / "a.tif", np.eye(5, dtype=np.int32))
    before = (tmp_path / "a.tif").read_bytes()

    def fill_up(path: Path, *_: object, **__: object) -> None:
        Path(path).write_bytes(bytes(4096))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tifffile, "imwrite", fill_up)
    with pytest.raises(OSError, match="No space"):
        write_labels(tmp_path / "a.tif", np.zeros((5, 5), np.int32))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == {tmp_path / "a.tif": before}


def test_a_name_as_long_as_the_system_takes_is_written(tmp_path: Path) -> None:
    path = tmp_path / f"{'x' * 251}.tif"
    for _ in range(2):
        write_labels(path, np.eye(5, dtype=np.int32))
    replace_folder(tmp_path / ("y" * 255), lambda partial: (partial / "a").touch())
    assert {p.name for p in tmp_path.iterdir()} == {path.name, "y" * 255}


def test_finds_label_images_by_stem(tmp_path: Path) -> None:
    for name in ("a.tif", "b.PNG", "notes.txt", "objects.csv", "._a.tif"):
        (tmp_path / name).touch()
    assert by_stem(tmp_path) == {"a": tmp_path / "a.tif", "b": tmp_path / "b.PNG"}


def test_two_files_of_one_stem_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tif").touch()
    (tmp_path / "a.png").touch()
    with pytest.raises(InputError, match=r"'a\.png' and 'a\.tif' have the same stem"):
        by_stem(tmp_path)


@pytest.mark.parametrize("name", ["", "missing"])
def test_folder_without_labels_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"is not a folder|holds no label image"):
        by_stem(tmp_path / name)


def test_classes_by_stem_and_id(tmp_path: Path) -> None:
    write_rows(
        tmp_path / "objects.csv",
        ("image", "id", "class", "score"),
        [("a.tif", 1, "cell", 0.5), ("a.tif", 2, "debris", 1), ("b.png", 1, "cell", 1)],
    )
    assert read_classes(tmp_path) == {"a": {1: "cell", 2: "debris"}, "b": {1: "cell"}}
    assert read_classes(tmp_path / "elsewhere") is None


def test_the_table_is_by_the_ids_of_the_file_however_large(tmp_path: Path) -> None:
    ids = np.array([[0, 3, 3], [0, 5_000_001, 7_000_000]], np.uint32)
    tifffile.imwrite(tmp_path / "a.tif", ids)
    named = {3: "cell", 5_000_001: "debris", 7_000_000: "cell"}
    found = read_labels(tmp_path / "a.tif", named, {"cell": 1, "debris": 2})
    np.testing.assert_array_equal(found.class_map(), [[0, 1, 1], [0, 2, 1]])
    del named[7_000_000]
    with pytest.raises(InputError, match=r"has no row for id 7000000 of a\.tif"):
        read_labels(tmp_path / "a.tif", named, {"cell": 1, "debris": 2})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("image,id\na.tif,1\n", "row 1: column 'class'"),
        ("image,id,class\na.tif,one,cell\n", "row 2: needs"),
        ("image,id,class\na.tif,1,cell\na.tif\n", "row 3: 1 values"),
    ],
)
def test_damaged_table_names_the_row(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "objects.csv").write_text(text)
    with pytest.raises(InputError, match=told):
        read_classes(tmp_path)


def test_nothing_is_replaced_without_leave(tmp_path: Path) -> None:
    there = tmp_path / "a.tif"
    there.touch()
    with pytest.raises(InputError, match="another --out, or --overwrite"):
        refuse_existing([tmp_path / "b.tif", there], overwrite=False, inputs=())
    refuse_existing([there], overwrite=True, inputs=())


def test_what_is_read_is_never_replaced(tmp_path: Path) -> None:
    image, planes = tmp_path / "a.tif", tmp_path / "planes"
    image.write_bytes(b"image")
    planes.mkdir()
    (tmp_path / "linked").symlink_to(tmp_path, target_is_directory=True)
    inputs = (tmp_path / "linked" / "a.tif", planes)
    for target in (image, planes, planes / "new.tif", tmp_path, tmp_path / "linked" / "a.tif"):
        for overwrite in (False, True):
            with pytest.raises(InputError, match=r"are read\. Give another --labels\.$"):
                refuse_existing([target], overwrite, inputs, "--labels")
    refuse_existing([planes / "clicks.csv", tmp_path / "b.tif"], False, inputs)


def paired(tmp_path: Path, first: str, second: str) -> list[tuple[str, str, str]]:
    files = [{name: tmp_path / f"{name}.tif" for name in each.split()} for each in (first, second)]
    one, other = pair_by_image(*files)
    return sorted((name, one[name].stem, other[name].stem) for name in one.keys() & other.keys())


def test_masks_are_paired_whatever_a_program_adds_to_the_name(tmp_path: Path) -> None:
    for first, second in (
        ("a b", "a_cp_masks b_masks"), ("a_seg b_label", "a_MASK b"), ("a_labels b", "a_labels b"),
        ("a a_masks b", "a b_masks"), ("a_masks b", "a a_cp_masks b"),
    ):  # fmt: skip
        found = paired(tmp_path, first, second)
        assert [name.removesuffix("_labels") for name, _, _ in found] == ["a", "b"]
        for name, one, other in found:
            assert {one, other} <= {*first.split(), *second.split()}
            assert not (name == "a" and "a_masks" in first and one == "a")


def test_files_that_differ_by_their_ending_alone_are_paired_as_they_are(tmp_path: Path) -> None:
    same = "a a_masks"
    assert paired(tmp_path, same, same) == [("a", "a", "a"), ("a_masks", "a_masks", "a_masks")]
    with pytest.raises(InputError, match=r"'a_masks.tif' and 'a_seg.tif' may both be of one image"):
        paired(tmp_path, "a_masks a_seg", "a")
