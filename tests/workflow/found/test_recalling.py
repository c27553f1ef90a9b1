"""What was found before a project was opened is read again, unless it no longer holds."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.predictions import FoundObject, InstancePrediction
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.runs import DecodingRule, ModelRecord, TrainingRun
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.storage.predictions import KeptPredictions
from napari_synthseg.tasks.registry import task_info
from napari_synthseg.ui.presenters.results.overview import describe_notes
from napari_synthseg.workflow import predicting
from napari_synthseg.workflow.session import Session
from tests.helpers.sessions import add_array, add_masks

SHAPE = (20, 30)


@pytest.fixture
def looked(monkeypatch):
    """Names of the images that a model that finds one object was applied to."""
    names: list[str] = []

    def load(folder, run, adapt_to):
        yield Progress(0.0, "loading")
        return None

    def find(predictor, run, ref, folder, magnification):
        yield Progress(0.0, "looking")
        names.append(ref.name)
        ids = np.zeros(SHAPE, np.int32)
        ids[:4, :5] = 1
        thing = FoundObject(1, 1, 0.9, (1.5, 2.0), ((0, 4), (0, 5)))
        return InstancePrediction(image=ref.id, run=run.id, ids=ids, objects=(thing,))

    monkeypatch.setattr(predicting, "load_model", load)
    monkeypatch.setattr(predicting, "apply_model", find)
    return names


def run_of_one_class():
    rule = DecodingRule(kind="segment", class_values=(1,), diameter=10.0)
    model = ModelRecord(spec=ModelSpec(), in_channels=1, out_channels=3, rule=rule)
    return TrainingRun(id="r", name="run 1", state="done", steps=900, model=model)


@pytest.fixture
def folder(tmp_path, looked):
    """The folder of a project with two images and a run that has looked at both."""
    with Session.create(tmp_path / "p.synthseg") as session:
        project = session.project
        run = run_of_one_class()
        project = project.with_classes(project.next_class("cell"))
        session.edit(project.with_run(run), "add")
        for name in ("a.tif", "b.tif"):
            tifffile.imwrite(tmp_path / name, np.zeros(SHAPE, np.uint8))
            session.add_images(tmp_path / name).result()
        session.predict(run, session.project.images).result()
    assert looked == ["a.tif", "b.tif"]
    return session.folder


@pytest.fixture
def session(folder):
    """The project, opened again."""
    with Session.open(folder).result() as session:
        yield session


def recall(session):
    """Return the names of the images of which something was read, and what was told."""
    told: list[str] = []
    job = session.recall(session.project.run("r"))
    job.progressed.connect(lambda step: told.extend(step.notes))
    names = {ref.id: ref.name for ref in session.project.images}
    return [names[one.image] for one in job.result()], told


def test_what_was_found_is_there_without_looking_again(session, looked):
    assert session.found == {}
    assert recall(session) == (["a.tif", "b.tif"], [])
    known = session.found["r"]
    assert list(known) == [ref.id for ref in session.project.images]
    assert all(one.ids[:4, :5].all() and one.ids.sum() == 20 for one in known.values())
    assert session.measure(session.project.run("r")).result().scores.tolist() == [0.9, 0.9]
    assert looked == ["a.tif", "b.tif"], "the model was applied but once"


def test_a_renamed_run_and_one_with_a_least_score_keep_what_they_found(session):
    run = session.project.run("r")
    session.set_least_score(run, 0.95)
    session.rename_run(session.project.run("r"), "the best")
    session.close().result()
    with Session.open(session.folder).result() as again:
        (first, _) = again.recall(again.project.run("the best")).result()
        assert len(first.objects) == 1, "all are kept; which count is decided when they are shown"
        assert len(again.measure(again.project.run("r"), 0.95).result().objects) == 0


def test_what_no_longer_holds_is_not_read(session):
    first, second = session.project.images
    size = first.model_copy(update={"pixel_size": (0.5, 0.5), "unit": "um"})
    session.edit(session.project.with_images(size), "set pixel size")
    assert recall(session) == (["b.tif"], [])
    session.edit(session.project.without_image(second.id), "remove image")
    session.found.clear()
    assert recall(session) == ([], [])
    assert session.found == {}
    session.undo()
    session.undo()
    assert recall(session) == (["a.tif", "b.tif"], [])


def test_a_file_that_changed_has_no_prediction(session, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.ones(SHAPE, np.uint8))
    assert recall(session) == (["b.tif"], [])


def test_a_run_that_went_on_has_found_nothing(session):
    run = session.project.run("r")
    session._replace(session.project.with_run(run.model_copy(update={"steps": 1800})))
    assert recall(session) == ([], [])


def test_damaged_files_are_told_once_and_found_anew(session, looked):
    for path in session.folder.glob("runs/r/predictions/*.safetensors"):
        path.write_text("{")
    names, told = recall(session)
    assert names == []
    (words,) = told
    assert words.startswith("run 1: what it found on 'a.tif', 'b.tif' cannot be read again ('")
    assert words.endswith(".safetensors' is damaged): predict it anew")
    session.predict(session.project.run("r"), session.project.images[:1]).result()
    assert looked == ["a.tif", "b.tif", "a.tif"]
    session.found.clear()
    names, told = recall(session)
    assert names == ["a.tif"]
    assert "on 'b.tif' cannot" in told[0]


def test_what_was_found_since_is_not_replaced(session):
    job = session.recall(session.project.run("r"))
    session.predict(session.project.run("r"), session.project.images[:1]).result()
    newer = session.found["r"][session.project.images[0].id]
    job.result()
    known = session.found["r"]
    assert known[session.project.images[0].id] is newer
    assert len(known) == 2


@pytest.mark.parametrize("act", ["recall", "predict"])
def test_what_no_longer_holds_at_the_end_is_not_taken(session, act):
    """An image may be edited while it is read or looked at."""
    run, (first, second) = session.project.run("r"), session.project.images
    job = session.recall(run) if act == "recall" else session.predict(run, (first, second))
    size = first.model_copy(update={"pixel_size": (0.5, 0.5), "unit": "um"})
    name = second.model_copy(update={"name": "renamed", "role": "test"})
    session.edit(session.project.with_images(size, name), "set pixel size")
    job.result()
    assert list(session.found["r"]) == [second.id]


def test_what_was_found_since_is_not_read(session):
    session.predict(session.project.run("r"), session.project.images[:1]).result()
    assert recall(session) == (["b.tif"], [])
    assert recall(session) == ([], [])


def test_a_full_disk_takes_nothing_of_what_is_found(session, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_synthseg.storage.predictions.write_tiff", full)
    first, second = session.predict(session.project.run("r"), session.project.images).result()
    assert list(session.found["r"].values()) == [first, second]
    (note,) = second.notes
    assert note.startswith("it is gone once the project is closed, as it cannot be kept ('")
    assert "No space left" in note
    session.found.clear()
    assert recall(session) == ([], [])


def test_what_the_task_of_a_run_does_not_find_is_not_read(session, monkeypatch):
    monkeypatch.setattr(type(task_info("segment")), "finds", "boxes")
    names, (words,) = recall(session)
    assert names == []
    assert "is not of the kind that its model finds): predict it anew" in words


def test_what_is_read_fills_no_memory(session, monkeypatch):
    monkeypatch.setattr(session._pixels, "_limit_bytes", SHAPE[0] * SHAPE[1] * 4)
    recall(session)
    first, second = session.found["r"].values()
    assert session._pixels.nbytes == first.ids.nbytes
    assert not second.ids.flags.writeable, "it lies in a file"


def test_one_image_at_a_time_is_in_memory_while_all_are_read(tmp_path, looked, monkeypatch):
    shape, count = (1500, 2000), 4
    with Session.create(tmp_path / "large.synthseg") as session:
        ids = np.zeros(shape, np.int32)
        ids[:4, :5] = 1
        thing = FoundObject(1, 1, 0.9, (1.5, 2.0), ((0, 4), (0, 5)))
        run = run_of_one_class()
        session.edit(session.project.with_run(run), "add")
        for number in range(count):
            add_array(session, np.zeros(shape, np.uint8), "yx", str(number))
        for ref in session.project.images:
            found = InstancePrediction(image=ref.id, run="r", ids=ids, objects=(thing,))
            KeptPredictions(session.folder, run).save(ref, found)
        monkeypatch.setattr(session._pixels, "_limit_bytes", 0)
        list(predicting.recall(session.folder, run, session.project.images[:1]))  # imports
        tracemalloc.start()
        try:
            read = session.recall(run).result()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert len(read) == count
        assert peak < 1.9 * ids.nbytes


def test_what_is_read_when_it_is_stopped_stays(session):
    job = session.recall(session.project.run("r"))
    job.progressed.connect(lambda step: job.cancel() if step.message.endswith("b.tif") else None)
    assert len(job.result()) == len(session.found["r"]) == 1
    assert job.state == "cancelled"


def test_a_project_that_is_open_for_reading_gives_what_it_has(session):
    other = Session.open(session.folder, reading=True).result()
    assert recall(other) == (["a.tif", "b.tif"], [])
    before = sorted(session.folder.rglob("predictions/*"))
    other.predict(other.project.run("r"), other.project.images).result()
    assert sorted(session.folder.rglob("predictions/*")) == before
    other.close().result()


def test_options_are_told_and_so_they_are_with_scores(session):
    run = session.project.run("r")
    first, second = session.project.images
    ids = np.zeros(SHAPE, np.int32)
    ids[:4, :5] = 1
    for ref in (first, second):
        add_masks(session, ref, InstanceLabels(ids, {1: 1}))

    def warnings():
        found = list(session.found["r"].values())
        return found, session.score(run, found).result().warnings

    recall(session)
    usual = warnings()[1]
    session.predict(run, [first], magnification=2.0).result()
    session.predict(run, [second], adapt=True, magnification="auto").result()
    made, told = warnings()
    assert [one.how for one in made] == [
        "it was found with a magnification of 2",
        "it was found with the model adapted to the images learned from and several "
        "magnifications tried",
    ]
    assert told[:2] == (f"On 'a.tif' {made[0].how}.", f"On 'b.tif' {made[1].how}.")
    assert told[2:] == usual
    session.found.clear()
    recall(session)
    read, told_again = warnings()
    assert told_again == told
    words = describe_notes(read, session.project)
    assert words == describe_notes(made, session.project)
    assert f"b.tif: {made[1].how}." in words


def test_a_copy_and_a_moved_project_have_it_and_a_deleted_run_has_not(session, tmp_path):
    copy = session.save_as(tmp_path / "far" / "copy.synthseg").result()
    assert recall(copy) == (["a.tif", "b.tif"], [])
    copy.delete_run(copy.project.run("r"))
    assert list(copy.folder.glob("runs/r/predictions/*.safetensors")), "undo may bring it back"
    copy.close().result()
    assert not (copy.folder / "runs" / "r").exists()
    assert recall(session) == (["a.tif", "b.tif"], [])


def test_what_was_found_on_images_that_are_gone_goes_with_the_session(session):
    first, second = session.project.images
    place = session.folder / "runs" / "r" / "predictions"
    session.edit(session.project.without_image(first.id), "remove image")
    assert {path.stem for path in place.iterdir()} == {first.id, second.id}, "undo may need it"
    (place / "notes.txt").touch()
    session.close().result()
    names = {f"{second.id}.safetensors", f"{second.id}.tif", "notes.txt"}
    assert {path.name for path in place.iterdir()} == names


def test_work_on_the_records_of_runs_is_let_go_when_it_has_ended(session):
    run = session.project.run("r")
    for name in ("a", "b", "c"):
        session.rename_run(session.project.run(run.id), name)
        for job in session.jobs:
            job.join(60)
    assert session.jobs == ()
    assert not session._keeping
