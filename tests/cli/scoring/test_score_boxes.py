"""``score --task detect``: tables of boxes in, figures out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Invoke = Callable[..., Any]

TRUTH = """image,class,ymin,xmin,ymax,xmax
a.png,cell,0,0,10,10
a.png,cell,20,20,30,30
b.png,crystal,5,5,15,25
"""
CANDIDATES = """image,id,class,score,y,x,ymin,xmin,ymax,xmax
a.png,1,cell,0.9,5,5,0,0,10,10
a.png,2,cell,0.2,25,25,20,20,30,30
a.png,3,cell,0.1,45,45,40,40,50,50
b.png,1,crystal,0.8,10,15,5,5,15,25
"""
WEAK = ("a.png,2", "a.png,3")
OBJECTS = "".join(row for row in CANDIDATES.splitlines(True) if not row.startswith(WEAK))


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Write a table of true boxes, and a folder as `predict` leaves it."""
    truth, predicted = tmp_path / "boxes.csv", tmp_path / "predicted"
    predicted.mkdir()
    truth.write_text(TRUTH)
    (predicted / "objects.csv").write_text(OBJECTS)
    (predicted / "candidates.csv").write_text(CANDIDATES)
    return truth, predicted


def score(invoke: Invoke, truth: Path, predicted: Path, *more: object) -> Any:
    return invoke("score", "--task", "detect", "--pred", predicted, "--truth", truth, *more)


def test_objects_are_counted_and_candidates_are_ranked(
    invoke: Invoke, files: tuple[Path, Path]
) -> None:
    result = score(invoke, *files, "--json").result
    values = result["values"]
    assert (values["found"], values["missed"], values["false"]) == (2, 1, 0)
    assert values["ap@0.5"] == values["ap@0.5:0.95"] == 1.0
    assert result["per_class"]["cell"]["recall@0.5"] == 0.5
    assert (result["task"], result["truth"], result["objects"]) == ("detect", "boxes", 3)
    assert result["images"] == ["a.png", "b.png"]
    assert result["warnings"] == []


def test_a_threshold_counts_the_candidates(invoke: Invoke, files: tuple[Path, Path]) -> None:
    values = score(invoke, *files, "--threshold", 0.15, "--json").result["values"]
    assert (values["found"], values["missed"], values["false"]) == (3, 0, 0)
    assert values["at_score"] == 0.15


def test_a_file_serves_for_both(invoke: Invoke, files: tuple[Path, Path]) -> None:
    truth, predicted = files
    result = score(invoke, truth, predicted / "candidates.csv", "--json").result
    assert result["values"]["false"] == 1
    alone = score(invoke, truth, predicted / "objects.csv", "--json").result
    assert alone["values"]["ap@0.5"] == pytest.approx((51 / 101 + 1) / 2)
    assert "it may be too low" in alone["warnings"][0]


def test_a_limit_of_detections_cuts_the_ranking(invoke: Invoke, files: tuple[Path, Path]) -> None:
    result = score(invoke, *files, "--max-detections", 1, "--json").result
    assert result["per_class"]["cell"]["ap@0.5"] == pytest.approx(51 / 101)


def test_table_says_what_it_was_measured_on(invoke: Invoke, files: tuple[Path, Path]) -> None:
    out = score(invoke, *files, "--synthetic").out
    assert out.splitlines()[0].split()[:3] == ["class", "ap@0.5", "ap@0.5:0.95"]
    assert "measured on 3 true objects (boxes) of 2 synthetic images" in out


def test_an_ignored_class_stays_out_with_a_warning(
    invoke: Invoke, files: tuple[Path, Path]
) -> None:
    result = score(invoke, *files, "--ignore", "cell", "--json").result
    assert result["values"]["recall@0.5"] == 1.0
    assert result["objects"] == 1
    assert result["per_class"]["cell"]["recall@0.5"] == 0.5
    assert "precision@0.5" not in result["per_class"]["cell"]
    assert "Not every object of class 'cell' is marked" in result["warnings"][0]
    done = score(invoke, *files, "--ignore", "cell")
    (row,) = [line.split() for line in done.out.splitlines() if line.startswith("cell")]
    assert row == ["cell", "-", "-", "0.667", "-", "0.500", "1", "1", "-"]


