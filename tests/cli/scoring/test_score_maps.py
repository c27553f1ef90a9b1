"""``score --task cam``: heat maps in, figures and their chance levels out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

Invoke = Callable[..., Any]

OBJECTS = "image,id,class\na.tif,1,cell\na.tif,2,crystal\nb__1.tif,1,cell\nb__1.tif,2,cell\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Write masks of two images with their classes, and a perfect map for each."""
    truth, maps = tmp_path / "truth", tmp_path / "maps"
    truth.mkdir()
    maps.mkdir()
    ids = np.zeros((40, 50), np.uint8)
    ids[2:8, 3:9], ids[20:26, 30:36] = 1, 2
    for stem in ("a", "b__1"):
        tifffile.imwrite(truth / f"{stem}.tif", ids)
    (truth / "objects.csv").write_text(OBJECTS)
    tifffile.imwrite(maps / "a__cell.tif", (ids == 1).astype(np.float32))
    tifffile.imwrite(maps / "a__crystal.tif", (ids == 2).astype(np.float32) * 7 - 3)
    tifffile.imwrite(maps / "b__1__cell.tif", (ids > 0).astype(np.float32))
    return truth, maps


def score(invoke: Invoke, truth: Path, maps: Path, *more: object) -> Any:
    return invoke("score", "--task", "cam", "--pred", maps, "--truth", truth, *more)


def test_perfect_maps_of_masks(invoke: Invoke, files: tuple[Path, Path]) -> None:
    result = score(invoke, *files, "--json").result
    assert (result["task"], result["objects"], result["truth"]) == ("cam", 4, "masks")
    for figure in ("pointing", "energy", "pixel_ap", "max_box_acc_v2", "peak_f1"):
        assert result["values"][figure] == pytest.approx(1.0)
        assert result["values"][f"{figure}_chance"] < 0.1
    assert result["values"]["maps"] == 3
    assert result["per_class"]["cell"]["maps"] == 2
    assert result["values"]["pointing_chance"] == pytest.approx((36 + 36 + 72) / 3 / 2000)
    assert result["warnings"] == []


def test_boxes_serve_as_truth(invoke: Invoke, files: tuple[Path, Path], tmp_path: Path) -> None:
    boxes = tmp_path / "boxes.csv"
    boxes.write_text(
        "image,class,ymin,xmin,ymax,xmax\na.png,cell,2,3,8,9\na.png,crystal,20,30,26,36\n"
        "b__1.png,cell,2,3,8,9\nb__1.png,cell,20,30,26,36\n"
    )
    one = score(invoke, boxes, files[1], "--json").result
    other = score(invoke, *files, "--json").result
    assert one["truth"] == "boxes"
    for figure in ("pointing", "energy", "pixel_ap", "max_box_acc_v2", "energy_chance"):
        assert one["values"][figure] == pytest.approx(other["values"][figure])


def test_each_figure_stands_beside_its_chance(invoke: Invoke, files: tuple[Path, Path]) -> None:
    lines = score(invoke, *files).out.splitlines()
    assert lines[0].split() == ["all", "chance", "cell", "chance", "crystal", "chance"]
    (row,) = [line.split() for line in lines if line.startswith("pointing")]
    assert row == ["pointing", "1.000", "0.024", "1.000", "0.027", "1.000", "0.018"]
    assert "measured on 4 true objects (masks) of 2 real images" in lines


def test_tolerance_and_peak_threshold_are_taken(
    invoke: Invoke, files: tuple[Path, Path], tmp_path: Path
) -> None:
    truth, maps = files
    heat = np.zeros((40, 50), np.float32)
    heat[8, 5], heat[22, 33] = 1.0, 0.4  # beside the cell; in the crystal
    tifffile.imwrite(maps / "a__cell.tif", heat)
    tifffile.imwrite(maps / "a__crystal.tif", heat)

    def figures(*more: object) -> tuple[float, float]:
        per_class = score(invoke, truth, maps, "--json", *more).result["per_class"]
        return per_class["cell"]["pointing"], per_class["crystal"]["peak_recall"]

    assert figures() == (0.5, 0.0)
    assert figures("--tolerance", 0.2, "--threshold", 0.3) == (1.0, 1.0)


def test_an_ignored_class_stays_out_with_a_warning(
    invoke: Invoke, files: tuple[Path, Path]
) -> None:
    result = score(invoke, *files, "--ignore", "crystal", "--json").result
    assert result["values"]["maps"] == 2
    assert result["per_class"]["crystal"]["maps"] == 1
    assert "Not every object of class 'crystal' is marked" in result["warnings"][0]


def test_files_that_belong_to_nothing_are_warned_of(
    invoke: Invoke, files: tuple[Path, Path]
) -> None:
    truth, maps = files
    for name in ("a__dust", "z__cell", "overview"):
        tifffile.imwrite(maps / f"{name}.tif", np.zeros((40, 50), np.float32))
    (maps / "b__1__cell.tif").unlink()
    warnings = score(invoke, truth, maps, "--json").result["warnings"]
    assert warnings == [
        "Heat maps of dust are left out: the truth has no such class.",
        "2 file(s) belong to no true image: overview.tif, z__cell.tif.",
        "1 true image(s) have no heat map, such as b__1.",
    ]


def test_masks_without_classes_serve_maps_of_one_class(
    invoke: Invoke, files: tuple[Path, Path]
) -> None:
    truth, maps = files
    (truth / "objects.csv").unlink()
    done = score(invoke, truth, maps)
    assert done.code == 2
    assert "does not say which object is of which class" in done.err
    (maps / "a__crystal.tif").unlink()
    (maps / "b__1__cell.tif").unlink()
    result = score(invoke, truth, maps, "--json").result
    assert list(result["per_class"]) == ["cell"]
    assert result["objects"] == 2
    assert result["values"]["pointing"] == 1.0


@pytest.mark.parametrize(
    ("heat", "told"),
    [
        (np.zeros((3, 40, 50), np.float32), "one channel and one plane"),
        (np.zeros((40, 51), np.float32), "Image 'a': the truth has shape"),
        (np.full((40, 50), np.nan, np.float32), "Image 'a': the heat map holds values"),
    ],
)
def test_maps_that_do_not_fit_are_named(
    invoke: Invoke, files: tuple[Path, Path], heat: np.ndarray, told: str
) -> None:
    truth, maps = files
    tifffile.imwrite(maps / "a__cell.tif", heat, photometric="minisblack")
    (maps / "a__crystal.tif").unlink()
    done = score(invoke, truth, maps)
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert len(done.err.splitlines()) == 1


def test_a_name_of_two_meanings_is_refused(invoke: Invoke, files: tuple[Path, Path]) -> None:
    truth, maps = files
    tifffile.imwrite(truth / "b.tif", np.ones((40, 50), np.uint8))
    (truth / "objects.csv").write_text(OBJECTS + "b.tif,1,1__cell\n")
    done = score(invoke, truth, maps)
    assert done.code == 2
    assert "'b__1__cell.tif' may mean" in done.err


def test_no_map_of_any_image_is_bad_input(
    invoke: Invoke, files: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    assert "holds no heat map" in score(invoke, files[0], tmp_path / "other").err
    tifffile.imwrite(tmp_path / "other" / "z__cell.tif", np.zeros((4, 5), np.float32))
    done = score(invoke, files[0], tmp_path / "other")
    assert done.code == 2
    assert "is named STEM__CLASS.tif after an image of" in done.err
