"""A project is changed by `edit`: images are added, diameters changed and channels chosen."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.annotations import how_to_resize
from napari_synthseg.core.project import Project
from napari_synthseg.workflow.session import Session
from tests.cli.conftest import Field, Invoke

PLANES = np.random.default_rng(0).integers(0, 255, (5, 24, 32), np.uint8)


def saved(project: Path) -> Project:
    with Session.open(project, reading=True).result() as session:
        return session.project


def write(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    tifffile.imwrite(path, pixels, **options)
    return path


@pytest.fixture
def project(invoke: Invoke, tmp_path: Path) -> Path:
    """A project of one gray image with a class, nucleus, of 22 pixels."""
    image = write(tmp_path / "a.tif", PLANES[0])
    done = invoke("new", tmp_path / "p", image, "--class", "nucleus:22")
    assert done.code == 0, done.err
    return tmp_path / "p"


@pytest.fixture
def stained(invoke: Invoke, tmp_path: Path) -> Path:
    """A project of two images of two channels, s0.tif and s1.tif."""
    axes: dict[str, Any] = {"imagej": True, "metadata": {"axes": "CYX"}}
    files = [write(tmp_path / f"s{n}.tif", PLANES[n : n + 2], **axes) for n in (0, 1)]
    assert invoke("new", tmp_path / "p", *files, "--class", "cell:8").code == 0
    return tmp_path / "p"


def test_images_are_added_and_known_ones_told(
    invoke: Invoke, project: Path, tmp_path: Path
) -> None:
    (known,) = saved(project).images
    more = [write(tmp_path / f"{name}.tif", PLANES[1]) for name in ("slide1_b", "slide1_c")]
    pattern = "slide[0-9]"
    done = invoke(
        "edit", project, tmp_path / "a.tif", *more, "--exhaustive", "--group", pattern, "--json"
    )
    assert done.code == 2  # a.tif is of no slide
    done = invoke("edit", project, *more, "--exhaustive", "--group", pattern, "--json")
    assert done.code == 0, done.err
    assert done.result["added"] == ["slide1_b.tif", "slide1_c.tif"]
    assert set(done.result["groups"].values()) == {"slide1"}
    assert len(done.result["notes"]) == 1  # the same pixels twice
    done = invoke("edit", project, tmp_path / "a.tif", more[0])
    assert done.out.startswith(
        "0 image(s) added; 2 file(s) are in the project already and stay as they are."
    )
    images = saved(project).images
    assert images[0] == known
    assert [(ref.name, ref.exhaustive) for ref in images[1:]] == [
        ("slide1_b.tif", True),
        ("slide1_c.tif", True),
    ]


def test_how_new_files_are_taken_is_told_and_chosen(
    invoke: Invoke, project: Path, tmp_path: Path
) -> None:
    movie = write(tmp_path / "movie.tif", PLANES, ome=True, metadata={"axes": "TYX"})
    done = invoke("edit", project, movie, "--only", "t=3")
    assert "'movie.tif': 5 frames over time: only frame 3 is taken." in done.out
    assert "If that is not so, remove these images in the window (step 1)" in done.out
    assert [ref.plane for ref in saved(project).images] == [{}, {"t": 3}]


def test_the_diameter_is_changed_and_the_class_stays(invoke: Invoke, project: Path) -> None:
    (before,) = saved(project).classes
    done = invoke("edit", project, "--class", "nucleus:29.5")
    assert done.code == 0, done.err
    assert done.out == "Class 1 'nucleus': objects about 29.5 px wide (before: 22 px).\n"
    assert saved(project).classes == (before.model_copy(update={"diameter": 29.5}),)


def test_the_command_that_a_note_on_the_diameter_tells_does_what_it_says(
    invoke: Invoke, field: Field, tmp_path: Path
) -> None:
    project = tmp_path / "my project"
    assert (
        invoke("new", project, field.image, "--class", "small:30", "--class", "large:18").code == 0
    )
    assert invoke("import", project, field.clicks).code == 0
    advice = r"Set the diameter to (\d+) px \(step 1, or napari-synthseg (edit PROJECT .*)\)\."
    found = re.search(advice, invoke("patches", project).out)
    assert found
    arguments = [project if word == "PROJECT" else word for word in shlex.split(found[2])]
    assert invoke(*arguments).code == 0
    assert {c.name: c.diameter for c in saved(project).classes} == {
        "small": float(found[1]),
        "large": 18,
    }
    done = invoke("patches", project)
    assert done.code == 0
    assert "Set the diameter" not in done.out
    (row,) = (line for line in done.out.splitlines() if line.startswith("small "))
    assert re.fullmatch(r"\d+(\.\d)?", row.split()[-1]), "a diameter has one decimal at most"


def test_a_class_that_the_project_lacks_is_made_only_if_asked_for(
    invoke: Invoke, project: Path
) -> None:
    done = invoke("edit", project, "--class", "nucelus:29")
    assert (done.code, "no such class in this project (classes: 'nucleus')" in done.err) == (
        2,
        True,
    )
    done = invoke("edit", project, "--class", "cell:40", "--add-classes")
    assert "Class 2 'cell': objects about 40 px wide, a new class." in done.out
    assert saved(project).class_names == {1: "nucleus", 2: "cell"}


def test_diameters_may_be_lengths_where_images_have_a_pixel_size(
    invoke: Invoke, project: Path, tmp_path: Path
) -> None:
    done = invoke("edit", project, "--class", "nucleus:6um")
    assert done.code == 2
    assert "'a.tif' has no pixel size in um: give the diameter in pixels, as nucleus:22" in done.err
    options: dict[str, Any] = {"imagej": True, "resolution": (2, 2), "metadata": {"unit": "um"}}
    image = write(tmp_path / "fine.tif", PLANES[1], **options)
    done = invoke("new", tmp_path / "q", image, "--class", "nucleus:6 µm", "--json")
    assert done.code == 0, done.err
    size = {"value": 1, "diameter": 6, "unit": "um"}
    assert done.result["classes"] == {"nucleus": size}
    made = saved(tmp_path / "q")
    assert made.classes[0].diameter_px(made.images[0]) == pytest.approx(12)
    done = invoke("edit", tmp_path / "q", "--class", "nucleus:7")
    assert (done.code, "write nucleus:7um, or nucleus:7px" in done.err) == (2, True)
    done = invoke("edit", tmp_path / "q", "--class", "nucleus:14px", "--json")
    assert done.result["classes"] == {"nucleus": size | {"diameter": 14, "unit": "px"}}


def test_channels_are_chosen_for_all_images_or_some_and_taken_back(
    invoke: Invoke, stained: Path, tmp_path: Path
) -> None:
    assert invoke("edit", stained, "--channels", "1").code == 0
    assert [ref.channels for ref in saved(stained).images] == [(1,), (1,)]
    done = invoke("edit", stained, tmp_path / "s1.tif", "--channels", "0")
    assert "Channels used of 1 image(s): 0." in done.out
    assert [ref.channels for ref in saved(stained).images] == [(1,), (0,)]
    done = invoke("edit", stained, "--channels", "all", "--json")
    assert (done.code, done.result["channels"]) == (0, 2)
    assert [ref.channels for ref in saved(stained).images] == [None, None]
    write(tmp_path / "s2.tif", PLANES[2:4], imagej=True, metadata={"axes": "CYX"})
    done = invoke("edit", stained, tmp_path / "s2.tif")
    assert "'s2.tif': up to 2 channels, all used." in done.out
    done = invoke("edit", stained, "--channels", "5")
    assert (done.code, "has no channel 5" in done.err) == (2, True)


def test_colors_are_not_chosen_among(invoke: Invoke, stained: Path, tmp_path: Path) -> None:
    color = np.moveaxis(PLANES[:3], 0, -1)
    image = write(tmp_path / "color.tif", np.ascontiguousarray(color), photometric="rgb")
    before = saved(stained)
    done = invoke("edit", stained, image, "--channels", "0")
    assert (done.code, "'color.tif' is an RGB image" in done.err) == (2, True)
    assert saved(stained) == before


def test_all_of_it_is_done_or_nothing(invoke: Invoke, project: Path, tmp_path: Path) -> None:
    before = saved(project)
    good = write(tmp_path / "good.tif", PLANES[1])
    bad = tmp_path / "bad.tif"
    bad.write_bytes(b"no image")
    done = invoke("edit", project, good, bad, "--class", "nucleus:29")
    assert (done.code, "bad.tif" in done.err, len(done.err.splitlines())) == (2, True, 1)
    assert saved(project) == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Nothing to do: give IMAGES to add"),
        (["--axes", "yx", "--class", "nucleus:2"], "--axes says how image files are taken"),
        (["--planes", "--class", "nucleus:2"], "--volume or --planes says how"),
        (["--class", "nucleus29"], "--class nucleus29: write NAME:DIAMETER"),
        (["--class", "nucleus:wide"], "'wide' is not a diameter"),
        (["--class", "nucleus:5parsec"], "'5parsec' is not a diameter"),
        (["--class", "nucleus:5", "--class", "nucleus:6"], "class 'nucleus' is given twice"),
        (["--channels", "0"], "No image of the project has several channels"),
        (["missing.tif"], "missing.tif"),
    ],
)
def test_what_cannot_be_done_is_refused(
    invoke: Invoke, project: Path, arguments: list[str], told: str
) -> None:
    before = saved(project)
    done = invoke("edit", project, *arguments)
    assert done.code == 2
    assert told in done.err
    assert len(done.err.splitlines()) == 1
    assert saved(project) == before


def test_a_mistyped_class_is_told_with_the_one_that_was_meant(
    invoke: Invoke, project: Path
) -> None:
    for typed in ("nucleu:20", "Nucleus:20"):
        done = invoke("edit", project, "--class", typed)
        assert done.code == 2
        assert "Did you mean 'nucleus'? If not, add --add-classes to make it." in done.err
    assert "Add --add-classes" in invoke("edit", project, "--class", "yeast:20").err


def test_a_name_that_the_shell_has_split_is_told(invoke: Invoke, project: Path) -> None:
    done = invoke("edit", project, "--class", "nucleus:20", "cell:22")
    assert done.code == 2
    assert "in quotes that contain a space, such as --class 'big cell:22'" in done.err


def test_a_printed_command_runs_nothing_that_is_in_the_name_of_a_class() -> None:
    assert "--class 'x$(touch y):22')" in how_to_resize("x$(touch y)", "22")
    assert how_to_resize("nucleus", "22").endswith("--class nucleus:22)")
