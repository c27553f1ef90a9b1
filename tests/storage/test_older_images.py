"""Files are read under a project of an older version as that version read them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_synthseg.core.annotations import Click, ImageRef, InstanceTruth, ObjectClass
from napari_synthseg.core.project import Project
from napari_synthseg.storage.images import describe, open_pixels, relink
from napari_synthseg.storage.project_store import ProjectStore
from napari_synthseg.storage.truths import read_mask_values

GRAY = (np.arange(12 * 20) % 251).astype(np.uint8).reshape(12, 20)
MASK = GRAY > 200
READ_AS_STORED = 3
"""The last version of the project's format that read files so."""


def kept_by(version: int, folder: Path, project: Project) -> Project:
    """Return what a project becomes that a program of some version wrote."""
    store = ProjectStore.create(folder)
    store.write(project)
    store.close()
    with closing(sqlite3.connect(folder / "project.db")) as connection, connection:
        for table in ("images", "truths"):
            connection.execute(f"UPDATE {table} SET data = json_remove(data, '$.as_stored')")
        connection.execute(f"PRAGMA user_version = {version}")
    for _ in range(2):  # the flags are there once it was migrated, too
        store = ProjectStore.open(folder)
        found = store.load()
        store.close()
    return found


def pixels_of(ref: ImageRef, folder: Path) -> np.ndarray:
    image = open_pixels(ref, folder)
    return image.read_stored(tuple(slice(0, n) for n in image.shape[1:]))


def write_turned(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(GRAY).save(path, exif=exif)


def write_palette(path: Path) -> None:
    colors = np.random.default_rng(0).integers(0, 2**16, (3, 256)).astype(np.uint16)
    tifffile.imwrite(path, GRAY, photometric="palette", colormap=colors)


def write_gray_palette(path: Path) -> None:
    image = Image.fromarray(GRAY)
    image.putpalette(np.repeat(np.arange(256, dtype=np.uint8), 3).tobytes())
    image.save(path)


def write_deep(path: Path) -> None:
    path.write_bytes(imagecodecs.png_encode(np.stack([GRAY.astype(np.uint16) * 257] * 3, -1)))


def write_alpha(path: Path) -> None:
    pixels = np.stack([GRAY, 255 - GRAY], axis=-1)
    tifffile.imwrite(path, pixels, photometric="minisblack", extrasamples=["unassalpha"])


def write_inks(path: Path) -> None:
    tifffile.imwrite(path, np.stack([GRAY] * 4, axis=-1), photometric="separated")


def write_colors_with_alpha(path: Path) -> None:
    pixels = np.stack([GRAY] * 4, axis=-1)
    tifffile.imwrite(path, pixels, photometric="rgb", extrasamples=["unassalpha"])


def write_white_is_zero(path: Path) -> None:
    tifffile.imwrite(path, GRAY, photometric="miniswhite")


@pytest.mark.parametrize(
    ("write", "name", "axes", "channels"),
    [
        (write_turned, "a.png", "yx", [GRAY]),
        (write_palette, "a.tif", "yx", [GRAY]),
        (write_gray_palette, "a.png", "yxc", [GRAY] * 3),
        (write_deep, "a.png", "yxc", [GRAY] * 3),
        (write_alpha, "a.tif", "yxc", [GRAY, 255 - GRAY]),
        (write_inks, "a.tif", "yxc", [GRAY] * 4),
        (write_colors_with_alpha, "a.tif", "yxc", [GRAY] * 3),
        (write_white_is_zero, "a.tif", "yx", [GRAY]),
    ],
)
def test_images_of_an_older_project_are_read_as_they_were(
    tmp_path: Path,
    write: Callable[[Path], None],
    name: str,
    axes: str,
    channels: list[np.ndarray],
) -> None:
    write(tmp_path / name)
    folder = tmp_path / "p.synthseg"
    click = Click(id="c", image="i", position=(11.0, 19.0), cls=1)
    old = Project(
        images=(ImageRef(id="i", uri=f"../{name}", axes=axes),),
        classes=(ObjectClass(name="cell", value=1),),
        clicks=(click,),
    )
    project = kept_by(READ_AS_STORED, folder, old)
    (ref,) = project.images
    assert (ref.as_stored, project.clicks) == (True, (click,))
    found = pixels_of(ref, folder)
    np.testing.assert_array_equal(found, channels)
    assert found.dtype == np.uint8


@pytest.mark.parametrize("version", [READ_AS_STORED + 1, READ_AS_STORED + 2])
@pytest.mark.parametrize(
    ("write", "name", "right"),
    [
        (write_turned, "a.png", np.rot90(GRAY, -1)),
        (write_white_is_zero, "a.tif", 255 - GRAY),
    ],
)
def test_images_of_later_projects_are_read_as_their_files_say(
    tmp_path: Path, version: int, write: Callable[[Path], None], name: str, right: np.ndarray
) -> None:
    write(tmp_path / name)
    folder = tmp_path / "p.synthseg"
    old = Project(images=(ImageRef(id="i", uri=f"../{name}"),))
    (ref,) = kept_by(version, folder, old).images
    assert not ref.as_stored
    np.testing.assert_array_equal(pixels_of(ref, folder), [right])


def test_one_file_can_be_read_in_both_ways_at_once(tmp_path: Path) -> None:
    write_turned(tmp_path / "a.png")
    (new,) = describe(tmp_path / "a.png")
    old = new.model_copy(update={"as_stored": True})
    for _ in range(2):
        assert open_pixels(old, tmp_path).shape == (1, 12, 20)
        np.testing.assert_array_equal(pixels_of(old, tmp_path), [GRAY])
        np.testing.assert_array_equal(pixels_of(new, tmp_path), [np.rot90(GRAY, -1)])


def test_an_image_that_is_relinked_is_read_as_before(tmp_path: Path) -> None:
    write_palette(tmp_path / "a.tif")
    old = ImageRef(uri="gone.tif", axes="yx", as_stored=True)
    again = relink(old, tmp_path / "a.tif", tmp_path)
    assert (again.uri, again.as_stored) == ("a.tif", True)
    np.testing.assert_array_equal(pixels_of(again, tmp_path), [GRAY])


def test_masks_of_an_older_project_are_read_as_they_were(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "image.tif", GRAY)
    Image.fromarray(MASK).save(tmp_path / "m.tif", compression="group4", tiffinfo={262: 0})
    folder = tmp_path / "p.synthseg"
    truth = InstanceTruth(id="t", image="i", source="../m.tif")
    copied = InstanceTruth(id="u", image="i", source="arrays:u")
    old = Project(images=(ImageRef(id="i", uri="../image.tif"),), truths=(truth, copied))
    project = kept_by(READ_AS_STORED, folder, old)
    kept, own = project.truths
    assert isinstance(kept, InstanceTruth) and isinstance(own, InstanceTruth)
    assert (kept.as_stored, own.as_stored) == (True, False)
    with tifffile.TiffFile(tmp_path / "m.tif") as file:
        stored = file.asarray()
    assert np.array_equal(stored, ~MASK)
    for given, right in ((kept, stored), (truth, MASK)):
        values = read_mask_values(
            given.source, project.images[0], folder, "'m.tif'", given.as_stored
        )
        np.testing.assert_array_equal(values, right)
