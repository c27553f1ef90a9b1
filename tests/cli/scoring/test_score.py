from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

Invoke = Callable[..., Any]


def write(folder: Path, name: str, *boxes: tuple[int, int]) -> None:
    """Write a label image with 4x4 squares at the given corners, ids in their order."""
    folder.mkdir(exist_ok=True)
    ids = np.zeros((20, 20), np.uint8)
    for number, (y, x) in enumerate(boxes, start=1):
        ids[y : y + 4, x : x + 4] = number
    tifffile.imwrite(folder / f"{name}.tif", ids)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    truth, predicted = tmp_path / "truth", tmp_path / "predicted"
    write(truth, "a", (0, 0), (10, 10), (0, 10))
    write(predicted, "a", (0, 0), (10, 10), (15, 0), (15, 15))
    return truth, predicted


def score(invoke: Invoke, truth: Path, predicted: Path, *more: object) -> Any:
    return invoke("score", "--task", "segment", "--pred", predicted, "--truth", truth, *more)


def test_counts_by_hand(invoke: Invoke, folders: tuple[Path, Path]) -> None:
    result = score(invoke, *folders, "--json").result
    assert result["values"]["precision@0.5"] == pytest.approx(2 / 4)
    assert result["values"]["recall@0.5"] == pytest.approx(2 / 3)
    assert result["values"]["f1@0.5"] == pytest.approx(4 / 7)
    assert result["values"]["count_error"] == pytest.approx(1 / 3)
    assert (result["measured_on"], result["objects"]) == ("real", 3)


def test_table_says_what_it_was_measured_on(invoke: Invoke, folders: tuple[Path, Path]) -> None:
    out = score(invoke, *folders, "--synthetic").out
    assert "0.571" in out
    assert "3 true objects" in out
    assert "synthetic" in out


def test_classes_count_where_both_sides_have_them(
    invoke: Invoke, folders: tuple[Path, Path]
) -> None:
    truth, predicted = folders
    head = "image,id,class\n"
    (truth / "objects.csv").write_text(head + "a.tif,1,cell\na.tif,2,cell\na.tif,3,debris\n")
    alone = score(invoke, truth, predicted, "--json").result
    assert f"Classes are ignored, as {predicted} has no objects.csv" in alone["warnings"][0]
    (predicted / "objects.csv").write_text(
        head + "a.tif,1,cell\na.tif,2,debris\na.tif,3,cell\na.tif,4,cell\n"
    )
    result = score(invoke, truth, predicted, "--json").result
    assert result["per_class"]["cell"]["recall@0.5"] == pytest.approx(1 / 2)
    assert result["per_class"]["debris"]["recall@0.5"] == 0.0


def test_one_class_on_one_side_is_nothing_to_warn_of(
    invoke: Invoke, folders: tuple[Path, Path]
) -> None:
    truth, predicted = folders
    rows = "".join(f"a.tif,{n},cell\n" for n in range(1, 5))
    (predicted / "objects.csv").write_text(f"image,id,class\n{rows}")
    result = score(invoke, truth, predicted, "--json").result
    assert result["warnings"] == []
    assert result["values"]["f1@0.5"] == pytest.approx(4 / 7)


def test_object_without_a_row_is_named(invoke: Invoke, folders: tuple[Path, Path]) -> None:
    truth, predicted = folders
    (truth / "objects.csv").write_text("image,id,class\na.tif,1,cell\na.tif,2,debris\n")
    (predicted / "objects.csv").write_text("image,id,class\na.tif,1,cell\n")
    done = score(invoke, truth, predicted)
    assert done.code == 2
    assert "no row for id 3 of a.tif" in done.err


def test_images_on_one_side_only_are_warned_of(invoke: Invoke, folders: tuple[Path, Path]) -> None:
    truth, predicted = folders
    write(truth, "b", (0, 0))
    write(predicted, "c", (0, 0))
    done = score(invoke, truth, predicted)
    assert done.code == 0
    assert "Warning: 1 true image(s) have no prediction, such as b." in done.out
    assert "Warning: 1 prediction(s) have no true image, such as c." in done.out


def test_no_common_stem_is_bad_input(invoke: Invoke, tmp_path: Path) -> None:
    write(tmp_path / "truth", "a", (0, 0))
    write(tmp_path / "predicted", "b", (0, 0))
    done = score(invoke, tmp_path / "truth", tmp_path / "predicted")
    assert done.code == 2
    assert "No file in" in done.err


@pytest.mark.parametrize("shape", [(20, 21), (2, 20, 20)])
def test_shapes_that_do_not_fit(
    invoke: Invoke, folders: tuple[Path, Path], shape: tuple[int, ...]
) -> None:
    truth, predicted = folders
    tifffile.imwrite(predicted / "a.tif", np.zeros(shape, np.uint8))
    done = score(invoke, truth, predicted)
    assert done.code == 2
    assert "a" in done.err


def test_broken_label_image_is_named(invoke: Invoke, folders: tuple[Path, Path]) -> None:
    truth, predicted = folders
    (predicted / "a.tif").write_bytes(b"broken")
    done = score(invoke, truth, predicted)
    assert done.code == 2
    assert "a.tif" in done.err
