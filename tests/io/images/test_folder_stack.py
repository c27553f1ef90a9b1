from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.images.files import open_file
from napari_synthseg.io.images.folder_stack import plane_files
from napari_synthseg.storage.images import look_into, open_pixels

PLANES = np.random.default_rng(0).integers(0, 255, (12, 20, 30), np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "stack"
    made.mkdir()
    for number, plane in enumerate(PLANES, start=1):  # 10 comes before 2 by letters
        tifffile.imwrite(made / f"Z{number}.tif", plane)
    (made / "notes.txt").write_text("taken on Monday")
    (made / ".hidden.tif").write_bytes(b"x")
    return made


def test_planes_go_by_their_numbers(folder: Path) -> None:
    stored = open_file(folder)
    assert (stored.axes, stored.shape, stored.unnamed) == ("zyx", PLANES.shape, "z")
    assert stored.notes == ("its 12 planes are the files Z1.tif to Z12.tif",)
    np.testing.assert_array_equal(stored.read((slice(0, 12), slice(0, 20), slice(0, 30))), PLANES)
    np.testing.assert_array_equal(
        stored.read((3, slice(2, 9), slice(0, 30, 4))), PLANES[3, 2:9, ::4]
    )


def test_a_folder_is_a_volume_or_frames(folder: Path, tmp_path: Path) -> None:
    (ref,) = look_into(folder).images
    assert ref.ndim == 3
    assert open_pixels(ref, tmp_path).shape == (1, 12, 20, 30)
    frames = look_into(folder, axes="tyx").images
    assert [frame.plane["t"] for frame in frames] == list(range(12))


def test_planes_that_differ_are_refused(folder: Path) -> None:
    tifffile.imwrite(folder / "Z13.tif", PLANES[0, :10])
    with pytest.raises(InputError, match=r"'Z1\.tif' is uint8 yx \(20, 30\), 'Z13\.tif' .*10, 30"):
        open_file(folder)


def test_stacks_in_a_folder_are_refused(folder: Path) -> None:
    for path in folder.glob("Z*.tif"):
        path.unlink()
    tifffile.imwrite(folder / "a.tif", PLANES)
    with pytest.raises(InputError, match="is a stack already"):
        open_file(folder)


def test_color_planes_keep_their_colors(tmp_path: Path) -> None:
    for name in ("a1", "a2"):
        Image.fromarray(np.stack([PLANES[0]] * 3, -1)).save(tmp_path / f"{name}.png")
    stored = open_file(tmp_path)
    assert (stored.axes, stored.is_color) == ("zyxc", True)


def test_a_changed_folder_is_seen(folder: Path, tmp_path: Path) -> None:
    (ref,) = look_into(folder).images
    open_pixels(ref, tmp_path)
    tifffile.imwrite(folder / "Z13.tif", PLANES[0])
    with pytest.raises(InputError, match="content differs"):
        open_pixels(ref, tmp_path)


def test_a_plane_that_changed_and_kept_its_size_is_seen(folder: Path, tmp_path: Path) -> None:
    (ref,) = look_into(folder).images
    plane = folder / "Z3.tif"
    content = bytearray(plane.read_bytes())
    content[-1] ^= 1
    plane.write_bytes(content)
    with pytest.raises(InputError, match="content differs"):
        open_pixels(ref, tmp_path)


def test_a_folder_that_an_older_version_added_opens(folder: Path, tmp_path: Path) -> None:
    (ref,) = look_into(folder).images
    sizes = "".join(f"{file.name}\0{file.stat().st_size}\0" for file in plane_files(folder))
    old = hashlib.sha256(sizes.encode()).hexdigest()[:16]
    open_pixels(ref.model_copy(update={"fingerprint": old}), tmp_path)
