"""Runs are renamed and deleted with undo, and can be trained again by texts that really run."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import threading

import pytest
from typer.testing import CliRunner

from napari_synthseg.cli import app
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.storage import runs
from napari_synthseg.workflow.runs.texts import command_line, python_code, settings_text
from napari_synthseg.workflow.session import Session
from tests.helpers.clicked_fields import TINY


def add_run(session, ident, name):
    """Add a run with a few files, as if it had been trained."""
    run = TrainingRun(id=ident, name=name, state="done", created=f"2026-01-0{ident[-1]}", spec=TINY)
    session._replace(session.project.with_run(run))
    runs.save_run(session.folder, run)
    return run


def record(session, ident):
    path = runs.run_files(session.folder, ident)[1]
    return json.loads(path.read_text()) if path.exists() else None


def settle(session):
    for job in session.jobs:
        job.join()


def names(session):
    return [run.name for run in session.project.runs]


def test_a_run_is_renamed_and_undo_gives_its_name_back(session):
    first, _ = add_run(session, "r1", "run 1"), add_run(session, "r2", "run 2")
    session.rename_run(first, " small crops ")
    assert names(session) == ["small crops", "run 2"]
    settle(session)
    assert record(session, "r1")["name"] == "small crops"
    add_run(session, "r3", "trained meanwhile")
    session.undo()
    assert names(session) == ["run 1", "run 2", "trained meanwhile"]
    session.redo()
    assert names(session) == ["small crops", "run 2", "trained meanwhile"]
    with pytest.raises(InputError, match="Another run is called 'run 2'"):
        session.rename_run(session.project.runs[0], "run 2")
    with pytest.raises(InputError, match="needs a name"):
        session.rename_run(session.project.runs[0], "  ")


def test_a_least_score_is_kept_in_the_background_and_undone(session):
    run, main = add_run(session, "r1", "run 1"), threading.get_ident()
    wrote_in: list[int] = []
    save = runs.save_run

    def noted(folder, run):
        wrote_in.append(threading.get_ident())
        save(folder, run)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "save_run", noted)
        assert session.set_least_score(run, 0.4).least_score == 0.4
        assert session.set_least_score(run, 0.4) == session.project.run("r1")
        assert session.history.undo_label == "change least score"
        settle(session)
        assert record(session, "r1")["least_score"] == 0.4
        session.undo()
        assert session.project.run("r1").least_score is None
        session.redo()
        session.undo()
        settle(session)
    assert record(session, "r1")["least_score"] is None  # of several writes the last one stays
    assert session.history.undo_label != "change least score"
    assert wrote_in and main not in wrote_in


def test_a_deleted_run_comes_back_by_undo_and_its_files_go_with_the_session(session):
    first, second = add_run(session, "r1", "run 1"), add_run(session, "r2", "run 2")
    session.delete_run(first)
    session.delete_run(second)
    assert names(session) == []
    session.undo()
    assert names(session) == ["run 2"]
    session.undo()
    session.redo()
    assert names(session) == ["run 2"]
    assert session.project.free_run_name() == "run 3"
    settle(session)
    assert record(session, "r1") is not None
    folder = session.folder
    session.close().result()
    assert not (folder / "runs" / "r1").exists()
    assert sorted(p.name for p in (folder / "runs" / "r2").iterdir()) == ["run.json"]


def test_what_was_deleted_before_a_crash_goes_when_the_project_is_opened_again(session):
    run = add_run(session, "r1", "run 1")
    kept = add_run(session, "r2", "run 2")
    session.delete_run(run)
    settle(session)
    session.store.flush()
    runs.mark_deleted(session.folder, kept.id, True)  # the crash came before its record was gone
    runs.remove_deleted(session.folder, {kept.id})  # as opening does
    assert not (session.folder / "runs" / "r1").exists()
    assert record(session, "r2")["name"] == "run 2"


@pytest.mark.parametrize("meanwhile", ["nothing", "undo", "delete"])
def test_a_copy_has_the_runs_that_the_project_has(session, tmp_path, monkeypatch, meanwhile):
    kept, gone = add_run(session, "r1", "run 1"), add_run(session, "r2", "run 2")
    session.delete_run(gone)
    settle(session)
    target = tmp_path / "copy.synthseg"
    save_as = session.store.save_as

    def save_and_go_on(folder):
        copy = save_as(folder)
        assert [path.name for path in (target / "runs").iterdir()] == ["r1"]
        if meanwhile == "undo":
            session.undo()
        elif meanwhile == "delete":
            session.delete_run(kept)
        return copy

    monkeypatch.setattr(session.store, "save_as", save_and_go_on)
    session.save_as(target).result().close().result()
    expected = {"nothing": ["r1"], "undo": ["r1", "r2"], "delete": []}[meanwhile]
    assert sorted(path.name for path in (target / "runs").iterdir()) == expected
    assert not list(target.glob("runs/*/deleted"))
    with Session.open(target).result() as copy:
        assert [run.id for run in copy.project.runs] == expected
    settle(session)
    assert record(session, "r2") is not None, "undo may still bring it back here"


def test_a_copy_has_the_record_that_was_just_being_written(session, tmp_path, monkeypatch):
    run, save = add_run(session, "r1", "run 1"), runs.save_run
    reached, release = threading.Event(), threading.Event()

    def save_late(folder, record):
        reached.set()
        release.wait(60)
        save(folder, record)

    monkeypatch.setattr(runs, "save_run", save_late)
    session.rename_run(run, "small crops")
    assert reached.wait(60)
    copying = session.save_as(tmp_path / "copy.synthseg")
    copying.progressed.connect(lambda step: release.set() if "waiting" in step.message else None)
    copying.result().close().result()
    path = runs.run_files(tmp_path / "copy.synthseg", "r1")[1]
    assert json.loads(path.read_text())["name"] == "small crops"


def test_a_run_in_training_is_neither_edited_nor_deleted(clicked):
    job = clicked.train(TINY.model_copy(update={"steps": 100_000}), "busy").start()
    for action in (
        clicked.delete_run,
        lambda run: clicked.rename_run(run, "other"),
        lambda run: clicked.set_least_score(run, 0.7),
    ):
        with pytest.raises(InputError, match="'busy' is being trained: stop it first"):
            action(clicked.project.run("busy"))
    job.cancel(quickly=True)
    job.join()


def test_settings_of_a_run_are_used_again(session):
    run = add_run(session, "r1", "run 1").model_copy(
        update={"recipe": {"kind": "paste", "seed": 9}}
    )
    project = session.project.with_settings_of(run)
    assert (project.train_spec, project.recipe.seed) == (TINY, 9)
    assert "learning_rate = 0.002" in settings_text(run)
    assert "recipe.seed = 9" in settings_text(run)


def test_nothing_begins_with_a_run_that_is_gone(session):
    first = add_run(session, "r1", "run 1")
    begun = add_run(session, "r2", "run 2")
    begun = begun.model_copy(update={"spec": TINY.model_copy(update={"start": "r1"})})
    session.edit(session.project.with_settings_of(begun), "use settings")
    assert session.project.train_spec.start == "r1"
    session.delete_run(first)
    assert session.project.train_spec.start is None
    assert session.project.with_settings_of(begun).train_spec.start is None
    session.undo()
    assert session.project.train_spec.start == "r1"


def test_both_texts_train_the_same_again(clicked, tmp_path):
    """The command line and the script are run, as a user would, and give the same weights."""
    spec = TINY.model_copy(update={"seed": 3, "learning_rate": 1e-3, "start": "scratch"})
    recipe = {"density": 0.7, "canvas": "textured", "size": 96}
    chosen = clicked.project.with_settings_of(
        TrainingRun(id="x", name="x", recipe={"kind": "paste", **recipe})
    )
    clicked.edit(chosen, "choose the recipe")
    run = clicked.train(spec, "it's one").result()
    other = clicked.project.model_copy(
        update={"train_spec": TrainSpec(crop=96, class_balance=0.1), "recipe": None}
    )
    clicked.edit(other, "choose other settings meanwhile")
    folder = clicked.folder
    command, script = command_line(run, clicked.project, folder), python_code(run, folder)
    clicked.close().result()
    words = shlex.split(command.replace("\\\n", " "))
    assert words[0] == "napari-synthseg"
    done = CliRunner().invoke(app, words[1:], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    preparation, opening, _ = script.partition("with open_project(")
    assert opening
    alone = [sys.executable, "-c", preparation]  # nothing that tests imported helps it there
    subprocess.run(alone, check=True, cwd=tmp_path, timeout=240)
    exec(compile(script, "script", "exec"), {"__name__": "__main__"})
    with Session.open(folder).result() as again:
        first, *others = again.project.runs
        assert len(others) == 2
        for made in others:
            assert made.recipe == first.recipe
            fields = {"minutes": None}  # those that the number of steps makes needless
            assert made.spec.model_copy(update=fields) == first.spec.model_copy(update=fields)
        weights = [runs.load_weights(folder, r.id) for r in again.project.runs]
    assert all((weights[0][k] == w[k]).all() for w in weights[1:] for k in w)


@pytest.mark.parametrize("limit", [{}, {"steps": None, "minutes": 0.05}])
def test_progress_is_that_of_the_whole_training_and_never_starts_over(clicked, limit):
    job, told = clicked.train(TINY.model_copy(update=limit)), []
    job.progressed.connect(told.append)
    job.result()
    fractions = [step.fraction for step in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    before = [step.message for step in told if "step" not in step.metrics]
    assert any(words.startswith("getting ready: ") for words in before)
