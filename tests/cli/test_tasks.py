"""Classifiers and detectors by commands, on a small simulated field."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

Invoke = Callable[..., Any]
SETTINGS = ("batch_size=2", "crop=64", "model.width=4", "size=96")
FAST = (*(part for setting in SETTINGS for part in ("--set", setting)), "--steps", 2)


@pytest.fixture(scope="module")
def project(invoke: Invoke, field: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a project with a trained model of each task."""
    folder = tmp_path_factory.mktemp("tasks") / "cells.synthseg"
    classes = ("--class", "small:11", "--class", "large:19")
    assert invoke("new", folder, field.image, *classes, "--exhaustive").code == 0
    assert invoke("import", folder, field.clicks).code == 0
    for task in ("segment", "classify", "detect"):
        done = invoke("train", folder, "--task", task, "--name", task, *FAST, "--json")
        assert done.code == 0, done.err
        assert (done.result["run"], done.result["steps"]) == (task, 2)
    return folder


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_classifier_says_what_an_image_shows(
    invoke: Invoke, project: Path, field: Any, tmp_path: Path
) -> None:
    done = invoke("predict", project, "classify", field.image, "--out", tmp_path, "--json")
    assert done.code == 0, done.err
    assert done.result["task"] == "classify"
    rows = table(tmp_path / "labels.csv")
    assert [(r["image"], r["class"]) for r in rows] == [
        (field.image.name, "small"),
        (field.image.name, "large"),
    ]
    assert all(0 <= float(r["score"]) <= 1 and r["shown"] in "01" for r in rows)
    shown = done.result["per_image"][field.image.stem]
    assert shown == [r["class"] for r in rows if r["shown"] == "1"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["labels.csv", "summary.csv"]


def test_a_detector_writes_its_boxes(
    invoke: Invoke, project: Path, field: Any, tmp_path: Path
) -> None:
    done = invoke("predict", project, "detect", field.image, "--out", tmp_path, "--json")
    assert done.code == 0, done.err
    objects, candidates = (table(tmp_path / f"{n}.csv") for n in ("objects", "candidates"))
    assert len(objects) == done.result["objects"]
    assert len(candidates) > 0
    assert len(candidates) >= len(objects)
    assert set(candidates[0]) >= {"image", "class", "score", "ymin", "xmin", "ymax", "xmax"}
    shape = tifffile.imread(field.image).shape
    for row in candidates:
        assert 0 <= float(row["ymin"]) < float(row["ymax"]) <= shape[0]
        assert 0 <= float(row["xmin"]) < float(row["xmax"]) <= shape[1]


@pytest.mark.parametrize("run", ["classify", "segment"])
def test_heat_maps_are_as_large_as_the_image_one_for_each_class(
    invoke: Invoke, project: Path, field: Any, tmp_path: Path, run: str
) -> None:
    done = invoke("cam", project, run, field.image, "--out", tmp_path, "--json")
    assert done.code == 0, done.err
    assert done.result["method"] == {"classify": "cam", "segment": "gradcam"}[run]
    names = [f"{field.image.stem}__{name}.tif" for name in ("small", "large")]
    assert done.result["files"] == names
    maps = [tifffile.imread(tmp_path / name) for name in names]
    assert all(m.shape == tifffile.imread(field.image).shape for m in maps)
    assert all(m.dtype == np.float32 and np.isfinite(m).all() for m in maps)
    again = invoke("cam", project, run, field.image, "--out", tmp_path)
    assert again.code == 2
    assert "--overwrite" in again.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("detect",), "task detect have no heat maps"),
        (("classify", "--method", "lime"), "no method 'lime'"),
        (("classify", "--method", "gradcam", "--layer", "nose"), "no layer 'nose'"),
        (("segment", "--method", "cam"), "no method 'cam' for models of the task segment"),
        (("nobody",), "nobody"),
    ],
)
def test_maps_that_cannot_be_made_are_refused_in_one_line(
    invoke: Invoke, project: Path, field: Any, tmp_path: Path, arguments: Any, told: str
) -> None:
    run, *options = arguments
    done = invoke("cam", project, run, field.image, "--out", tmp_path / "new", *options)
    assert done.code == 2
    assert told in done.err.splitlines()[-1]
    assert "Traceback" not in done.err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("command", ["predict", "cam"])
def test_a_place_that_cannot_be_written_is_refused_in_one_line(
    invoke: Invoke, project: Path, field: Any, tmp_path: Path, command: str
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    done = invoke(command, project, "classify", field.image, "--out", file / "results")
    assert done.code == 2
    assert "results cannot be written: " in done.err.splitlines()[-1]
    assert "Traceback" not in done.err


def test_a_network_for_another_task_is_refused(invoke: Invoke, project: Path) -> None:
    done = invoke("train", project, "--task", "detect", "--set", "model.name=unet", *FAST)
    assert done.code == 2
    assert "cannot detect: choose yolo" in done.err
