"""The walk by commands in a volume of two channels whose planes lie apart."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.progress import exhaust
from napari_synthseg.patches.canvas_parts import estimate_backgrounds
from napari_synthseg.workflow.session import Session

Invoke = Callable[..., Any]
SHAPE = (10, 56, 64)
CENTERS = tuple((z, y, x) for z in (2, 7) for y in (15, 41) for x in (12, 32, 52))
FAST = (
    "--set", "volume_batch=1", "--set", "volume_crop=32", "--set", "volume_planes=8",
    "--set", "model.width=4", "--set", "recipe.volume_size=48", "--set", "recipe.volume_planes=8",
)  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a volume of bright balls, its masks and its clicks."""
    folder = tmp_path_factory.mktemp("volume")
    rng = np.random.default_rng(0)
    where = np.indices(SHAPE)
    ids = np.zeros(SHAPE, np.uint16)
    for number, (z, y, x) in enumerate(CENTERS, start=1):
        away = (3 * (where[0] - z)) ** 2 + (where[1] - y) ** 2 + (where[2] - x) ** 2
        ids[away < 7**2] = number
    image = rng.normal(100, 5, (SHAPE[0], 2, *SHAPE[1:])) + 200 * (ids > 0)[:, None]
    tifffile.imwrite(
        folder / "balls.tif", image.astype(np.uint16), imagej=True, metadata={"axes": "ZCYX"}
    )
    (folder / "masks").mkdir()
    tifffile.imwrite(folder / "masks" / "balls.tif", ids)
    rows = [f"balls.tif,ball,{y},{x},{z}" for z, y, x in CENTERS]
    (folder / "clicks.csv").write_text("\n".join(["image,class,y,x,z", *rows]))
    return folder


@pytest.fixture(scope="module")
def project(invoke: Invoke, files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("walk") / "balls.synthseg"
    done = invoke(
        "new", folder, files / "balls.tif", "--class", "ball:14", "--pixel-size", "3,1,1",
        "--exhaustive", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.result["volumes"] == 1
    done = invoke("import", folder, files / "clicks.csv", "--json")
    assert (done.code, done.result["clicks"]) == (0, len(CENTERS)), done.err
    return folder


def test_patches_are_as_large_as_the_objects(invoke: Invoke, project: Path) -> None:
    session = Session.open(project).result()
    library = session.cut_patches().result()
    session.close().result()
    assert len(library.usable()) == len(CENTERS)
    true = 4 / 3 * np.pi * 7**3 / 3
    assert all(0.6 * true < p.area < 1.6 * true for p in library.patches)
    (background,) = exhaust(estimate_backgrounds(library))
    assert background.spacing == (3, 1, 1)


def test_outlines_are_written_plane_above_plane(
    invoke: Invoke, project: Path, files: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "masked.synthseg"
    shutil.copytree(project, copy)
    assert invoke("import", copy, "--masks", files / "masks", "--patch-masks").code == 0
    assert invoke("patches", copy, "--labels", tmp_path / "out").code == 0
    true = tifffile.imread(files / "masks" / "balls.tif")  # numbered in the order of the clicks
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / "balls.tif"), true)


def test_dual_volumes_are_written(invoke: Invoke, project: Path, tmp_path: Path) -> None:
    sizes = ("--set", "volume_size=40", "--set", "volume_planes=6")
    done = invoke("synthesize", project, "--count", 1, *sizes, "--out", tmp_path, "--json")
    assert done.code == 0, done.err
    assert tifffile.imread(tmp_path / "labels" / "00000.tif").shape == (6, 40, 40)
    image = tifffile.imread(tmp_path / "images" / "00000.tif")
    assert sorted(image.shape) == [2, 6, 40, 40]


def test_train_predict_and_score(
    invoke: Invoke, project: Path, files: Path, tmp_path: Path
) -> None:
    done = invoke(
        "train", project, "--task", "segment", "--steps", 2, "--name", "deep", *FAST, "--json"
    )
    assert done.code == 0, done.err
    done = invoke("predict", project, "deep", files / "balls.tif", "--out", tmp_path, "--json")
    assert done.code == 0, done.err
    assert tifffile.imread(tmp_path / "balls.tif").shape == SHAPE
    with (tmp_path / "objects.csv").open(newline="") as table:
        header = next(csv.reader(table))
    assert header[-3:] == ["z", "zmin", "zmax"]
    truth = ("--truth", files / "masks")
    done = invoke("score", "--task", "segment", "--pred", tmp_path, *truth, "--json")
    assert done.code == 0, done.err
    done = invoke("import", project, "--masks", files / "masks", "--instance", "--json")
    assert (done.code, done.result["masks"]) == (0, 1), done.err


def test_planes_can_be_chosen(invoke: Invoke, files: Path, tmp_path: Path) -> None:
    new = ("new", tmp_path / "p", files / "balls.tif", "--class", "ball:14", "--json")
    done = invoke(*new, "--planes")
    assert (done.result["volumes"], len(done.result["images"])) == (0, SHAPE[0])


@pytest.mark.parametrize(
    ("size", "word"), [("3,1", "z, y and x"), ("a", "0.3,0.1,0.1"), ("0,1,1", "above 0")]
)
def test_a_wrong_pixel_size_leaves_no_project(
    invoke: Invoke, files: Path, tmp_path: Path, size: str, word: str
) -> None:
    new = ("new", tmp_path / "p", files / "balls.tif", "--class", "ball:14")
    done = invoke(*new, "--pixel-size", size)
    assert done.code == 2
    assert word in done.err
    assert not (tmp_path / "p").exists()


def test_one_model_learns_from_one_kind_of_image(
    invoke: Invoke, project: Path, files: Path, tmp_path: Path
) -> None:
    flat = tmp_path / "flat.tif"
    tifffile.imwrite(flat, tifffile.imread(files / "balls.tif")[2], photometric="minisblack",
                     metadata={"axes": "CYX"})  # fmt: skip
    gray = tmp_path / "gray.tif"
    tifffile.imwrite(gray, tifffile.imread(files / "balls.tif")[:, 0], metadata={"axes": "ZYX"})
    for other, row, word in (
        (flat, "flat.tif,ball,15,12,", "'balls.tif' is a volume and 'flat.tif' is flat"),
        (gray, "gray.tif,ball,15,12,2", "'gray.tif' has 1"),
    ):
        folder = tmp_path / other.stem
        invoke("new", folder, files / "balls.tif", other, "--class", "ball:14")
        rows = "\n".join(["image,class,y,x,z", "balls.tif,ball,15,12,2", row])
        (tmp_path / "clicks.csv").write_text(rows)
        assert invoke("import", folder, tmp_path / "clicks.csv").code == 0
        done = invoke("patches", folder)
        assert done.code == 2
        assert word in done.err
