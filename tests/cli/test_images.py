"""What `new` says of files, and how it is changed; the same pixels twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_synthseg.storage.images import open_pixels
from napari_synthseg.workflow.session import Session
from tests.cli.conftest import Invoke

PLANES = np.random.default_rng(0).integers(0, 255, (5, 24, 32), np.uint8)
CLASS = ("--class", "cell:8")


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, PLANES, ome=True, metadata={"axes": "TYX"})
    return path


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    path = tmp_path / "pages.tif"
    tifffile.imwrite(path, PLANES, photometric="minisblack", metadata=None)
    return path


def test_axes_are_said_and_changed(
    invoke: Invoke, movie: Path, pages: Path, tmp_path: Path
) -> None:
    done = invoke("new", tmp_path / "a", movie, pages, *CLASS)
    assert "'movie.tif': 5 frames over time: each an image of its own." in done.out
    assert "'pages.tif': 5 planes along z (a guess: the file does not name this axis)" in done.out
    assert "--axes" in done.out
    done = invoke("new", tmp_path / "b", pages, *CLASS, "--axes", "cyx", "--json")
    assert (len(done.result["images"]), done.result["axes"]) == (1, {"pages.tif": ""})
    done = invoke("new", tmp_path / "c", movie, *CLASS, "--only", "t=3", "--json")
    assert done.result["axes"] == {"movie.tif": "5 frames over time: only frame 3 is taken"}
    assert len(done.result["images"]) == 1


def test_channels_that_are_all_used_are_told(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "stained.tif"
    tifffile.imwrite(path, PLANES[:2], imagej=True, metadata={"axes": "CYX"})
    done = invoke("new", tmp_path / "a", path, *CLASS)
    assert "'stained.tif': up to 2 channels, all used." in done.out
    done = invoke("new", tmp_path / "b", path, *CLASS, "--channels", "1")
    assert "channels, all used" not in done.out


def test_channels_are_not_chosen_among_colors(invoke: Invoke, tmp_path: Path) -> None:
    color = np.ascontiguousarray(np.moveaxis(PLANES[:3], 0, -1))
    tifffile.imwrite(tmp_path / "color.tif", color, photometric="rgb")
    tifffile.imwrite(tmp_path / "a.tif", PLANES[:3], imagej=True, metadata={"axes": "CYX"})
    for others in ([], [tmp_path / "a.tif"]):
        done = invoke(
            "new", tmp_path / "p", tmp_path / "color.tif", *others, *CLASS, "--channels", "0"
        )
        assert (done.code, len(done.err.splitlines())) == (2, 1)
        assert "'color.tif' is an RGB image" in done.err
        assert not (tmp_path / "p").exists()


def test_classes_are_told_so_that_a_forgotten_colon_is_seen(
    invoke: Invoke, pages: Path, tmp_path: Path
) -> None:
    done = invoke("new", tmp_path / "a", pages, "--class", "cell:8", "--class", "nucleus22")
    assert "Class 1 'cell': objects about 8 px wide." in done.out
    assert "Class 2 'nucleus22': objects about 24 px wide, as no diameter was given" in done.out
    assert "--class nucleus22:DIAMETER changes it)." in done.out
    again = f"If 22 is its diameter, delete '{tmp_path / 'a'}' and begin again with 'nucleus:22'."
    assert again in done.out
    for name, meant in (("Ki-67=8.5", "Ki-67:8.5"), ("big cell 30", "big cell:30"), ("3", "")):
        done = invoke("new", tmp_path / name, pages, "--class", name, "--json")
        (note,) = done.result["notes"][:1]
        assert "24 px wide, as no diameter was given" in note
        assert ("If " in note) == bool(meant)
        assert f"'{meant}'" in note or not meant


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--axes", "yx"), "axes 'yx' do not fit"),
        (("--axes", "qyx"), "an axis 'q'"),
        (("--only", "t=9"), "no plane t=9"),
        (("--only", "frame"), "--only frame"),
        (("--series", "one"), "--series one"),
        (("--series", "2"), "has no image 2"),
        (("--channels", "DAPI"), "'DAPI' names no channels: give their numbers, counted from 0"),
        (("--channels", "1"), "'movie.tif' has no channel 1, but one channel, which is number 0"),
        (("--channels", "0"), "holds them, say so: --axes cyx, or yxc"),
    ],
)
def test_what_cannot_be_taken_is_refused(
    invoke: Invoke, movie: Path, tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    done = invoke("new", tmp_path / "a", movie, *CLASS, *options)
    assert done.code == 2
    assert told in done.err
    assert len(done.err.splitlines()) == 1
    assert not (tmp_path / "a").exists()


def test_only_the_chosen_channels_are_used(invoke: Invoke, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PLANES[:3], imagej=True, metadata={"axes": "CYX"})
    done = invoke("new", tmp_path / "p", tmp_path / "a.tif", *CLASS, "--channels", "2,0")
    assert done.code == 0, done.err
    with Session.open(tmp_path / "p").result() as session:
        (ref,) = session.project.images
        whole = tuple(slice(0, n) for n in PLANES.shape[1:])
        used = open_pixels(ref, session.folder).read_stored(whole)
    assert np.array_equal(used, PLANES[[2, 0]])


def test_a_folder_is_a_stack_only_if_said(invoke: Invoke, tmp_path: Path) -> None:
    folder = tmp_path / "planes"
    folder.mkdir()
    for number, plane in enumerate(np.concatenate([PLANES, PLANES[::-1]])):
        tifffile.imwrite(folder / f"z{number}.tif", plane)
    done = invoke("new", tmp_path / "a", folder, *CLASS)
    assert (done.code, "--stack" in done.err) == (2, True)
    done = invoke("new", tmp_path / "a", folder, *CLASS, "--stack")
    assert done.code == 0, done.err
    assert "'planes': 10 planes along z (a guess" in done.out
    assert "one volume" in done.out
    assert "its 10 planes are the files z0.tif to z9.tif" in done.out


def test_the_same_pixels_twice_are_one_specimen(invoke: Invoke, tmp_path: Path) -> None:
    image = PLANES[0]
    (tmp_path / "day2").mkdir()
    paths = [tmp_path / "a.tif", tmp_path / "day2" / "copy.png", tmp_path / "other.tif"]
    tifffile.imwrite(paths[0], image)
    Image.fromarray(image).save(paths[1])
    tifffile.imwrite(paths[2], PLANES[1])
    done = invoke("new", tmp_path / "p", *paths, *CLASS, "--json")
    groups = done.result["groups"]
    assert groups["copy.png"] == groups["a.tif"] != groups["other.tif"]
    (note,) = done.result["notes"]
    assert note.startswith("'copy.png': its pixels are those of 'a.tif' in the project")
    done = invoke("new", tmp_path / "q", *paths, *CLASS, "--group", "[a-z]+", "--json")
    assert done.result["groups"]["copy.png"] == "copy"  # as the user says
    assert "named another specimen" in done.result["notes"][0]


def test_images_without_content_are_not_the_same(invoke: Invoke, tmp_path: Path) -> None:
    paths = [tmp_path / "a.tif", tmp_path / "b.tif"]
    for path in paths:
        tifffile.imwrite(path, np.zeros((24, 32), np.uint8))
    done = invoke("new", tmp_path / "p", *paths, *CLASS, "--json")
    assert done.result["notes"] == []


def test_missing_pixels_are_told(invoke: Invoke, tmp_path: Path) -> None:
    image = np.random.default_rng(0).normal(300, 30, (64, 96)).astype(np.float32)
    image[:, :24] = -9999
    tifffile.imwrite(tmp_path / "a.tif", image)
    done = invoke("new", tmp_path / "p", tmp_path / "a.tif", *CLASS)
    assert (
        "Note: 'a.tif': 25% of its pixels hold the fill value -9999 and count as missing."
        in done.out
    )
