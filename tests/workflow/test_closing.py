"""Closing a session returns at once, loses nothing, and frees the folder when it is done."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.progress import Cancelled, Progress
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.storage import runs
from napari_synthseg.storage.project_store import ProjectStore
from napari_synthseg.workflow.importing import Imported, find_missing
from napari_synthseg.workflow.jobs import Job
from napari_synthseg.workflow.session import Session, wait_until_closed
from tests.helpers.sessions import add_array, true_masks


@pytest.fixture
def session(tmp_path):
    session = Session.create(tmp_path / "p.synthseg")
    session.edit(session.project.with_classes(session.project.next_class("cell")), "add class")
    yield session
    session.close().result()


def slow(session, entered, release, merge=None):
    """Return a job of the session whose step only ends on release, and which then has a result."""

    def work():
        yield Progress(0.0)
        entered.set()
        release.wait(30)
        try:
            yield Progress(0.5)
        except Cancelled:
            return session.project.next_class("found")
        raise AssertionError("was not cancelled")

    job = Job(work(), "slow")

    def add_class(outcome):
        session._replace(session.project.with_classes(outcome.value))

    session._merges[job] = merge or add_class
    return job.start()


def test_closing_returns_at_once_and_keeps_what_still_ends(session):
    entered, release = threading.Event(), threading.Event()
    job = slow(session, entered, release)
    assert entered.wait(5)
    told = []
    session.changed.connect(lambda *change: told.append(change))
    started = time.perf_counter()
    end = session.close()
    assert time.perf_counter() - started < 0.1
    assert end.state == "running"
    assert session.close() is end
    with pytest.raises(InputError, match="is closed: open it again"):
        session.edit(session.project.without_class(1), "too late")
    assert ProjectStore.open(session.folder).read_only  # still ours
    release.set()
    end.result()
    assert job.state == "cancelled"
    assert told == []
    with Session.open(session.folder).result() as again:
        assert not again.read_only
        assert [c.name for c in again.project.classes] == ["cell", "found"]


def test_closing_writes_the_record_of_a_run_that_what_ends_meanwhile_changes(session, monkeypatch):
    run, save = TrainingRun(id="r", name="before"), runs.save_run
    session.edit(session.project.with_run(run), "add run")
    entered, release = threading.Event(), threading.Event()

    def save_slowly(*record):
        time.sleep(0.3)
        save(*record)

    monkeypatch.setattr(runs, "save_run", save_slowly)

    def rename(outcome):
        session._replace_runs(session.project.with_run_renamed("r", "after"))

    slow(session, entered, release, rename)
    assert entered.wait(5)
    end = session.close()
    release.set()
    end.result()
    record = json.loads((session.folder / "runs" / "r" / "run.json").read_text("utf-8"))
    assert record["name"] == "after"


def test_opening_waits_for_the_end_of_closing(session):
    entered, release = threading.Event(), threading.Event()
    slow(session, entered, release)
    assert entered.wait(5)
    session.close()
    opening = Session.open(session.folder)
    said = []
    opening.progressed.connect(lambda step: said.append(step.message))
    opening.start()
    assert not opening.join(0.5)
    assert any("waiting" in words for words in said)
    release.set()
    with opening.result() as again:
        assert not again.read_only
        assert len(again.project.classes) == 2


def test_what_was_being_painted_is_kept(session):
    ref = add_array(session, np.zeros((20, 30), np.uint8), "yx", "picture")
    painted = np.zeros((20, 30), np.uint8)
    painted[4:9] = 1
    session.paint([ref], painted).start()
    session.close()
    wait_until_closed()
    with Session.open(session.folder).result() as again:
        (truth,) = again.project.truths
        assert (truth.kind, truth.image) == ("semantic", ref.id)
        np.testing.assert_array_equal(true_masks(again, ref).values, painted)


def test_painting_replaces_what_was_painted_and_removes_what_undo_alone_could_bring_back(session):
    left, right = (
        add_array(session, np.zeros((8, 8), np.uint8), "yx", "p", region=((0, 8), x))
        for x in ((0, 4), (4, 8))
    )
    painted = np.zeros((8, 8), np.uint8)
    painted[2:5, 2:6] = 1
    first = session.paint([left, right], painted, rest_unknown=True).result()
    assert [t.image for t in first.truths] == [left.id, right.id]
    assert (first.counts[0], first.counts[1]) == (52, 12)
    painted[:, :4] = 255  # background alone: no class is left of it
    second = session.paint([left, right], painted, rest_unknown=True).result()
    assert [t.image for t in second.truths] == [right.id]
    assert session.project.truths == second.truths
    assert session.history.undo_label == "paint regions"
    stored = session.folder / "arrays.zarr"
    assert (stored / first.truths[0].id).exists()
    session.close().result()
    assert not (stored / first.truths[0].id).exists()
    assert (stored / second.truths[0].id).exists()


def test_a_close_that_cannot_write_says_so_and_can_be_repeated(session, monkeypatch):
    def full(self, timeout=None):
        raise InputError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(ProjectStore, "flush", full)
        with pytest.raises(InputError, match="no space"):
            session.close().result()
    session.edit(session.project.without_class(1), "the project stays open")
    session.close().result()
    with Session.open(session.folder).result() as again:
        assert again.project.classes == ()


def test_what_was_recorded_while_closing_is_told_where_the_close_fails(session, monkeypatch):
    entered, release = threading.Event(), threading.Event()
    slow(session, entered, release)
    assert entered.wait(5)
    before, told = session.project, []
    session.changed.connect(lambda *change: told.append(change))

    def full(self, timeout=None):
        raise InputError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(ProjectStore, "flush", full)
        end = session.close()
        release.set()
        with pytest.raises(InputError, match="no space"):
            end.result()
    assert told == [(session.project, before)]
    assert [c.name for c in session.project.classes] == ["cell", "found"]


def test_a_job_that_never_started_does_not_hold_up_the_end(session):
    find_missing(session.project, session.folder)
    session.close().result()


def test_imports_apply_to_the_project_of_now(session):
    job = session.add_images(np.zeros((4, 4), np.uint8), axes="yx", name="a")
    job.run()
    session.edit(session.project.with_classes(session.project.next_class("new")), "meanwhile")
    session.record(job)
    assert [c.name for c in session.project.classes] == ["cell", "new"]
    assert [i.name for i in session.project.images] == ["a"]
    assert Imported().added_to(session.project) is session.project


def test_a_copy_gets_what_is_edited_and_painted_while_it_is_made(session, tmp_path, monkeypatch):
    ref = add_array(session, np.zeros((8, 8), np.uint8), "yx", "p")
    copied, go_on = threading.Event(), threading.Event()
    save_as = session.store.save_as

    def slowly(folder):
        copy = save_as(folder)
        copied.set()
        assert go_on.wait(30)
        return copy

    monkeypatch.setattr(session.store, "save_as", slowly)
    job = session.save_as(tmp_path / "copy.synthseg").start()
    assert copied.wait(30)
    with pytest.raises(InputError, match=r"Still busy: save as copy\.synthseg\. Wait for its end"):
        session.synthesize(1)
    session.edit(session.project.with_classes(session.project.next_class("late")), "add class")
    painted = np.zeros((8, 8), np.uint8)
    painted[2:5] = 1
    session.paint([ref], painted).result()
    go_on.set()
    copy = job.result()
    session.record(job)
    copy.close().result()
    with Session.open(tmp_path / "copy.synthseg").result() as again:
        assert [c.name for c in again.project.classes] == ["cell", "late"]
        np.testing.assert_array_equal(true_masks(again, ref).values, painted)


def test_no_copy_is_made_while_work_runs_that_it_would_be_without(session, tmp_path):
    entered, release = threading.Event(), threading.Event()
    job = slow(session, entered, release)
    assert entered.wait(5)
    with pytest.raises(InputError, match=r"Still busy: slow\. Wait for it, or cancel it"):
        session.save_as(tmp_path / "copy.synthseg")
    assert not (tmp_path / "copy.synthseg").exists()
    job.cancel()
    release.set()
    job.join()
    session.save_as(tmp_path / "copy.synthseg").result().close().result()


def test_the_end_of_a_program_waits_for_a_stated_time_only_and_says_what_it_leaves(session, caplog):
    entered, release = threading.Event(), threading.Event()
    job = slow(session, entered, release)
    assert entered.wait(5)
    end = session.close()
    started = time.perf_counter()
    wait_until_closed(limit_s=0.2)
    assert 0.15 < time.perf_counter() - started < 5
    assert end.state == "running"
    assert "Left after 0 s" in caplog.text
    assert "close p.synthseg" in caplog.text
    release.set()
    end.result()
    assert job.state == "cancelled"


def test_a_program_that_ends_lets_a_session_close(tmp_path):
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from napari_synthseg.workflow.session import Session\n"
        "session = Session.create(Path(sys.argv[1]))\n"
        "slow = session.store.flush\n"
        "session.store.flush = lambda *args: (time.sleep(1), slow(*args))\n"
        "session.edit(session.project.with_classes(session.project.next_class('cell')), 'add')\n"
        "session.close()\n"
    )
    folder = tmp_path / "ended.synthseg"
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, timeout=120)
    with Session.open(folder).result() as again:
        assert not again.read_only
        assert [c.name for c in again.project.classes] == ["cell"]


def test_what_ends_with_the_program_is_recorded_and_saved(tmp_path):
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from napari_synthseg.core.progress import Cancelled, Progress\n"
        "from napari_synthseg.workflow.importing import Imported\n"
        "from napari_synthseg.workflow.session import Session\n"
        "session = Session.create(Path(sys.argv[1]))\n"
        "session.edit(session.project.with_classes(session.project.next_class('cell')), 'add')\n"
        "added = session.add_images(np.zeros((8, 8), np.uint8), axes='yx', name='a').result()\n"
        "def work():\n"
        "    yield Progress(0.0)\n"
        "    time.sleep(1)\n"
        "    try:\n"
        "        yield Progress(0.5)\n"
        "    except Cancelled:\n"
        "        return Imported(classes=(session.project.next_class('found'),))\n"
        "session.paint(added.images, np.ones((8, 8), np.uint8)).start()\n"
        "job = session._importing(work(), 'slow').start()\n"
        "session._merges[job] = lambda o: session._replace(o.value.added_to(session.project))\n"
        "time.sleep(0.2)\n"
        "session.close()\n"
    )
    folder = tmp_path / "ended.synthseg"
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, timeout=120)
    with Session.open(folder).result() as again:
        assert not again.read_only
        assert [c.name for c in again.project.classes] == ["cell", "found"]
        assert [t.kind for t in again.project.truths] == ["semantic"]
