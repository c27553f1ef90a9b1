"""What another distribution adds, at work: one of each kind that can be added."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_synthseg.cli import run
from napari_synthseg.core.annotations import Click, ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.plugins import plugin_problems
from napari_synthseg.core.predictions import PointPrediction
from napari_synthseg.core.recipe import UnknownRecipe, load_recipe
from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.io.boxes.base import BOX_FORMATS
from napari_synthseg.io.outlines.base import OUTLINE_FORMATS
from napari_synthseg.networks.registry import network_builder
from napari_synthseg.patches.masks.registry import mask_method
from napari_synthseg.tasks.registry import task_info, task_names
from napari_synthseg.workflow.session import Session
from tests.helpers.clicked_discs import disc_image
from tests.helpers.sessions import add_file
from tests.plugins.conftest import INSTALLED, install, uninstall

CENTERS = [(y, x) for y in (24, 64, 104) for x in (24, 64, 104, 140)]
STEPS = 60


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """Two images of twelve bright discs."""
    paths = []
    for number in range(2):
        rng = np.random.default_rng(number)
        centers = [c + rng.integers(-4, 5, 2) for c in CENTERS]
        image, _ = disc_image(centers, radius=8, seed=number)
        paths.append(tmp_path / f"discs{number}.tif")
        tifffile.imwrite(paths[-1], (image[0] * 4000 + 500).astype(np.uint16))
        np.savetxt(paths[-1].with_suffix(".txt"), centers)
    return paths


def make_project(folder: Path, images: list[Path]) -> None:
    """Make a project: the first image is clicked to train on, the second one to test."""
    with Session.create(folder) as session:
        disc = ObjectClass(name="disc", value=1, diameter=16)
        session.edit(session.project.with_classes(disc), "add class")
        for path, role in zip(images, ("train", "test"), strict=True):
            (ref,) = add_file(session, path, role=role, exhaustive=True)
            clicks = np.loadtxt(path.with_suffix(".txt")).tolist()
            new = [Click(image=ref.id, position=tuple(c), cls=1) for c in clicks]
            session.edit(session.project.with_clicks(*new), "click")
        recipe = load_recipe({"kind": "scatter", "size": 128, "objects": 8})
        spec = TrainSpec(
            task="count", steps=STEPS, minutes=None, device="cpu", model=ModelSpec(depth=1)
        )
        chosen = {"recipe": recipe, "train_spec": spec}
        session.edit(session.project.model_copy(update=chosen), "choose recipe and task")


def command(*arguments: object) -> tuple[int, dict[str, Any], str]:
    """Run the command line here; return its exit code, its JSON, and stderr."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run([*map(str, arguments), "--json"])
    lines = out.getvalue().splitlines()
    return code, json.loads(lines[-1]) if lines else {}, err.getvalue()


def test_everything_is_found_by_name(installed: pytest.MonkeyPatch) -> None:
    assert task_names()[-1] == "count"
    assert task_info("count").title == "count objects by their centers"
    assert type(load_recipe({"kind": "scatter", "size": 64})).__name__ == "ScatterRecipe"
    assert network_builder("dilated").__module__ == "density_centers.network"
    assert mask_method("disk").title == "Disk"
    assert BOX_FORMATS["tsv"].title == "tab-separated boxes"
    assert OUTLINE_FORMATS["circles"].title == "tab-separated circles"
    assert plugin_problems() == ()


def test_nothing_of_a_plugin_is_imported_before_it_is_needed() -> None:
    program = (
        "import sys, napari_synthseg.cli, napari_synthseg.workflow.session\n"
        "assert not [m for m in sys.modules if m.startswith('density_centers')]\n"
        "from napari_synthseg.tasks.registry import task_info, task_names\n"
        "assert 'count' in task_names()\n"
        "assert 'dilated' in task_info('segment').all_networks()\n"
        "assert 'density_centers.task' in sys.modules and 'torch' not in sys.modules\n"
    )
    root = INSTALLED.parents[2]
    environment = {"PYTHONPATH": f"{INSTALLED}:{root}", "PATH": ""}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, cwd=root)


def test_session_trains_predicts_and_scores_with_it(
    installed: pytest.MonkeyPatch, images: list[Path], tmp_path: Path
) -> None:
    make_project(tmp_path / "p.synthseg", images)
    with Session.open(tmp_path / "p.synthseg").result() as session:
        trained = session.train(name="count them").result()
        assert (trained.state, trained.task) == ("done", "count")
        assert trained.model is not None and trained.model.spec.name == "dilated"
        refs = [ref for ref in session.project.images if ref.role == "test"]
        (found,) = session.predict(trained, refs).result()
        assert isinstance(found, PointPrediction)
        scores = session.score(trained, [found]).result()
        assert scores.truth == "clicks" and scores.objects == len(CENTERS)
        assert scores.values["f1"] > 0.8, scores.values
        assert session.project.run(trained.id).scores


