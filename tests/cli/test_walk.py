"""The whole walk by commands, on a small simulated field: each test takes the next step."""

from __future__ import annotations

import csv
import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_synthseg.cli import console
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.recipe import NullArtifactStore, load_recipe
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.storage.runs import run_folder
from napari_synthseg.synthesis import PRESETS
from napari_synthseg.workflow.session import Session
from napari_synthseg.workflow.training_data import TrainingSources
from tests.helpers.sessions import true_masks

Invoke = Callable[..., Any]
SETTINGS = ("batch_size=2", "crop=64", "model.width=4", "size=96")
FAST = tuple(part for setting in SETTINGS for part in ("--set", setting))


@pytest.fixture(scope="module")
def project(invoke: Invoke, field: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a project with clicks, patches not yet cut."""
    folder = tmp_path_factory.mktemp("walk") / "cells.synthseg"
    classes = ("--class", "small:11", "--class", "large:19")
    done = invoke("new", folder, field.image, *classes, "--exhaustive", "--json")
    assert done.code == 0, done.err
    assert done.result["classes"]["large"] == {"value": 2, "diameter": 19.0, "unit": "px"}
    done = invoke("import", folder, field.clicks, "--json")
    assert done.code == 0, done.err
    assert done.result["clicks"] == field.objects
    return folder


@pytest.fixture(scope="module")
def trained(invoke: Invoke, project: Path) -> Path:
    """Train for two steps: the file formats are tested here, not the model."""
    done = invoke(
        "train", project, "--task", "segment", "--steps", 2, "--name", "tiny", *FAST, "--json"
    )
    assert done.code == 0, done.err
    assert (done.result["run"], done.result["state"], done.result["steps"]) == ("tiny", "done", 2)
    return project


def test_project_is_not_started_twice(invoke: Invoke, project: Path, field: Any) -> None:
    done = invoke("new", project, field.image, "--class", "cell")
    assert done.code == 2
    assert len(done.err.splitlines()) == 1


def test_unreadable_image_leaves_no_project(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "bad.tif").write_bytes(b"no image")
    done = invoke("new", tmp_path / "p", tmp_path / "bad.tif", "--class", "cell")
    assert done.code == 2
    assert "bad.tif" in done.err
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("text", ["cell:wide", "cell:-3", "cell:nan", ":12"])
def test_class_that_makes_no_sense(invoke: Invoke, field: Any, tmp_path: Path, text: str) -> None:
    done = invoke("new", tmp_path / "p", field.image, "--class", text)
    assert done.code == 2
    assert f"--class {text}" in done.err


def test_importing_again_adds_nothing(invoke: Invoke, project: Path, field: Any) -> None:
    done = invoke("import", project, field.clicks, "--json")
    assert (done.result["clicks"], done.result["already_there"]) == (0, field.objects)


def test_patches_as_a_table_with_a_method_of_choice(
    invoke: Invoke, project: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "table.synthseg"
    shutil.copytree(project, copy)
    table = tmp_path / "patches.csv"
    done = invoke("patches", copy, "--method", "network", "--out", table, "--json")
    assert (done.code, done.result["methods"]) == (0, {"network": done.result["patches"]})
    rows = list(csv.DictReader(table.open(encoding="utf-8")))
    assert len(rows) == done.result["patches"]
    assert all(0 <= float(row["quality"]) <= float(row["confidence"]) <= 1 for row in rows)
    assert invoke("patches", copy, "--json").result["methods"] == done.result["methods"]
    for wrong in ("guess", "nobody=network"):
        done = invoke("patches", copy, "--method", wrong)
        assert (done.code, len(done.err.splitlines())) == (2, 1)


def test_patches_are_cut_by_own_masks(
    invoke: Invoke, project: Path, field: Any, tmp_path: Path
) -> None:
    copy = tmp_path / "masked.synthseg"
    shutil.copytree(project, copy)
    done = invoke("import", copy, "--masks", field.masks, "--patch-masks", "--json")
    assert (done.code, done.result["masks"]) == (0, 1)
    with Session.open(copy).result() as session:
        assert {p.method for p in session.cut_patches().result().patches} == {"given"}
    out = tmp_path / "outlines"
    done = invoke("patches", copy, "--labels", out, "--json")
    assert (done.code, done.result["labels"]["outlines"]) == (0, field.objects)
    true = tifffile.imread(field.masks / "cells.tif")  # numbered in the order of the clicks
    written = tifffile.imread(out / "cells.tif")
    np.testing.assert_array_equal(written, true)
    done = invoke("patches", copy, "--labels", out)
    assert done.code == 2
    assert "give another --labels, or --overwrite" in done.err
    assert invoke("patches", copy, "--labels", out, "--overwrite").code == 0
    for wrong in (["--instance"], ["--role", "test"], ["--class", "nobody"]):
        done = invoke("import", copy, "--masks", field.masks, "--patch-masks", *wrong)
        assert (done.code, len(done.err.splitlines())) == (2, 1)


def test_bad_row_stops_the_whole_import(invoke: Invoke, project: Path, tmp_path: Path) -> None:
    table = tmp_path / "more.csv"
    table.write_text("image,class,y,x\ncells.tif,small,1,1\ncells.tif,small,1,900\n")
    done = invoke("import", project, table)
    assert done.code == 2
    assert "more.csv, row 3" in done.err
    assert clicks_of(project) == clicks_of(project) - {(1.0, 1.0)}


def clicks_of(project: Path) -> set[tuple[float, ...]]:
    session = Session.open(project).result()
    try:
        return {c.position for c in session.project.clicks}
    finally:
        session.close().result()


def test_masks_by_stem_set_truth_and_role(invoke: Invoke, project: Path, field: Any) -> None:
    copy = project.with_name("masked.synthseg")
    shutil.copytree(project, copy)
    done = invoke("import", copy, "--masks", field.masks, "--instance", "--role", "test", "--json")
    assert done.code == 0, done.err
    assert done.result["masks"] == 1
    session = Session.open(copy).result()
    (image,) = session.project.images
    truth = true_masks(session, image)
    session.close().result()
    assert image.role == "test"
    assert truth is not None
    assert truth.count == field.objects


def test_masks_of_another_size_change_nothing(
    invoke: Invoke, project: Path, tmp_path: Path
) -> None:
    (tmp_path / "m").mkdir()
    tifffile.imwrite(tmp_path / "m" / "cells.tif", np.ones((9, 9), np.uint16))
    done = invoke("import", project, "--masks", tmp_path / "m", "--instance")
    assert done.code == 2
    session = Session.open(project).result()
    assert session.project.truths == ()
    session.close().result()


def test_masks_that_fit_no_image_are_refused(invoke: Invoke, project: Path, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "other.tif", np.ones((9, 9), np.uint16))
    done = invoke("import", project, "--masks", tmp_path, "--instance")
    assert done.code == 2
    assert "such as cells" in done.err


def test_patches_are_counted_by_class(invoke: Invoke, project: Path, field: Any) -> None:
    done = invoke("patches", project, "--json")
    assert done.code == 0, done.err
    counts = done.result["per_class"]
    assert sum(c["clicks"] for c in counts.values()) == field.objects == done.result["patches"]
    assert done.result["usable"] > 0.8 * field.objects
    lines = invoke("patches", project).out.splitlines()
    assert lines[0].split()[:3] == ["class", "clicks", "usable"]


def test_words_of_the_check_are_explained_where_they_are_printed(
    invoke: Invoke, field: Any, tmp_path: Path
) -> None:
    first = field.clicks.read_text().splitlines()[:6]
    clicks = tmp_path / "clicks.csv"
    clicks.write_text("\n".join([*first, f"{first[-1]}.5"]))
    project = tmp_path / "p"
    invoke("new", project, field.image, "--class", "small:10", "--class", "large:18")
    assert invoke("import", project, clicks).code == 0
    out = invoke("patches", project).out
    header, *_ = out.splitlines()
    for word in ("usable", "good", "suspicious", "doubtful", "rejected"):
        assert word in header
        assert f"\n{word}: " in out
    assert "1 duplicate" in out
    assert "\n  duplicate: a second click on the same object" in out


def test_dual_images_are_written_with_their_table(
    invoke: Invoke, project: Path, tmp_path: Path
) -> None:
    out = tmp_path / "pairs"
    done = invoke("synthesize", project, "--count", 2, "--seed", 3, "--out", out, "--json")
    assert done.code == 0, done.err
    assert done.result["recipe"]["seed"] == 3
    with (out / "objects.csv").open() as file:
        rows = list(csv.DictReader(file))
    for name in ("00000.tif", "00001.tif"):
        labels = tifffile.imread(out / "labels" / name)
        assert tifffile.imread(out / "images" / name).shape[-2:] == labels.shape
        listed = {int(row["id"]) for row in rows if row["image"] == name}
        assert listed == set(np.unique(labels).tolist()) - {0}
    assert {row["class"] for row in rows} <= {"small", "large"}
    exported = tmp_path / "exported"
    what = ("export", project, "--what", "pairs", "--count", 2)
    told = invoke(*what, "--format", "tiff", "--out", exported, "--json")
    assert told.code == 0, told.err
    assert told.result["pairs"] == 2
    for path in (p for p in sorted(out.rglob("*")) if p.is_file()):
        assert (exported / path.relative_to(out)).read_bytes() == path.read_bytes()
    assert invoke(*what, "--out", exported).code == 2
    again = invoke("synthesize", project, "--count", 2, "--out", out)
    assert again.code == 2
    assert "--overwrite" in again.err


def test_exported_labels_and_objects_are_what_predict_finds(
    invoke: Invoke, trained: Path, field: Any, tmp_path: Path
) -> None:
    done = invoke("predict", trained, "tiny", field.image, "--out", tmp_path / "p")
    assert done.code == 0, done.err
    found = tifffile.imread(tmp_path / "p" / "cells.tif")
    rows = list(csv.DictReader((tmp_path / "p" / "objects.csv").open(encoding="utf-8")))
    export = ("export", trained, "--run", "tiny", "--what")
    for images in ((), (field.image,), ("cells.tif",)):
        out = tmp_path / f"labels{len(images)}{images[:1] == ('cells.tif',)}"
        done = invoke(*export, "labels", *images, "--out", out, "--json")
        assert done.code == 0, done.err
        assert (done.result["objects"], done.result["files"]) == (
            len(rows),
            [str(out / "cells.tif")],
        )
        np.testing.assert_array_equal(tifffile.imread(out / "cells.tif"), found)
        assert (out / "objects.csv").read_text() == (tmp_path / "p" / "objects.csv").read_text()
    done = invoke(*export, "objects", field.image, "--out", tmp_path / "o.csv", "--json")
    assert done.code == 0, done.err
    assert done.result["per_image"] == {"cells": len(rows)}
    measured = list(csv.DictReader((tmp_path / "o.csv").open(encoding="utf-8")))
    for row, one in zip(rows, measured, strict=True):
        assert row.items() <= one.items()
        assert float(one["area_px2"]) == np.sum(found == int(row["id"]))


def test_a_preset_becomes_the_recipe_and_settings_change_it(invoke: Invoke, project: Path) -> None:
    done = invoke(
        "synthesize", project, "--preset", "paper", "--set", "size=128", "--count", 1, "--json"
    )
    assert done.code == 0, done.err
    expected = PRESETS["paper"].model_copy(update={"size": 128}).model_dump(mode="json")
    assert done.result["recipe"] == expected
    done = invoke("synthesize", project, "--preset", "pepper")
    assert done.code == 2
    assert "Known: default, paper" in done.err
    assert invoke("synthesize", project, "--preset", "default", "--count", 1).code == 0


def test_unknown_recipe_parameter_lists_the_known_ones(invoke: Invoke, project: Path) -> None:
    done = invoke("synthesize", project, "--set", "sparkle=1")
    assert done.code == 2
    assert "'sparkle' is not a parameter of recipe 'paste'" in done.err
    assert "seed" in done.err


@pytest.mark.parametrize(
    "arguments", [["--set", "sparkle=1"], ["--recipe", "magic"], ["--steps", "0"]]
)
def test_training_refuses_what_it_does_not_know(
    invoke: Invoke, project: Path, arguments: list[str]
) -> None:
    done = invoke("train", project, "--task", "segment", *arguments)
    assert done.code == 2, done.err
    assert len(done.err.splitlines()) == 1


def interrupt_when(monkeypatch: pytest.MonkeyPatch, is_due: Callable[[Progress], bool]) -> None:
    """Press Ctrl-C, as it were, at a step of the next command."""

    def describe(step: Progress) -> str:
        if is_due(step):
            signal.raise_signal(signal.SIGINT)
        return ""

    monkeypatch.setattr(console, "LINE_INTERVAL_S", 0.0)
    monkeypatch.setattr(console, "describe", describe)


def test_interrupted_training_keeps_its_run(
    invoke: Invoke, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy.synthseg"
    shutil.copytree(project, copy)

    interrupt_when(monkeypatch, lambda step: "loss" in step.metrics)
    limits = ("--steps", 1000, "--name", "cut off", "--set", "recipe.seed=11")
    done = invoke("train", copy, "--task", "segment", *limits, *FAST)
    assert done.code == 130, done.err
    assert "kept as run 'cut off'" in done.err
    session = Session.open(copy).result()
    run = session.project.run("cut off")
    session.close().result()
    assert run.state == "cancelled"
    assert run.recipe["seed"] == 11
    assert (run.spec.steps, run.spec.crop, run.spec.model.width) == (1000, 64, 4)


def test_run_names_are_not_given_twice(invoke: Invoke, trained: Path) -> None:
    done = invoke("train", trained, "--task", "segment", "--steps", 1, "--name", "tiny")
    assert done.code == 2
    assert "--name tiny" in done.err


def test_prediction_is_written_and_scored(
    invoke: Invoke, trained: Path, field: Any, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = invoke("predict", trained, "tiny", field.image, "--out", out, "--json")
    assert done.code == 0, done.err
    labels = tifffile.imread(out / "cells.tif")
    assert labels.shape == (160, 160)
    with (out / "objects.csv").open() as file:
        rows = list(csv.DictReader(file))
    header = "image,id,class,score,y,x,ymin,xmin,ymax,xmax"
    assert (out / "objects.csv").read_text().splitlines()[0] == header
    assert {int(row["id"]) for row in rows} == set(np.unique(labels).tolist()) - {0}
    assert done.result["per_image"] == {"cells": len(rows)}
    assert done.result["learned_from"] == [field.image.name]
    done = invoke("score", "--task", "segment", "--pred", out, "--truth", field.masks, "--json")
    assert done.code == 0, done.err
    assert done.result["objects"] == field.objects
    assert 0.0 <= done.result["values"]["f1@0.5"] <= 1.0
    again = invoke("predict", trained, "tiny", field.image, "--out", out)
    assert again.code == 2
    assert "--overwrite" in again.err


@pytest.fixture
def three_images(field: Any, tmp_path: Path) -> list[Path]:
    """Copies of the field."""
    paths = [tmp_path / f"{name}.tif" for name in "abc"]
    for path in paths:
        shutil.copy(field.image, path)
    return paths


def test_what_was_predicted_before_ctrl_c_is_kept(
    invoke: Invoke,
    trained: Path,
    three_images: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    interrupt_when(monkeypatch, lambda step: "image 2 of 3" in step.message)
    done = invoke("predict", trained, "tiny", *three_images, "--out", tmp_path / "out")
    assert done.code == 130, done.err
    assert "Stopped after 1 of 3 images." in done.err
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["a.tif", "objects.csv", "summary.csv"]


def test_an_image_that_cannot_be_read_keeps_no_other_from_being_predicted(
    invoke: Invoke, trained: Path, three_images: list[Path], tmp_path: Path
) -> None:
    pixels = tifffile.imread(three_images[1])
    tifffile.imwrite(three_images[1], np.stack([pixels] * 3, -1), photometric="rgb")
    done = invoke("predict", trained, "tiny", *three_images, "--out", tmp_path / "out", "--json")
    assert done.code == 2
    assert done.err.splitlines()[-1].startswith("napari-synthseg: error: b.tif is left out: ")
    assert list(done.result["per_image"]) == ["a", "c"]
    assert done.result["images"] == 2
    with (tmp_path / "out" / "summary.csv").open(newline="") as file:
        assert [row["image"] for row in csv.DictReader(file)] == ["a.tif", "b.tif", "c.tif"]


def test_the_score_that_was_chosen_for_a_model_holds_for_commands_too(
    invoke: Invoke, trained: Path, field: Any, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.synthseg"
    shutil.copytree(trained, copy)
    with Session.open(copy).result() as session:
        session.set_least_score(session.project.run("tiny"), 1.0)
    done = invoke("predict", copy, "tiny", field.image, "--out", tmp_path / "out", "--json")
    assert done.code == 0, done.err
    assert "objects that score below 1.00 are left out" in done.err
    assert done.result["objects"] == 0
    assert not tifffile.imread(tmp_path / "out" / "cells.tif").any()


def test_where_an_image_differs_is_said_before_it_is_predicted(
    invoke: Invoke, trained: Path, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).normal(1000, 50, (160, 160)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "empty.tif", noise)
    done = invoke(
        "predict", trained, "tiny", tmp_path / "empty.tif", "--out", tmp_path / "a", "--json"
    )
    assert done.code == 0, done.err
    (note,) = done.result["notes"]["empty"]
    assert "hardly more than noise" in note
    assert f"Note: empty.tif: {note}." in done.err.splitlines()
    assert done.result["scale"] == {"empty": "that of the images learned from"}
    for words, code in (("2.5", 0), ("auto", 0), ("large", 2), ("-1", 2)):
        options = "--out", tmp_path / words, "--magnification", words, "--json"
        done = invoke("predict", trained, "tiny", tmp_path / "empty.tif", *options)
        assert done.code == code, done.err
        assert "Traceback" not in done.err
        if words == "2.5":
            assert done.result["scale"] == {"empty": "magnification 2.5"}


def test_images_of_one_name_have_results_of_their_own(
    invoke: Invoke, trained: Path, field: Any, tmp_path: Path
) -> None:
    paths = [tmp_path / day / "cells.tif" for day in ("d1", "d2")]
    for path in paths:
        path.parent.mkdir()
        shutil.copy(field.image, path)
    done = invoke("predict", trained, "tiny", *paths, "--out", tmp_path / "out", "--json")
    assert done.code == 0, done.err
    assert set(done.result["per_image"]) == {"d1_cells", "d2_cells"}
    assert set(done.result["scale"]) == {"d1_cells", "d2_cells"}
    first, second = (tifffile.imread(tmp_path / "out" / f"{day}_cells.tif") for day in ("d1", "d2"))
    np.testing.assert_array_equal(first, second)
    rows = list(csv.DictReader((tmp_path / "out" / "objects.csv").open()))
    assert {row["image"] for row in rows} == {"d1_cells.tif", "d2_cells.tif"}
    twice = invoke("predict", trained, "tiny", paths[0], paths[0], "--out", tmp_path / "again")
    assert twice.code == 2
    assert "given twice" in twice.err
    assert not (tmp_path / "again").exists()


def test_unknown_run_lists_the_known_ones(invoke: Invoke, trained: Path, field: Any) -> None:
    done = invoke("predict", trained, "giant", field.image, "--out", "nowhere")
    assert done.code == 2
    assert "'giant'" in done.err
    assert "tiny" in done.err


def test_a_runs_pairs_are_made_again_from_its_record(
    invoke: Invoke, trained: Path, tmp_path: Path
) -> None:
    """Bit for bit, whatever recipe is the current one, by command and by hand."""
    changed = invoke("synthesize", trained, "--set", "density=0.5", "--seed", 9, "--count", 1)
    assert changed.code == 0, changed.err
    done = invoke("synthesize", trained, "--run", "tiny", "--count", 2, "--out", tmp_path, "--json")
    assert done.code == 0, done.err
    with Session.open(trained).result() as session:
        assert session.project.recipe is not None
        assert session.project.recipe.model_dump()["seed"] == 9  # left as it was
        run = session.project.run("tiny")
        record = json.loads((run_folder(trained, run.id) / "run.json").read_text("utf-8"))
        recipe = load_recipe(record["recipe"])
        assert done.result["recipe"] == record["recipe"]
        held_to = session.project.model_copy(update={"recipe": recipe})
        data = _turn(TrainingSources(held_to, trained, run.spec, NullArtifactStore()).gather())
    for index in range(2):
        pair = data.pairs.pair(index)
        written = tifffile.imread(tmp_path / "images" / f"{index:05d}.tif")
        np.testing.assert_array_equal(written, pair.image[0])
        labels = tifffile.imread(tmp_path / "labels" / f"{index:05d}.tif")
        np.testing.assert_array_equal(labels, pair.labels.ids)


def test_a_run_and_other_recipes_exclude_each_other(invoke: Invoke, trained: Path) -> None:
    done = invoke("synthesize", trained, "--run", "tiny", "--seed", 3)
    assert done.code == 2
    assert "--run" in done.err


def test_the_clicked_image_itself_is_mixed_in_as_often_as_asked(project: Path) -> None:
    with Session.open(project).result() as session:
        (ref,) = session.project.images
        shown = open_pixels(ref, project).read()
        spec = TrainSpec(real_fraction=0.5, validation_fraction=0.0, working_diameter=0.0)
        sources = TrainingSources(session.project, project, spec, NullArtifactStore())
        pairs = _turn(sources.gather()).pairs
        real = [np.array_equal(pairs.pair(i).image, shown) for i in range(4)]
        assert real == [False, True, False, True]
        assert pairs.pair(1).labels.count > 0.8 * len(session.project.clicks)


def _turn(work: Any) -> Any:
    """Turn a generator to its end and return what it returned."""
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value
