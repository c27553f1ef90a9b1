"""The command that compares dual images with real ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Field, Invoke


@pytest.fixture(scope="module")
def project(field: Field, invoke: Invoke, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clicked project whose recipe makes small pairs."""
    folder = tmp_path_factory.mktemp("realism") / "p.synthseg"
    classes = ("--class", "small:10", "--class", "large:18")
    for words in (
        ("new", folder, field.image, *classes, "--exhaustive"),
        ("import", folder, field.clicks),
        ("synthesize", folder, "--set", "size=96", "--count", 1),
    ):
        assert invoke(*words).code == 0
    return folder


@pytest.fixture(scope="module")
def plain(
    invoke: Invoke, project: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """What a comparison with the project's own settings printed, and where it wrote."""
    out = tmp_path_factory.mktemp("plain") / "out"
    done = invoke("realism", project, "--count", 3, "--out", out)
    assert done.code == 0, done.err
    return done.out, out


def test_the_report_is_printed_and_written(plain: tuple[str, Path], field: Field) -> None:
    said, out = plain
    written = json.loads((out / "realism.json").read_text())
    assert (written["images"], written["pairs"]) == (["cells.tif"], 3)
    assert 0 < written["real_objects"] <= field.objects
    assert (out / "realism.png").stat().st_size > 10_000
    for word in ("measured on", "cells.tif", "size of objects", "classifier's accuracy"):
        assert word in said


def test_settings_are_tried_without_changing_the_project(
    invoke: Invoke, project: Path, plain: tuple[str, Path], tmp_path: Path
) -> None:
    from napari_synthseg.workflow.session import Session

    words = ("--count", 3, "--seed", 5, "--set", "density=0.3", "--json")
    tried = invoke("realism", project, *words, "--out", tmp_path / "tried")
    recipe = tried.result["recipe"]
    assert (recipe["density"], recipe["seed"], recipe["size"]) == (0.3, 5, 96)
    assert tried.result["seed"] == 5
    assert len(tried.out.splitlines()) == 1
    usual = json.loads((plain[1] / "realism.json").read_text())
    assert tried.result["synthetic_objects"] < 0.6 * usual["synthetic_objects"]
    session = Session.open(project).result()
    assert session.project.recipe.model_dump()["density"] == 1.0
    session.close().result()


def test_what_is_wrong_is_said(invoke: Invoke, project: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "realism.json").write_text("mine")
    taken = invoke("realism", project, "--count", 3, "--out", out)
    assert taken.code == 2
    assert "realism.json" in taken.err
    assert (out / "realism.json").read_text() == "mine"
    unknown = invoke("realism", project, "--set", "colour=1", "--out", tmp_path / "o2")
    assert unknown.code == 2
    assert "'colour' is not a parameter" in unknown.err
    assert invoke("realism", project, "--count", 1, "--out", tmp_path / "o3").code == 2
    assert not (tmp_path / "o2").exists()