def test_images_on_one_side_only_are_warned_of(invoke: Invoke, files: tuple[Path, Path]) -> None:
    truth, predicted = files
    truth.write_text(TRUTH + "c.png,cell,0,0,5,5\nempty.png,,,,,\n")
    (predicted / "objects.csv").write_text(OBJECTS)
    (predicted / "candidates.csv").write_text(CANDIDATES + "d.png,1,cell,0.5,2,2,0,0,4,4\n")
    result = score(invoke, truth, predicted, "--json").result
    assert result["images"] == ["a.png", "b.png", "c.png", "empty.png"]
    assert result["values"]["missed"] == 2
    assert "1 image(s) of the truth have no predicted box, such as c" in result["warnings"][0]
    assert "1 predicted image(s) are not in the truth, such as d" in result["warnings"][1]


def test_a_box_on_an_image_known_to_be_empty_is_false(
    invoke: Invoke, files: tuple[Path, Path]
) -> None:
    truth, predicted = files
    truth.write_text(TRUTH + "empty.png,,,,,\n")
    (predicted / "objects.csv").write_text(OBJECTS + "empty.png,1,cell,0.9,2,2,0,0,4,4\n")
    assert score(invoke, truth, predicted, "--json").result["values"]["false"] == 1


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_and_column_orders(
    invoke: Invoke, files: tuple[Path, Path], delimiter: str
) -> None:
    truth, predicted = files
    rows = [line.split(",") for line in TRUTH.splitlines()]
    swapped = [[row[i] for i in (3, 2, 5, 4, 1, 0)] for row in rows]
    truth.write_text("\n".join(delimiter.join(row) for row in swapped), encoding="utf-8-sig")
    assert score(invoke, truth, predicted, "--json").result["values"]["found"] == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("image,class,ymin,xmin,ymax\n", "row 1: column 'xmax' is missing"),
        (TRUTH + "a.png,cell,0,0,9\n", "row 5: 5 values where the header names 6"),
        (TRUTH + "a.png,cell,0,zero,9,9\n", "row 5: xmin is 'zero', which is not a number"),
        (TRUTH + "a.png,cell,9,9,9,12\n", "row 5: the box has no area"),
        (TRUTH + "a.png,cell,9,9,0,12\n", "row 5: the box ends before it starts"),
        (TRUTH + "a.png,,1,1,9,12\n", "row 5: the box has no class"),
        (TRUTH + ",cell,1,1,9,12\n", "row 5: the box has no image"),
        (TRUTH + "a.tif,cell,1,1,9,12\n", "row 5: 'a.tif' and 'a.png' have the same stem"),
        ("image,class,zmin,ymin,xmin,ymax,xmax\n", "boxes in volumes"),
        ("image,class,ymin,xmin,ymax,xmax\n", "names no image"),
        ("image,class,ymin,xmin,ymax,xmax\nz.png,cell,0,0,1,1\n", "No image of"),
    ],
)
def test_a_table_that_cannot_be_meant_is_named(
    invoke: Invoke, files: tuple[Path, Path], text: str, told: str
) -> None:
    truth, predicted = files
    truth.write_text(text)
    done = score(invoke, truth, predicted)
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert len(done.err.splitlines()) == 1


def test_predicted_boxes_need_scores_and_files(
    invoke: Invoke, files: tuple[Path, Path], tmp_path: Path
) -> None:
    truth, _ = files
    assert "column 'score' is missing" in score(invoke, truth, truth).err
    assert "There is no file" in score(invoke, truth, tmp_path / "none.csv").err
    assert "holds neither objects.csv nor candidates.csv" in score(invoke, truth, tmp_path).err
    assert "'dust' is not among" in score(invoke, *files, "--ignore", "dust").err
    truth.write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in score(invoke, *files).err


@pytest.mark.parametrize(
    ("task", "option"),
    [("segment", "--ignore"), ("detect", "--tolerance"), ("cam", "--max-detections")],
)
def test_options_of_other_tasks_are_refused(
    invoke: Invoke, files: tuple[Path, Path], task: str, option: str
) -> None:
    truth, predicted = files
    done = invoke("score", "--task", task, "--pred", predicted, "--truth", truth, option, 1)
    assert done.code == 2
    assert f"{option} does not belong to --task {task}" in done.err
