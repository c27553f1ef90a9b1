"""``score --task classify``: tables of image labels in, figures out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Invoke = Callable[..., Any]

TRUTH = """image,class
a.png,cell
a.png,crystal
b.png,cell
c.png,
"""
PREDICTED = """image,class,score,shown
a.tif,cell,0.9,1
a.tif,crystal,0.4,1
b.tif,cell,0.3,0
b.tif,crystal,0.2,0
c.tif,cell,0.1,0
c.tif,crystal,0.35,1
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Write a table of what images show, and a folder as `predict` leaves it."""
    truth, predicted = tmp_path / "labels.csv", tmp_path / "predicted"
    predicted.mkdir()
    truth.write_text(TRUTH)
    (predicted / "labels.csv").write_text(PREDICTED)
    return truth, predicted


def score(invoke: Invoke, truth: Path, predicted: Path, *more: object) -> Any:
    return invoke("score", "--task", "classify", "--pred", predicted, "--truth", truth, *more)


def test_images_are_ranked_by_score_and_shown_classes_are_counted(
    invoke: Invoke, files: tuple[Path, Path]
) -> None:
    result = score(invoke, *files, "--json").result
    assert result["images"] == ["a.png", "b.png", "c.png"]
    assert (result["task"], result["truth"], result["objects"]) == ("classify", "image labels", 3)
    assert result["caption"] == "measured on 3 true image labels of 3 real images"
    cell, crystal = (result["per_class"][name] for name in ("cell", "crystal"))
    assert (cell["ap"], cell["precision"], cell["recall"]) == (1.0, 1.0, 0.5)
    assert (crystal["ap"], crystal["precision"], crystal["recall"]) == (1.0, 0.5, 1.0)
    assert result["values"]["f1"] == pytest.approx(4 / 6)
    assert result["warnings"] == []


def test_a_threshold_counts_the_scores_instead(invoke: Invoke, files: tuple[Path, Path]) -> None:
    values = score(invoke, *files, "--threshold", 0.3, "--json").result["values"]
    assert (values["precision"], values["recall"]) == (3 / 4, 1.0)


def test_without_a_column_of_what_is_shown_half_is_enough(
    invoke: Invoke, files: tuple[Path, Path], tmp_path: Path
) -> None:
    rows = [row.rsplit(",", 1)[0] for row in PREDICTED.splitlines()]
    table = tmp_path / "others.csv"
    table.write_text("\n".join(rows))
    values = score(invoke, files[0], table, "--json").result["values"]
    assert (values["precision"], values["recall"]) == (1.0, pytest.approx(1 / 3))


def test_what_only_one_side_has_is_left_out_with_a_warning(
    invoke: Invoke, files: tuple[Path, Path]
) -> None:
    truth, predicted = files
    truth.write_text(TRUTH.replace("c.png", "d.png"))
    done = score(invoke, truth, predicted)
    assert "1 true image(s) have no prediction, such as d" in done.out
    assert "1 prediction(s) have no true image, such as c" in done.out
    assert "of 2 real images" in done.out


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("a.tif,cell,0.9,1", "row 3: class 'cell' of 'a.tif' is there twice"),
        ("d.tif,cell,much,1", "row 3: score is 'much'"),
        ("d.tif,,0.5,1", "row 3: the class is missing"),
        (",cell,0.5,1", "row 3: the image is missing"),
        ("d.tif,cell,0.5,yes", "row 3: shown is 'yes'"),
        ("a.png,cell,0.5,1", "row 3: 'a.png' and 'a.tif' have the same stem"),
        ("b.tif,cell,0.95,0", "give --threshold"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused_with_its_row(
    invoke: Invoke, files: tuple[Path, Path], row: str, told: str
) -> None:
    truth, predicted = files
    header, first = PREDICTED.splitlines()[:2]
    (predicted / "labels.csv").write_text("\n".join((header, first, row)))
    done = score(invoke, truth, predicted)
    assert done.code == 2
    assert told in done.err.splitlines()[-1]


def test_tables_of_other_images_are_refused(invoke: Invoke, files: tuple[Path, Path]) -> None:
    truth, predicted = files
    truth.write_text("image,class\nz.png,cell\n")
    done = score(invoke, truth, predicted)
    assert done.code == 2
    assert "has the stem of an image in" in done.err.splitlines()[-1]
