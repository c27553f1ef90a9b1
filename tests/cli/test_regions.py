"""Regions by commands: masks in, a model and class values out, and errors told in a line."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.workflow.session import Session
from tests.helpers.region_images import Drawn, draw_regions, slow_recipe

Invoke = Callable[..., Any]
FAST = ("--set", "batch_size=2", "--set", "crop=32", "--set", "model.width=4", "--set",
        "model.depth=2", "--steps", 3)  # fmt: skip
CLASSES = ("--class", "matrix", "--class", "grain")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write three images of regions and their masks."""
    folder = tmp_path_factory.mktemp("regions")
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for number in range(3):
        pair = draw_regions((96, 128), seed=number)
        stored = (pair.image[0] * 10000).clip(0).astype(np.uint16)
        tifffile.imwrite(
            folder / "images" / f"i{number}.tif", stored, imagej=True,
            resolution=(2, 2), metadata={"unit": "um"},
        )  # fmt: skip
        values = pair.labels.values.astype(np.uint8)
        values[:2] = 255
        tifffile.imwrite(folder / "masks" / f"i{number}.tif", values, photometric="minisblack")
    return folder


@pytest.fixture(scope="module")
def project(invoke: Invoke, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a project with a trained model."""
    folder = tmp_path_factory.mktemp("project") / "phases.synthseg"
    images = sorted((data / "images").iterdir())[:2]
    assert invoke("new", folder, *images, *CLASSES).code == 0
    done = invoke("import", folder, "--masks", data / "masks", "--semantic", "--json")
    assert done.code == 0, done.err
    assert (done.result["masks"], done.result["kind"], done.result["unused"]) == (2, "semantic", 1)
    done = invoke(
        "train", folder, "--task", "semantic", "--source", "real", "--name", "r", *FAST, "--json"
    )
    assert done.code == 0, done.err
    assert done.result["steps"] == 3
    assert "a strip of 20% of each image held out" in done.result["selection"]
    return folder


@pytest.fixture
def slow() -> Iterator[None]:
    with slow_recipe():
        yield


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_from_masks_to_scores(invoke: Invoke, project: Path, data: Path, tmp_path: Path) -> None:
    image = data / "images" / "i2.tif"
    done = invoke("predict", project, "r", image, "--out", tmp_path, "--json")
    assert done.code == 0, done.err
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "areas.csv", "classes.csv", "i2.tif", "summary.csv",
    ]  # fmt: skip
    found = tifffile.imread(tmp_path / "i2.tif")
    assert (found.shape, found.dtype) == ((96, 128), np.uint8)
    assert found.max() <= 2
    assert table(tmp_path / "classes.csv") == [
        {"value": "0", "name": "background"},
        {"value": "1", "name": "matrix"},
        {"value": "2", "name": "grain"},
    ]
    rows = table(tmp_path / "areas.csv")
    assert [(r["image"], r["class"], r["value"]) for r in rows] == [
        ("i2.tif", "background", "0"), ("i2.tif", "matrix", "1"), ("i2.tif", "grain", "2"),
    ]  # fmt: skip
    for row in rows:
        pixels = np.count_nonzero(found == int(row["value"]))
        assert int(row["pixels"]) == pixels
        assert float(row["share"]) == pytest.approx(pixels / found.size, abs=1e-5)
        assert (float(row["area"]), row["unit"]) == (pytest.approx(pixels / 4, rel=1e-4), "um^2")
    assert sum(done.result["shares"].values()) == pytest.approx(1)
    again = invoke("predict", project, "r", image, "--out", tmp_path)
    assert again.code == 2
    assert "--overwrite" in again.err
    truth = tmp_path / "truth"
    truth.mkdir()
    (truth / "i2.tif").write_bytes((data / "masks" / "i2.tif").read_bytes())
    done = invoke(
        "score", "--task", "semantic", "--pred", tmp_path, "--truth", truth, "--ignore", 255,
        "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.result["objects"] == 94 * 128
    assert 0 < done.result["values"]["miou"] <= 1


def test_adapted_and_explained(invoke: Invoke, project: Path, data: Path, tmp_path: Path) -> None:
    image = data / "images" / "i2.tif"
    assert invoke("predict", project, "r", image, "--out", tmp_path / "a", "--adapt").code == 0
    done = invoke("cam", project, "r", image, "--out", tmp_path / "b", "--json")
    assert done.result["files"] == ["i2__matrix.tif", "i2__grain.tif"]


def test_learned_pairs_are_written_as_class_values(
    invoke: Invoke, project: Path, tmp_path: Path, slow: None
) -> None:
    done = invoke(
        "synthesize", project, "--recipe", "slow", "--count", 2, "--out", tmp_path, "--json"
    )
    assert done.code == 0, done.err
    assert "objects" not in done.result
    assert sum(done.result["shares"].values()) == pytest.approx(1)
    written = sorted(p.name for p in tmp_path.iterdir())
    assert written == ["classes.csv", "exported_pairs.json", "images", "labels"]
    labels = tifffile.imread(tmp_path / "labels" / "00001.tif")
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, Drawn().pair(1).labels.values)
    done = invoke("train", project, "--task", "semantic", "--name", "learned", *FAST, "--json")
    assert done.code == 0, done.err
    again = invoke("synthesize", project, "--run", "learned", "--count", 1, "--json")
    assert again.code == 0, again.err
    done = invoke("train", project, "--task", "segment", *FAST)
    assert done.code == 2
    assert "task semantic" in done.err
    assert invoke("synthesize", project, "--recipe", "paste", "--count", 1).code == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--semantic",), "FILE"),
        (("--masks", "MASKS"), "--semantic"),
        (("--masks", "MASKS", "--semantic", "--instance"), "Masks are one of"),
        (("--masks", "MASKS", "--semantic", "--class", "a"), "does not apply to masks of regions"),
        (("--masks", "STRANGE", "--semantic"), "the value 9"),
        (("--masks", "LARGE", "--semantic"), "1 to 254"),
    ],
)
def test_what_cannot_be_imported_is_told_in_a_line(
    invoke: Invoke, project: Path, data: Path, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    for name, value in (("STRANGE", 9), ("LARGE", 300)):
        (tmp_path / name).mkdir()
        array = np.full((96, 128), value, np.uint16)
        tifffile.imwrite(tmp_path / name / "i0.tif", array, photometric="minisblack")
    places = {"MASKS": data / "masks", "STRANGE": tmp_path / "STRANGE", "LARGE": tmp_path / "LARGE"}
    done = invoke("import", project, *(places.get(a, a) for a in arguments))
    assert done.code == 2
    assert told in done.err
    assert len(done.err.splitlines()) == 1


def test_names_of_files_tell_specimens_and_none_is_divided(
    invoke: Invoke, data: Path, tmp_path: Path
) -> None:
    images = [tmp_path / f"slide{n % 4}_{n}.tif" for n in range(8)]
    for number, path in enumerate(images):
        path.write_bytes((data / "images" / f"i{number % 3}.tif").read_bytes())
    folder = tmp_path / "p.synthseg"
    done = invoke("new", folder, *images, *CLASSES, "--group", "slide[0-9]", "--json")
    assert done.code == 0, done.err
    assert done.result["groups"]["slide1_5.tif"] == done.result["groups"]["slide1_1.tif"]
    assert set(done.result["groups"].values()) == {f"slide{n}" for n in range(4)}
    (tmp_path / "masks").mkdir()
    for number, path in enumerate(images):
        mask = (data / "masks" / f"i{number % 3}.tif").read_bytes()
        (tmp_path / "masks" / path.name).write_bytes(mask)
    invoke("import", folder, "--masks", tmp_path / "masks", "--semantic")
    done = invoke("train", folder, "--task", "semantic", "--source", "real", *FAST, "--json")
    assert done.code == 0, done.err
    assert "1 of 4 groups held out" in done.result["selection"]


@pytest.mark.parametrize(
    ("pattern", "word"),
    [("(", "no regular expression"), ("well", "finds nothing in the name 'i0'")],
)
def test_a_pattern_that_finds_no_specimen_leaves_no_project(
    invoke: Invoke, data: Path, tmp_path: Path, pattern: str, word: str
) -> None:
    images = sorted((data / "images").iterdir())
    done = invoke("new", tmp_path / "p", *images, *CLASSES, "--group", pattern)
    assert done.code == 2
    assert word in done.err
    assert not (tmp_path / "p").exists()


def test_without_a_source_regions_alone_are_learned_from_real_images(
    invoke: Invoke, data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "phases.synthseg"
    assert invoke("new", folder, *sorted((data / "images").iterdir())[:2], *CLASSES).code == 0
    assert invoke("import", folder, "--masks", data / "masks", "--semantic").code == 0
    done = invoke("train", folder, "--task", "semantic", *FAST, "--json")
    assert done.code == 0, done.err
    with Session.open(folder).result() as session:
        (run,) = session.project.runs
    assert run.spec.source == "real"


def test_a_recipe_that_is_chosen_or_set_is_used_where_no_source_is_given(
    invoke: Invoke, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "phases.synthseg"
    assert invoke("new", folder, *sorted((data / "images").iterdir())[:2], *CLASSES).code == 0
    assert invoke("import", folder, "--masks", data / "masks", "--semantic").code == 0
    asked: list[TrainSpec] = []

    def refuse(session: Session, spec: TrainSpec, *_: object) -> None:
        asked.append(spec)
        raise InputError("enough")

    monkeypatch.setattr(Session, "train", refuse)
    for more in ((), ("--set", "codes=64"), ("--recipe", "vq")):
        assert invoke("train", folder, "--task", "semantic", *more).code == 2
    assert [spec.source for spec in asked] == ["real", "synthetic", "synthetic"]