def test_commands_work_with_it(
    installed: pytest.MonkeyPatch, images: list[Path], tmp_path: Path
) -> None:
    project = tmp_path / "p.synthseg"
    make_project(project, images)
    code, made, said = command("synthesize", project, "--count", 2, "--out", tmp_path / "pairs")
    assert code == 0, said
    assert made["objects"] > 0
    code, _, said = command(
        "train", project, "--task", "count", "--steps", STEPS, "--name", "r",
        "--set", "model.depth=1",
    )  # fmt: skip
    assert code == 0, said
    code, found, said = command("predict", project, "r", images[1], "--out", tmp_path / "found")
    assert code == 0, said
    assert found["task"] == "count" and found["objects"] == found["per_image"]["discs1"]
    with (tmp_path / "found" / "objects.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == found["objects"] and {row["class"] for row in rows} == {"disc"}
    assert all(row["ymin"] == "" and 0 <= float(row["y"]) < 128 for row in rows)
    truth = tmp_path / "truth.csv"
    centers = np.loadtxt(images[1].with_suffix(".txt")).tolist()
    lines = [f"discs1.tif,disc,{y},{x}" for y, x in centers]
    truth.write_text("\n".join(["image,class,y,x", *lines]))
    scoring = ("score", "--task", "count", "--pred", tmp_path / "found", "--truth", truth)
    code, scores, said = command(*scoring, "--tolerance", 8)
    assert code == 0, said
    assert scores["objects"] == len(CENTERS) and scores["values"]["f1"] > 0.8, scores
    code, _, said = command(*scoring)
    assert code == 2 and "give --tolerance" in said
    code, exported, said = command(
        "export", project, "--what", "model", "--run", "r", "--out", tmp_path / "model"
    )
    assert code == 0, said
    assert all(Path(file).is_file() for file in exported["files"])


def test_its_network_serves_the_tasks_of_this_package(
    installed: pytest.MonkeyPatch, images: list[Path], tmp_path: Path
) -> None:
    offered = {name: dict(task_info(name).all_networks()) for name in task_names()}
    assert {name for name in offered if "dilated" in offered[name]} == {
        "segment", "semantic", "count",
    }  # fmt: skip
    assert offered["segment"]["dilated"] == "Dilated convolutions"
    make_project(tmp_path / "p.synthseg", images)
    with Session.open(tmp_path / "p.synthseg").result() as session:
        model = ModelSpec(name="dilated", depth=1)
        spec = TrainSpec(task="segment", steps=3, minutes=None, device="cpu", crop=64, model=model)
        trained = session.train(spec).result()
        assert trained.model is not None and trained.model.spec.name == "dilated"
        (found,) = session.predict(trained, session.project.images[1:]).result()
        assert found.kind == "instance"
        spec = spec.model_copy(update={"task": "detect"})
        with pytest.raises(InputError, match="'dilated' cannot detect"):
            session.train(spec).result()


def test_boxes_and_masks_come_in_its_ways(
    installed: pytest.MonkeyPatch, images: list[Path], tmp_path: Path
) -> None:
    project = tmp_path / "p.synthseg"
    make_project(project, images)
    table = tmp_path / "boxes.tsv"
    table.write_text("discs1.tif\tdisc\t10\t12\t30\t33\ndiscs1.tif\tdisc\t50\t60\t70\t80\n")
    code, _, said = command("import", project, table)
    assert code == 0, said
    out = tmp_path / "again.tsv"
    code, _, said = command("export", project, "--what", "boxes", "--format", "tsv", "--out", out)
    assert code == 0, said
    assert sorted(out.read_text().splitlines()) == sorted(table.read_text().splitlines())
    circles = tmp_path / "discs.txt"
    circles.write_text("#circles\ndiscs0.tif\tdisc\t24.5\t24.5\t8\n")
    code, done, said = command("import", project, circles, "--instance")
    assert code == 0, said
    assert (done["format"], done["outlines"]) == ("circles", 1)
    code, _, said = command("patches", project, "--method", "disk")
    assert code == 0, said
    with Session.open(project).result() as session:
        assert session.project.classes[0].mask_method == "disk"
        library = session.cut_patches().result()
    assert {patch.method for patch in library.patches} == {"disk"}
    assert np.allclose([patch.area for patch in library.patches], np.pi * 8**2, rtol=0.15)


def test_a_project_opens_after_the_plugin_is_gone(
    installed: pytest.MonkeyPatch, images: list[Path], tmp_path: Path
) -> None:
    project = tmp_path / "p.synthseg"
    make_project(project, images)
    with Session.open(project).result() as session:
        trained = session.train(name="r").result()
        before = session.project.model_dump(mode="json")
    uninstall(installed)
    with Session.open(project).result() as session:
        assert session.project.model_dump(mode="json") == before
        assert isinstance(session.project.recipe, UnknownRecipe)
        refs = session.project.images
        with pytest.raises(InputError, match="The task 'count' is not installed: install the"):
            session.predict(trained, refs).result()
        with pytest.raises(InputError, match="not installed"):
            session.train().result()
        with pytest.raises(InputError, match="'scatter'"):
            session.synthesize(1).result()
        session.edit(session.project.with_classes(ObjectClass(name="more", value=2)), "add")
    install(installed)
    with Session.open(project).result() as session:
        assert type(session.project.recipe).__name__ == "ScatterRecipe"
        (found,) = session.predict(trained, refs[1:]).result()
        assert isinstance(found, PointPrediction)


def test_command_line_says_what_is_missing(
    installed: pytest.MonkeyPatch, images: list[Path], tmp_path: Path
) -> None:
    project = tmp_path / "p.synthseg"
    make_project(project, images)
    uninstall(installed)
    code, _, said = command("train", project, "--task", "count", "--steps", 1)
    assert code == 2
    assert "The task 'count' is not installed" in said.splitlines()[-1]
    code, _, said = command("synthesize", project, "--count", 1, "--out", tmp_path / "pairs")
    assert code == 2
    assert "'scatter'" in said.splitlines()[-1]
