"""What goes wrong in a training ends in one clear sentence, and nothing of it is lost."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.annotations import Click
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.atomic import replace_file
from napari_synthseg.storage import runs
from napari_synthseg.tasks.segment.targets import make_targets
from napari_synthseg.workflow import training
from napari_synthseg.workflow.session import Session
from tests.helpers.clicked_fields import TINY, disk_field
from tests.helpers.sessions import MAKE_TARGETS, add_file, break_after

LONG = TINY.model_copy(update={"steps": 20})
"""Its weights are first checked, and it is first saved, at step 8."""

REPLACE_FILE = "napari_synthseg.storage.tensors.replace_file"


@pytest.fixture
def filed(session, tmp_path):
    """A project with one clicked image that has a file; and the file."""
    image, labels, centers = disk_field(1)
    path = tmp_path / "field.tif"
    tifffile.imwrite(path, image)
    project = session.project
    project = project.with_classes(project.next_class("bright", diameter=14))
    session.edit(project.with_classes(project.next_class("dark", diameter=14)), "add classes")
    (ref,) = add_file(session, path, exhaustive=True)
    clicks = [Click(image=ref.id, position=p, cls=labels.classes[i]) for i, p in centers.items()]
    session.edit(session.project.with_clicks(*clicks), "click")
    return session, path


def at_step(number, action):
    """Return a listener that does something at a step, once."""
    done = []

    def on_progress(step):
        if not done and step.metrics.get("step") == number and "loss" in step.metrics:
            done.append(number)
            action()

    return on_progress


def full(*_, **__):
    raise OSError(28, "No space left on device")


def test_a_worker_that_raises_keeps_all_steps_so_far(clicked, monkeypatch):
    break_after(monkeypatch, 60)
    with pytest.raises(RuntimeError, match="it broke"):
        clicked.train(TINY.model_copy(update={"steps": 1000}), "broken").result()
    run = clicked.project.run("broken")
    assert run.state == "failed"
    _, meta = runs.checkpoints(clicked.folder, run.id).load("checkpoint")
    assert meta["step"] > 10
    monkeypatch.setattr(MAKE_TARGETS, make_targets)
    shorter = run.model_copy(
        update={"spec": run.spec.model_copy(update={"steps": meta["step"] + 2})}
    )
    resumed = clicked.train(shorter).result()
    assert (resumed.state, resumed.steps) == ("done", meta["step"] + 2)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried …"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
    ],
)
def test_too_little_memory_is_told_with_a_remedy(clicked, monkeypatch, error):
    def broken(*_):
        raise error

    monkeypatch.setattr(MAKE_TARGETS, broken)
    with pytest.raises(InputError, match=r"not enough memory.*: choose smaller crops"):
        clicked.train(TINY).result()


def test_a_training_that_cannot_fit_is_refused_before_its_first_step(clicked, monkeypatch):
    """Linux would hand out the memory, and kill the program that uses it."""
    made = []

    def counted(*args):
        made.append(args)
        return make_targets(*args)

    monkeypatch.setattr(MAKE_TARGETS, counted)
    free = SimpleNamespace(available=2**29)
    monkeypatch.setattr("napari_synthseg.tasks.memory.psutil.virtual_memory", lambda: free)
    large = TINY.model_copy(update={"crop": 2048, "batch_size": 64})
    with pytest.raises(InputError, match=r"at least \d+\.\d GB of memory, and 0\.5 GB are free"):
        clicked.train(large, "huge").result()
    run = clicked.project.run("huge")
    assert (run.state, run.steps) == ("failed", 0)
    assert len(made) < 64, "no batch was drawn"
    assert clicked.train(TINY).result().state == "done"


def test_a_disk_that_is_full_for_a_while_stops_nothing(clicked, monkeypatch):
    job, notes = clicked.train(LONG, "tight"), []
    job.progressed.connect(at_step(7, lambda: monkeypatch.setattr(REPLACE_FILE, full)))
    job.progressed.connect(lambda step: notes.extend(step.notes))

    def make_room(step):
        if step.message.startswith("not saved yet"):
            monkeypatch.setattr(REPLACE_FILE, replace_file)

    job.progressed.connect(make_room)
    run = job.result()
    assert (run.state, run.steps) == ("done", 20)
    assert any("goes on unsaved" in note and "No space left" in note for note in notes)
    assert any("trying again" in note and "free space" in note for note in notes)
    assert runs.load_weights(clicked.folder, run.id)


def test_a_disk_that_stays_full_is_told_and_the_run_goes_on_later(clicked, monkeypatch):
    monkeypatch.setattr(training, "PATIENCE_S", 0.1)
    job = clicked.train(LONG, "full")
    job.progressed.connect(at_step(12, lambda: monkeypatch.setattr(REPLACE_FILE, full)))
    with pytest.raises(InputError, match=r"weights.* cannot be written .*: free space"):
        job.result()
    run = clicked.project.run("full")
    assert run.state == "failed"
    monkeypatch.setattr(REPLACE_FILE, replace_file)
    resumed = clicked.train(run).result()
    assert (resumed.state, resumed.steps) == ("done", 20)


def test_an_image_that_is_gone_before_is_named_and_goes_on_once_it_is_back(filed):
    session, path = filed
    hidden = path.with_name("elsewhere.tif")
    path.rename(hidden)
    with pytest.raises(InputError, match=r"field\.tif"):
        session.train(TINY, "blind").result()
    hidden.rename(path)
    resumed = session.train(session.project.run("blind")).result()
    assert resumed.state == "done"


def test_an_image_that_vanishes_in_the_midst_is_named_and_no_step_is_lost(filed):
    session, path = filed
    hidden = path.with_name("elsewhere.tif")
    job = session.train(LONG, "on")
    job.progressed.connect(at_step(3, lambda: path.rename(hidden)))
    with pytest.raises(InputError, match=r"field\.tif' is no longer there: put it back"):
        job.result()
    run = session.project.run("on")
    assert runs.checkpoints(session.folder, run.id).load("checkpoint")[1]["step"] >= 3
    hidden.rename(path)
    resumed = session.train(run).result()
    assert (resumed.state, resumed.steps) == ("done", 20)


def test_a_folder_that_is_deleted_is_told_and_all_can_be_saved_elsewhere(
    clicked, tmp_path, monkeypatch
):
    monkeypatch.setattr(training, "PATIENCE_S", 0.1)
    folder, told = clicked.folder, []
    clicked.close().result()
    session = Session.open(folder).result()
    session.store.failed.connect(told.append)
    job = session.train(LONG, "homeless")
    job.progressed.connect(at_step(2, lambda: shutil.rmtree(folder)))
    gone = (
        r"folder of the project 'p\.synthseg' is gone: put it back, or save the project in another"
    )
    with pytest.raises(InputError, match=gone):
        job.result()
    assert not (folder / "runs").exists(), "half a project is worse than none"
    session.edit(session.project.without_class(2), "delete class")
    while not told:
        time.sleep(0.05)
    assert re.search(gone, told[-1])
    copy = session.save_as(tmp_path / "saved.synthseg").result()
    assert len(copy.project.clicks) == len(session.project.clicks) > 0
    assert [run.state for run in copy.project.runs] == ["failed"]
    copy.close().result()
    with pytest.raises(InputError, match=gone):
        session.close().result()


def test_a_killed_training_goes_on_from_its_checkpoint(filed):
    session, _ = filed
    folder = session.folder
    session.close().result()
    code = (
        "import sys\n"
        "from napari_synthseg import open_project\n"
        "from napari_synthseg.training import trainer\n"
        "from tests.helpers.clicked_fields import TINY\n"
        "trainer.SAVE_EVERY_S = 0.2\n"
        "session = open_project(sys.argv[1])\n"
        "session.train(TINY.model_copy(update={'steps': 100_000}), 'killed').result()\n"
    )
    program = subprocess.Popen([sys.executable, "-c", code, str(folder)])
    end = time.monotonic() + 240
    while not list(folder.glob("runs/*/checkpoint.safetensors")):
        assert program.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    program.kill()
    program.wait()
    with Session.open(folder).result() as again:
        assert not again.read_only
        run = again.project.run("killed")
        assert run.state == "running"
        reached = runs.checkpoints(folder, run.id).load("checkpoint")[1]["step"]
        rest = run.spec.model_copy(update={"steps": reached + 2})
        resumed = again.train(run.model_copy(update={"spec": rest})).result()
        assert (resumed.state, resumed.steps) == ("done", reached + 2)
        assert np.isfinite(resumed.seconds)
        assert len(again.project.clicks) > 10
