"""A run that goes on: what was known of its old weights goes, and a failure takes nothing away."""

from __future__ import annotations

import json
import shutil
import threading

import numpy as np
import pytest

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.storage import runs
from napari_synthseg.tasks.segment.targets import make_targets
from napari_synthseg.ui.presenters.runs import describe_run
from napari_synthseg.workflow.session import Session
from tests.helpers.clicked_fields import TINY, click_field, images_by_role
from tests.helpers.sessions import MAKE_TARGETS, break_after


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a project with a run that was stopped at step 5 of 9."""
    with Session.create(tmp_path_factory.mktemp("stopped") / "p.synthseg") as session:
        click_field(session)
        train_to_step_5(session, TINY)
    return session.folder


@pytest.fixture
def stopped(trained, tmp_path):
    """A session of a copy of that project, and the run."""
    folder = shutil.copytree(trained, tmp_path / "p.synthseg")
    with Session.open(folder).result() as session:
        yield session, session.project.run("long")


def train_to_step_5(session, spec, name="long"):
    job = session.train(spec.model_copy(update={"steps": 9}), name)
    job.progressed.connect(lambda news: job.cancel() if news.metrics.get("step") == 5 else None)
    run = job.result()
    assert (run.state, run.steps) == ("cancelled", 5)
    return run


def judged(session, run):
    """Predict and score the image for testing, choose a least score; return what was found."""
    found = session.predict(run, [images_by_role(session)["test"]]).result()
    session.score(run, found).result()
    session.set_least_score(run, 0.7)
    return found


def test_scores_and_predictions_of_the_old_weights_go(stopped):
    session, run = stopped
    judged(session, run)
    known = session.project.run("long")
    assert (len(known.scores), known.least_score, len(session.found[run.id])) == (1, 0.7, 1)
    resumed = session.train(known).result()
    assert (resumed.steps, resumed.scores, resumed.least_score) == (9, (), None)
    assert session.project.run("long") == resumed
    assert not session.found.get(run.id)
    session.undo()
    assert session.project.run("long").least_score is None, "it was of the old weights"


def test_what_old_weights_found_is_not_recorded_after_the_run_went_on(stopped):
    session, run = stopped
    found = judged(session, run)
    scoring = session.score(run, found)
    predicting = session.predict(run, [images_by_role(session)["test"]])
    resumed = session.train(session.project.run("long")).result()
    scoring.result()
    predicting.result()
    assert session.project.run("long") == resumed
    assert resumed.scores == ()
    assert not session.found.get(run.id)


def check_usable(session, run, error):
    """The run is as it was but for an error, and predicts."""
    now = session.project.run(run.id)
    assert now == run.model_copy(update={"error": now.error})
    assert error in now.error
    assert f"going on failed: {error}" in describe_run(now)
    record = json.loads(runs.run_files(session.folder, run.id)[1].read_text("utf-8"))
    assert (record["state"], record["images"]) == (run.state, list(run.images))
    assert session.predict(now, [images_by_role(session)["test"]]).result()


def test_a_failure_of_going_on_leaves_the_model_usable(stopped, monkeypatch):
    session, run = stopped

    def broken(*_):
        raise ValueError("it broke")

    monkeypatch.setattr(MAKE_TARGETS, broken)
    with pytest.raises(ValueError, match="it broke"):
        session.train(run).result()
    check_usable(session, run, "ValueError: it broke")
    monkeypatch.setattr(MAKE_TARGETS, make_targets)
    resumed = session.train(session.project.run(run.id)).result()
    assert (resumed.state, resumed.steps, resumed.error) == ("done", 9, "")


def test_a_score_given_while_a_run_went_on_in_vain_is_in_its_file(stopped, monkeypatch):
    session, run = stopped
    found = session.predict(run, [images_by_role(session)["test"]]).result()
    going_on = session.train(run)

    def broken(*_):
        session.score(run, found).result()
        raise ValueError("it broke")

    monkeypatch.setattr(MAKE_TARGETS, broken)
    with pytest.raises(ValueError, match="it broke"):
        going_on.result()
    record = json.loads(runs.run_files(session.folder, run.id)[1].read_text("utf-8"))
    assert len(record["scores"]) == len(session.project.run(run.id).scores) == 1


def test_a_record_that_is_written_while_the_run_goes_on_is_replaced_by_the_last(
    stopped, monkeypatch
):
    """A score is written in the background, and the training writes the same file."""
    session, run = stopped
    found = session.predict(run, [images_by_role(session)["test"]]).result()
    save, main = runs.save_run, threading.get_ident()
    threads, reached, release = set(), threading.Event(), threading.Event()

    def save_late(folder, record):
        threads.add(threading.get_ident())
        if record.scores and not reached.is_set():
            reached.set()
            release.wait(60)
        save(folder, record)

    monkeypatch.setattr(runs, "save_run", save_late)
    scoring = session.score(run, found)
    scoring.run()
    session.record(scoring)
    assert main not in threads, "the window would wait for the disk"
    assert reached.wait(60)
    going_on = session.train(session.project.run("long"))
    going_on.run()
    release.set()
    for job in session.jobs:
        if job is not going_on:
            job.join()
    session.record(going_on)
    for job in session.jobs:
        job.join()
    record = json.loads(runs.run_files(session.folder, run.id)[1].read_text("utf-8"))
    assert (record["steps"], record["scores"]) == (9, [])
    assert TrainingRun.model_validate(record) == session.project.run("long")


def test_going_on_without_the_images_leaves_the_model_usable(stopped):
    session, run = stopped
    project = session.project
    test = images_by_role(session)["test"]
    session.edit(project.without_image(images_by_role(session)["train"].id), "remove image")
    with pytest.raises(InputError):
        session.train(run).result()
    assert session.predict(session.project.run(run.id), [test]).result()


def test_going_on_with_another_class_is_refused_and_leaves_the_model_usable(stopped):
    session, run = stopped
    session.edit(session.project.with_classes(session.project.next_class("new")), "add class")
    why = "'long' cannot go on, as it learned other classes: 'new' is new. Train a new run"
    with pytest.raises(InputError, match=why):
        session.train(run).result()
    check_usable(session, run, why)


def test_a_class_in_place_of_another_is_refused_too(stopped):
    session, run = stopped
    project = session.project.without_class(2)
    session.edit(project.with_classes(project.next_class("new")), "replace class")
    with pytest.raises(InputError, match="'new' is new, class 2 is gone"):
        session.train(run).result()


def test_a_run_that_failed_early_does_not_go_on_with_another_class(clicked, monkeypatch):
    break_after(monkeypatch, 20)
    with pytest.raises(RuntimeError, match="it broke"):
        clicked.train(TINY.model_copy(update={"steps": 900}), "broken").result()
    run = clicked.project.run("broken")
    assert (run.state, run.model) == ("failed", None)
    monkeypatch.setattr(MAKE_TARGETS, make_targets)
    clicked.edit(clicked.project.with_classes(clicked.project.next_class("new")), "add class")
    with pytest.raises(InputError, match=r"does not fit any more: classes, .* Train a new run"):
        clicked.train(run).result()


def test_a_run_goes_on_alike_where_the_run_that_it_began_with_is_gone(clicked, tmp_path):
    first = clicked.train(TINY, "first").result()
    project = clicked.project
    clicked.edit(project.with_classes(project.next_class("third")), "add class")
    run = train_to_step_5(clicked, TINY.model_copy(update={"start": first.id}))
    copy = clicked.save_as(tmp_path / "copy.synthseg").result()
    copy.train(copy.project.run("long")).result()
    clicked.delete_run(first)
    resumed = clicked.train(clicked.project.run("long")).result()
    assert (resumed.state, resumed.steps) == ("done", 9)
    assert "it began with a run that is gone" in resumed.selection
    with_start, without = (runs.load_weights(s.folder, run.id) for s in (copy, clicked))
    copy.close().result()
    for name, weight in with_start.items():
        assert np.allclose(np.asarray(without[name], float), np.asarray(weight, float), atol=1e-6)


def test_a_new_run_cannot_begin_with_a_run_that_is_gone(clicked):
    first = clicked.train(TINY, "first").result()
    clicked.delete_run(first)
    with pytest.raises(InputError, match="no run"):
        clicked.train(TINY.model_copy(update={"start": first.id}))
