"""A model applied to a folder: written image by image, with what went wrong said."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.predictions import FoundObject, InstancePrediction
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.runs import DecodingRule, ModelRecord, TrainingRun
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.io import tables
from napari_synthseg.workflow import predicting
from napari_synthseg.workflow.found import applying
from napari_synthseg.workflow.session import Session


@pytest.fixture
def ready(tmp_path, monkeypatch):
    """A session with a run whose model finds one object, and a folder of images."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("b.tif", "a.tif", "c.tif"):
        tifffile.imwrite(folder / name, np.zeros((20, 30), np.uint8))
    (folder / "broken.tif").write_bytes(b"no image")
    (folder / "notes.txt").write_text("no image either")

    def load(folder, run, adapt_to):
        yield Progress(0.0, "loading")
        return None

    def find(predictor, run, ref, folder, magnification):
        yield Progress(0.0, "looking")
        if "c.tif" in ref.uri:
            raise InputError("it has 3 channels, the model learned from 1")
        ids = np.zeros((20, 30), np.int32)
        ids[:4, :5] = 1
        ids[8:, 8:] = 2
        objects = (
            FoundObject(1, 1, 0.9, (1.5, 2.0), ((0, 4), (0, 5))),
            FoundObject(2, 1, 0.2, (14.0, 19.0), ((8, 20), (8, 30))),
        )
        notes = ("it is dimmer",) if "b.tif" in ref.uri else ()
        return InstancePrediction(image=ref.id, ids=ids, objects=objects, notes=notes)

    monkeypatch.setattr(applying, "load_model", load)
    monkeypatch.setattr(applying, "apply_model", find)
    with Session.create(tmp_path / "p") as session:
        project = session.project
        project = project.with_classes(project.next_class("cell"))
        rule = DecodingRule(kind="segment", class_values=(1,), diameter=10.0)
        model = ModelRecord(spec=ModelSpec(), in_channels=1, out_channels=3, rule=rule)
        run = TrainingRun(id="r", name="r", state="done", model=model, least_score=0.5)
        session.edit(project.with_run(run), "add")
        yield session, run, folder


def test_a_folder_is_written_with_a_summary(ready, tmp_path):
    session, run, folder = ready
    out = tmp_path / "out"
    applied = session.apply(run, [folder], out).result()
    assert [(one.name, one.found) for one in applied.images] == [
        ("a.tif", "1 (cell)"), ("b.tif", "1 (cell)"), ("c.tif", ""), ("broken.tif", ""),
    ]  # fmt: skip
    assert applied.images[1].notes == ("it is dimmer",)
    assert "3 channels" in applied.images[2].notes[0]
    assert sorted(p.name for p in out.iterdir()) == ["a.tif", "b.tif", "objects.csv", "summary.csv"]
    assert applied.message == f"4 files written to {out}. 2 image(s) could not be read."
    assert np.unique(tifffile.imread(out / "a.tif")).tolist() == [0, 1]  # from its score on
    with (out / "objects.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["image"], row["class"]) for row in rows] == [("a.tif", "cell"), ("b.tif", "cell")]
    with pytest.raises(InputError, match="exists already"):
        session.apply(run, [folder], out).result()


def test_what_a_stopped_job_found_stays(ready, tmp_path):
    session, run, folder = ready
    job = session.apply(run, [folder], tmp_path / "out")

    def stop(step: Progress) -> None:
        if "image 2" in step.message:
            job.cancel()

    job.progressed.connect(stop)
    applied = job.result()
    assert job.state == "cancelled"
    assert [one.name for one in applied.images] == ["a.tif"]
    assert "Stopped after 1 of 4 images." in applied.message
    assert (tmp_path / "out" / "objects.csv").read_text().count("\n") == 2


def test_what_a_stopped_prediction_found_stays(ready, monkeypatch):
    session, run, folder = ready
    for name in ("a.tif", "b.tif"):
        session.add_images(folder / name).result()
    refs = session.project.images
    for name in ("load_model", "apply_model"):
        monkeypatch.setattr(predicting, name, vars(applying)[name])  # those of the fixture
    job = session.predict(run, refs)

    def stop(step: Progress) -> None:
        if step.message.startswith(f"predicting {refs[1].name}"):
            job.cancel()

    job.progressed.connect(stop)
    (found,) = job.result()
    assert job.state == "cancelled"
    assert found.image == refs[0].id
    assert list(session.found[run.id]) == [refs[0].id]


def test_an_image_is_never_replaced_by_what_was_found_on_it(ready, tmp_path):
    session, run, folder = ready
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(InputError, match=r"a\.tif is not written.*Give another --out\.$"):
        session.apply(run, [folder], folder, overwrite=True).result()
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def read_column(path, column):
    with path.open(newline="") as file:
        return [row[column] for row in csv.DictReader(file)]


def test_what_was_found_before_a_failure_is_whole(ready, tmp_path, monkeypatch):
    session, run, folder = ready
    find = vars(applying)["apply_model"]  # that of the fixture

    def fail_at_last(predictor, run, ref, *how):
        if "c.tif" in ref.uri:
            raise RuntimeError("CUDA out of memory")
        return find(predictor, run, ref, *how)

    monkeypatch.setattr(applying, "apply_model", fail_at_last)
    out = tmp_path / "out"
    with pytest.raises(RuntimeError, match="CUDA"):
        session.apply(run, [folder], out).result()
    assert sorted(p.name for p in out.iterdir()) == ["a.tif", "b.tif", "objects.csv", "summary.csv"]
    assert read_column(out / "objects.csv", "image") == ["a.tif", "b.tif"]
    assert read_column(out / "summary.csv", "image") == ["a.tif", "b.tif", "c.tif"]
    assert read_column(out / "summary.csv", "notes")[2] == "CUDA out of memory"


def test_a_full_disk_leaves_no_table_that_looks_whole(ready, tmp_path, monkeypatch):
    session, run, folder = ready

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tables, "replace_file", full)
    with pytest.raises(InputError, match="No space left"):
        session.apply(run, [folder], tmp_path / "out").result()
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.tif", "b.tif"]


def test_a_model_that_cannot_be_loaded_leaves_no_file(ready, tmp_path, monkeypatch):
    session, run, folder = ready

    def load(*_):
        raise RuntimeError("CUDA out of memory")
        yield

    monkeypatch.setattr(applying, "load_model", load)
    with pytest.raises(RuntimeError, match="CUDA"):
        session.apply(run, [folder], tmp_path / "out").result()
    assert not (tmp_path / "out").exists()


def test_nothing_to_look_at_is_said(ready, tmp_path):
    session, run, _ = ready
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no image file"):
        session.apply(run, [tmp_path / "empty"], tmp_path / "out").result()
    with pytest.raises(InputError, match="does not exist"):
        session.apply(run, [tmp_path / "gone"], tmp_path / "out").result()
