"""``score --task semantic``: folders of class values in, figures out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

Invoke = Callable[..., Any]

TRUE = np.zeros((10, 10), np.uint8)
TRUE[:3] = 1
GIVEN = TRUE.copy()
GIVEN[9, :2] = 2  # two pixels of a class that is not there


def write(folder: Path, name: str, values: np.ndarray) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    if path.suffix == ".tif":
        tifffile.imwrite(path, values, photometric="minisblack")
    else:
        Image.fromarray(values).save(path)
    return path


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    truth, predicted = tmp_path / "truth", tmp_path / "predicted"
    write(truth, "a.png", TRUE)
    write(predicted, "a.tif", GIVEN)
    return truth, predicted


def score(invoke: Invoke, truth: Path, predicted: Path, *more: object) -> Any:
    return invoke("score", "--task", "semantic", "--pred", predicted, "--truth", truth, *more)


def refused(done: Any, *told: object) -> None:
    assert done.code == 2
    assert done.out == ""
    (line,) = done.err.splitlines()
    assert line.startswith("napari-synthseg: error: ")
    for part in told:
        assert str(part) in line


def test_values_by_hand(invoke: Invoke, folders: tuple[Path, Path]) -> None:
    result = score(invoke, *folders, "--json").result
    values = result["values"]
    assert values["miou"] == pytest.approx((68 / 70 + 1 + 0) / 3)
    for kind in ("per_image", "pooled"):
        assert values[f"present_miou_{kind}"] == pytest.approx((68 / 70 + 1) / 2)
        assert values[f"present_miou_{kind}_foreground"] == 1
    assert values["absent_rate"] == 0.02
    assert result["confusion"]["background"] == {"background": 68, "class 1": 0, "class 2": 2}
    assert (result["task"], result["measured_on"], result["objects"]) == ("semantic", "real", 100)
    assert result["images"] == ["a"]
    assert result["caption"] == "measured on 100 true pixels (masks) of the real image a"


def test_what_is_printed(invoke: Invoke, folders: tuple[Path, Path]) -> None:
    (folders[0] / "classes.csv").write_text("value,name\n1,cell\n2,crystal\n")
    lines = score(invoke, *folders, "--synthetic", "--tolerance", 1).out.splitlines()
    rows = {line.split("  ")[0]: line.split("  ")[1:] for line in lines}
    cells = {name: [cell.strip() for cell in row if cell] for name, row in rows.items()}
    assert cells["class"][:2] == ["IoU", "Dice"]
    # both kinds of presence, the standard and what absent classes got: side by side
    first = lines.index(next(line for line in lines if line.startswith("mIoU (standard)")))
    assert [line.split("  ")[0] for line in lines[first : first + 4]] == [
        "mIoU (standard)",
        "mIoU of classes present in each image's truth (mean of images)",
        "mIoU of classes present in any image's truth (pooled)",
        "pixels given to classes absent from the image's truth",
    ]
    assert cells["mIoU (standard)"] == ["0.657", "0.500"]
    assert cells["mIoU of classes present in each image's truth (mean of images)"] == [
        "0.986",
        "1.000",
    ]
    assert cells["pixels given to classes absent from the image's truth"] == ["2%", "-"]
    assert "boundary F1, within 1 pixels" in cells
    matrix = lines[lines.index(next(line for line in lines if line.startswith("pixels: true"))) :]
    assert matrix[0].split()[-3:] == ["background", "cell", "crystal"]
    assert matrix[1].split() == ["background", "68", "0", "2"]
    assert "measured on 100 true pixels (masks) of the synthetic image a" in lines
    assert any(line.startswith("Warning: Class 'crystal' is in no truth") for line in lines)


def test_nothing_to_measure_is_printed_too(invoke: Invoke, folders: tuple[Path, Path]) -> None:
    write(folders[0], "a.png", np.full((10, 10), 5, np.uint8))
    done = score(invoke, *folders, "--ignore", 5)
    assert done.code == 0
    assert "Warning: No pixel counts" in done.out


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.int64, np.float32])
def test_whole_numbers_of_any_type(
    invoke: Invoke, folders: tuple[Path, Path], dtype: type[np.generic]
) -> None:
    expected = score(invoke, *folders, "--json").result
    (folders[1] / "a.tif").unlink()
    write(folders[1], "a.tif", GIVEN.astype(dtype))
    assert score(invoke, *folders, "--json").result == expected


def test_ignored_value_leaves_all_counts(invoke: Invoke, folders: tuple[Path, Path]) -> None:
    true = TRUE.copy()
    true[9] = 255
    write(folders[0], "a.png", true)
    result = score(invoke, *folders, "--ignore", 255, "--json").result
    assert result["objects"] == 90
    assert result["values"]["absent_rate"] == 0
    assert result["values"]["present_miou_pooled"] == 1
    counted = score(invoke, *folders, "--json").result
    assert counted["objects"] == 100
    assert any("--ignore 255" in warning for warning in counted["warnings"])


def test_unknown_pixels_of_a_signed_truth_are_ignored(
    invoke: Invoke, folders: tuple[Path, Path]
) -> None:
    true = TRUE.astype(np.int16)
    true[9] = -1
    (folders[0] / "a.png").unlink()
    write(folders[0], "a.tif", true)
    assert score(invoke, *folders, "--json").result["objects"] == 90
    write(folders[1], "a.tif", true)
    assert score(invoke, *folders, "--json").result["values"]["miou"] == 1
    write(folders[0], "a.tif", TRUE)
    refused(score(invoke, *folders), "'a'", "the value -1")


@pytest.mark.parametrize("ignored", ["cell", "1"])
def test_a_class_is_ignored_by_name_or_value(
    invoke: Invoke, folders: tuple[Path, Path], ignored: str
) -> None:
    (folders[0] / "classes.csv").write_text("value,name\n0,plasma\n1,cell\n2,crystal\n")
    result = score(invoke, *folders, "--ignore", ignored, "--json").result
    assert result["objects"] == 70
    assert list(result["per_class"]) == ["plasma", "crystal"]


def test_a_table_of_either_folder_names_the_classes(
    invoke: Invoke, folders: tuple[Path, Path]
) -> None:
    truth, predicted = folders
    (predicted / "classes.csv").write_text("value;name\n2;crystal\n1;cell\n")
    named = ["background", "cell", "crystal"]
    assert list(score(invoke, *folders, "--json").result["per_class"]) == named
    (truth / "classes.csv").write_text("value,name\n1,cell\n")
    assert list(score(invoke, *folders, "--json").result["per_class"]) == named
    (predicted / "classes.csv").write_text("value,name\n1,cell\n")
    for other in ("1,crystal", "2,cell"):
        (truth / "classes.csv").write_text(f"value,name\n{other}\n")
        refused(score(invoke, *folders), truth / "classes.csv", "do not agree")


def test_values_without_a_name_are_refused(invoke: Invoke, folders: tuple[Path, Path]) -> None:
    truth, predicted = folders
    (truth / "classes.csv").write_text("value,name\n1,cell\n")
    refused(score(invoke, *folders), predicted / "a.tif", "the value 2", "correct the prediction")
    true = TRUE.copy()
    true[9] = 7
    write(truth, "a.png", true)
    refused(score(invoke, *folders), truth / "a.png", "the value 7", "--ignore 7")
    # what was predicted where the truth is ignored is no error
    assert score(invoke, *folders, "--ignore", 7, "--json").result["values"]["miou"] == 1


@pytest.mark.parametrize("side", [0, 1])
def test_black_and_white_means_one(invoke: Invoke, folders: tuple[Path, Path], side: int) -> None:
    write(folders[1], "a.tif", TRUE)
    white = TRUE * 255
    write(folders[side], ("a.png", "a.tif")[side], white)
    result = score(invoke, *folders, "--json").result
    assert list(result["per_class"]) == ["background", "class 1"]
    assert result["values"]["miou"] == 1
    (warning,) = result["warnings"]
    assert f"{folders[side]} hold nothing but 0 and 255: 255 is read as class 1" in warning


def test_black_and_white_means_one_where_the_table_says_so(
    invoke: Invoke, folders: tuple[Path, Path]
) -> None:
    for folder, name in zip(folders, ("a.png", "a.tif"), strict=True):
        write(folder, name, TRUE * 255)
    assert list(score(invoke, *folders, "--json").result["per_class"])[1] == "class 255"
    (folders[0] / "classes.csv").write_text("value,name\n1,cell\n")
    result = score(invoke, *folders, "--json").result
    assert result["per_class"]["cell"]["iou"] == 1
    assert len(result["warnings"]) == 2


def test_white_stays_white_where_one_image_holds_more(
    invoke: Invoke, folders: tuple[Path, Path]
) -> None:
    truth, predicted = folders
    write(truth, "a.png", TRUE * 255)
    write(truth, "b.png", TRUE)
    write(predicted, "a.tif", TRUE)
    write(predicted, "b.tif", TRUE)
    result = score(invoke, *folders, "--json").result
    assert result["per_class"]["class 255"]["recall"] == 0
    alone = score(invoke, *folders, "--ignore", 255, "--json").result
    assert alone["objects"] == 170
    assert alone["values"]["miou"] == 1


def test_white_that_is_ignored_is_not_read_as_one(
    invoke: Invoke, folders: tuple[Path, Path]
) -> None:
    write(folders[0], "a.png", TRUE * 255)
    write(folders[1], "a.tif", TRUE)
    result = score(invoke, *folders, "--ignore", 255, "--json").result
    assert result["objects"] == 70
    assert list(result["confusion"]) == ["background", "class 1"]
    assert not any("is read as class 1" in warning for warning in result["warnings"])


def test_images_of_unlike_shape_are_named(invoke: Invoke, folders: tuple[Path, Path]) -> None:
    write(folders[1], "a.tif", np.zeros((10, 11), np.uint8))
    refused(
        score(invoke, *folders), folders[0] / "a.png", folders[1] / "a.tif", "(10, 10)", "(10, 11)"
    )


def test_images_on_one_side_only_are_warned_of(invoke: Invoke, folders: tuple[Path, Path]) -> None:
    write(folders[0], "b.png", TRUE)
    write(folders[1], "c.tif", TRUE)
    result = score(invoke, *folders, "--json").result
    assert result["images"] == ["a"]
    assert "1 true image(s) have no prediction, such as b." in result["warnings"]
    assert "1 prediction(s) have no true image, such as c." in result["warnings"]


def test_a_value_to_ignore_that_is_nowhere_is_warned_of(
    invoke: Invoke, folders: tuple[Path, Path]
) -> None:
    result = score(invoke, *folders, "--ignore", 9, "--json").result
    assert "No true pixel has the value 9, which is to be ignored." in result["warnings"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--ignore", "cell"), "--ignore cell: give a class value, or the name of a class"),
        (("--ignore", "1", "--ignore", "2"), "takes one --ignore"),
        (("--threshold", "0.5"), "--threshold does not belong to --task semantic"),
        (("--max-detections", "5"), "--max-detections does not belong to --task semantic"),
        (("--tolerance", "-1"), "--tolerance"),
        (("--tolerance", "inf"), "is no distance"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    invoke: Invoke, folders: tuple[Path, Path], more: tuple[str, ...], told: str
) -> None:
    refused(score(invoke, *folders, *more), told)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("value\n1\n", "row 1: column 'name' is missing; the header must be value,name"),
        ("value,name\none,cell\n", "row 2: the value is 'one'"),
        ("value,name\n-1,cell\n", "row 2: the value is '-1'"),
        ("value,name\n1,\n", "row 2: class 1 has no name"),
        ("value,name\n1,cell\n1,crystal\n", "row 3: the value 1 is there twice"),
        ("value,name\n1,cell\n2,cell\n", "row 3: the name 'cell' is there twice"),
        ("value,name\n1,background\n2,x\n", "Two class values are called 'background'"),
    ],
)
def test_bad_tables_are_refused(
    invoke: Invoke, folders: tuple[Path, Path], table: str, told: str
) -> None:
    (folders[0] / "classes.csv").write_text(table)
    refused(score(invoke, *folders), told)


def test_images_that_hold_no_classes_are_refused(
    invoke: Invoke, folders: tuple[Path, Path]
) -> None:
    write(folders[1], "a.tif", np.full((10, 10), 0.5, np.float32))
    refused(score(invoke, *folders), "a.tif", "fractions")
    (folders[1] / "a.tif").write_bytes(b"broken")
    refused(score(invoke, *folders), "a.tif")
    write(folders[1], "a.tif", np.arange(400, dtype=np.uint16).reshape(20, 20))
    write(folders[0], "a.png", np.zeros((20, 20), np.uint8))
    refused(score(invoke, *folders), folders[1], "400 different values", "--task segment")
    refused(score(invoke, folders[0], folders[0] / "none"), "is not a folder")


def test_no_common_stem_is_bad_input(invoke: Invoke, folders: tuple[Path, Path]) -> None:
    (folders[1] / "a.tif").rename(folders[1] / "b.tif")
    refused(score(invoke, *folders), "No file in")


def test_ids_of_objects_are_said_to_be_no_classes(
    invoke: Invoke, folders: tuple[Path, Path]
) -> None:
    truth, predicted = folders
    assert "ids of objects" not in str(score(invoke, truth, predicted, "--json").result["warnings"])
    (predicted / "objects.csv").write_text("image,id,class\na.tif,1,cell\na.tif,2,cell\n")
    warnings = score(invoke, truth, predicted, "--json").result["warnings"]
    (told,) = (warning for warning in warnings if "ids of objects" in warning)
    assert str(predicted) in told
    assert "--task segment" in told
