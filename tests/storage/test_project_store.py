from __future__ import annotations

import shutil
import sqlite3
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_synthseg.core.annotations import (
    InstanceTruth,
)
from napari_synthseg.core.errors import InputError, ReadOnlyError
from napari_synthseg.core.project import Project
from napari_synthseg.core.recipe import Recipe, UnknownRecipe
from napari_synthseg.core.runs import DecodingRule, ModelRecord, TrainingRun
from napari_synthseg.core.scores import Scores
from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.storage import project_store, writer
from napari_synthseg.storage.arrays import open_array, save_array
from napari_synthseg.storage.project_store import ProjectStore
from tests.helpers.projects import digests, sample_project


def reopened(folder: Path) -> Project:
    store = ProjectStore.open(folder)
    try:
        return store.load()
    finally:
        store.close()


def test_a_new_project_is_empty_and_writable(store: ProjectStore) -> None:
    assert store.load() == Project()
    assert not store.read_only
    assert store.notice == ""


def test_what_was_written_comes_back(store: ProjectStore) -> None:
    project = sample_project()
    store.write(project)
    assert store.load() is project
    store.close()
    assert reopened(store.folder) == project


def test_saved_comes_after_the_commit_with_the_revision(store: ProjectStore) -> None:
    seen: list[tuple[int, int]] = []
    both = threading.Event()

    @store.saved.connect
    def look_at_the_disk(revision: int) -> None:
        # another program sees the commit already
        with sqlite3.connect(f"file:{store.folder / 'project.db'}?mode=ro", uri=True) as reader:
            seen.append((revision, reader.execute("SELECT count(*) FROM clicks").fetchone()[0]))
        if revision == 2:
            both.set()

    first, second = sample_project(1), sample_project(2)
    assert store.write(first) == 1
    assert store.write(second) == 2
    assert both.wait(20)
    assert seen[-1] == (2, 2)
    assert [revision for revision, _ in seen] == sorted({revision for revision, _ in seen})


def test_edits_that_queue_up_are_one_transaction(
    store: ProjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, started = threading.Event(), threading.Event()
    revisions: list[int] = []

    @store.saved.connect
    def hold_up(revision: int) -> None:
        revisions.append(revision)
        started.set()
        go.wait(20)

    old = store.load()
    for count in range(1, 11):
        new = sample_project(count)
        store.write(new)
        old = new
        if count == 1:
            assert started.wait(20)
    go.set()
    store.flush()
    store.close()
    assert revisions == [1, 10]
    assert reopened(store.folder) == old


def test_settings_come_back(store: ProjectStore) -> None:
    class Odd(Recipe):
        kind: str = "odd-for-this-test"
        amount: float = 1.0

    scores = Scores(
        task="segment", measured_on="real", images=("a",), objects=0, values={"f1": float("nan")}
    )
    rule = DecodingRule(kind="odd", class_values=(1,), diameter=9.0, amounts=[0.5])
    model = ModelRecord(spec=ModelSpec(), in_channels=1, out_channels=2, rule=rule)
    project = sample_project().model_copy(
        update={
            "recipe": Odd(amount=2.5),
            "train_spec": TrainSpec(steps=7),
            "truths": (InstanceTruth(image="a", source="m.tif", classes={3: 2}),),
            "runs": (TrainingRun(id="r", name="run", model=model),),
        }
    )
    store.write(project)
    store.close()
    assert reopened(store.folder) == project

    store = ProjectStore.open(store.folder)
    scored = project.runs[0].model_copy(update={"scores": (scores,)})
    store.write(project.with_run(scored).model_copy(update={"recipe": None}))
    store.close()
    again = reopened(store.folder)
    assert again.recipe is None
    assert np.isnan(again.runs[0].scores[0].values["f1"])


def test_a_recipe_nobody_knows_is_kept_word_for_word(
    store: ProjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Newer(Recipe):
        kind: str = "newer-for-this-test"
        depth: int = 4

    store.write(Project(recipe=Newer(depth=9)))
    store.close()
    monkeypatch.delitem(Recipe.kinds, "newer-for-this-test")
    unknown = reopened(store.folder).recipe
    assert isinstance(unknown, UnknownRecipe)
    store = ProjectStore.open(store.folder)
    store.write(sample_project().model_copy(update={"recipe": unknown}))
    store.close()
    monkeypatch.setitem(Recipe.kinds, "newer-for-this-test", Newer)
    assert reopened(store.folder).recipe == Newer(depth=9)


def test_a_recipe_of_another_version_does_not_lock_the_project(
    store: ProjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Old(Recipe):
        kind: str = "changing-for-this-test"
        dropped_later: int = 4

    class New(Recipe):
        kind: str = "changing-for-this-test"

    monkeypatch.setitem(Recipe.kinds, "changing-for-this-test", Old)
    store.write(sample_project().model_copy(update={"recipe": Old()}))
    store.close()
    monkeypatch.setitem(Recipe.kinds, "changing-for-this-test", New)
    found = reopened(store.folder)
    assert found.clicks == sample_project().clicks
    assert found.recipe is not None
    assert found.recipe.model_dump() == Old().model_dump()
    with pytest.raises(InputError, match="not installed: install the package"):
        found.recipe.fit(None)


# --- one writer ------------------------------------------------------------------------------


def test_a_second_opener_reads_and_says_who_writes(store: ProjectStore) -> None:
    project = sample_project()
    store.write(project)
    store.flush()
    second = ProjectStore.open(store.folder)
    assert second.read_only
    assert "read-only" in second.notice
    assert "this program has this project open" in second.notice
    assert second.load() == project
    with pytest.raises(ReadOnlyError, match="not open for writing"):
        second.write(Project())
    second.flush()
    second.close()
    store.write(sample_project(5))
    store.flush()
    assert second.load() == sample_project(5)


def test_reading_only_changes_no_file(store: ProjectStore) -> None:
    store.write(sample_project())
    store.flush()
    (store.folder / "project.db-shm").touch()
    before = digests(store.folder)
    second = ProjectStore.open(store.folder)
    second.load()
    second.close()
    after = digests(store.folder)
    # the index that SQLite's readers and writer share belongs to the writer and to no project
    assert {k: v for k, v in after.items() if not k.endswith("-shm")} == {
        k: v for k, v in before.items() if not k.endswith("-shm")
    }


def test_the_project_is_free_again_after_closing(store: ProjectStore) -> None:
    store.close()
    store.close()
    second = ProjectStore.open(store.folder)
    assert not second.read_only
    second.close()
    assert sorted(p.name for p in store.folder.iterdir()) == ["project.db", "project.lock"]
    with pytest.raises(InputError, match="closed"):
        store.write(sample_project())


def test_a_folder_that_cannot_be_written_opens_read_only(
    store: ProjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = sample_project()
    store.write(project)
    store.close()
    before = digests(store.folder)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    opened = ProjectStore.open(store.folder)
    assert opened.read_only
    assert "cannot be written" in opened.notice
    assert "Permission denied" in opened.notice
    assert opened.load() == project
    opened.close()
    assert digests(store.folder) == before


def test_one_project_a_folder(store: ProjectStore) -> None:
    with pytest.raises(InputError, match="already holds a project"):
        ProjectStore.create(store.folder)


def test_a_file_is_no_place_for_a_project(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="No project can be made"):
        ProjectStore.create(tmp_path / "file")


def test_a_journal_without_its_database_does_not_reach_the_next_project(folder: Path) -> None:
    folder.mkdir()
    other = sqlite3.connect(folder / "project.db", isolation_level=None)
    other.execute("PRAGMA cache_size = 1")
    other.execute("CREATE TABLE t (x)")
    other.executemany("INSERT INTO t VALUES (?)", [("x" * 2000,)] * 50)
    other.execute("BEGIN")
    other.execute("UPDATE t SET x = 'y'")
    journal = (folder / "project.db-journal").read_bytes()
    other.close()
    (folder / "project.db").unlink()
    (folder / "project.db-journal").write_bytes(journal)
    store = ProjectStore.create(folder)
    store.write(sample_project())
    store.close()
    assert reopened(folder) == sample_project()


def test_nothing_to_open(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match="There is no project"):
            ProjectStore.open(folder)
    assert not list(tmp_path.iterdir())


# --- trouble with the disk -------------------------------------------------------------------


def pragma(store: ProjectStore, what: str) -> Any:
    """Ask or tell the connection that writes: these settings hold for it alone."""
    assert store._connection is not None
    (value,) = store._connection.execute(f"PRAGMA {what}").fetchone()
    return value


def fill_disk(store: ProjectStore) -> None:
    """Let the database grow no more."""
    pragma(store, f"max_page_count = {pragma(store, 'page_count')}")


def test_a_full_disk_is_told_and_nothing_is_lost(store: ProjectStore) -> None:
    told: list[str] = []
    store.failed.connect(told.append)
    fill_disk(store)
    many = sample_project(2_000)
    store.write(many)
    with pytest.raises(InputError, match="full"):
        store.flush()
    with pytest.raises(InputError, match="could not be saved"):
        store.close()  # stays open, to try again
    assert told
    assert "cells.synthseg" in told[0]
    pragma(store, "max_page_count = 1000000")
    store.flush()
    store.close()
    assert reopened(store.folder) == many


def test_the_next_edit_brings_what_failed_before(store: ProjectStore) -> None:
    fill_disk(store)
    failed = threading.Event()
    store.failed.connect(lambda message: failed.set())
    many = sample_project(2_000)
    store.write(many)
    assert failed.wait(20)
    pragma(store, "max_page_count = 1000000")
    more = many.with_clicks(many.clicks[7].model_copy(update={"cls": 2}))
    store.write(more)
    store.close()
    assert reopened(store.folder) == more


def test_two_items_of_one_key_are_told(store: ProjectStore) -> None:
    project = sample_project()
    store.write(project.model_copy(update={"clicks": project.clicks * 2}))
    with pytest.raises(InputError, match="two clicks share the same id"):
        store.flush()
    store.write(project)
    store.flush()


def test_flush_has_a_limit(store: ProjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    store.saved.connect(lambda revision: go.wait(20))
    first = sample_project(1)
    store.write(first)
    store.flush()
    store.write(sample_project(2))
    with pytest.raises(InputError, match=r"after 0\.1 seconds"):
        store.flush(0.1)
    go.set()
    store.flush(20)


def test_a_listener_that_fails_does_not_stop_saving(store: ProjectStore) -> None:
    @store.saved.connect
    def fail(revision: int) -> None:
        raise ValueError("a defect elsewhere")

    store.write(sample_project(1))
    store.flush()
    store.write(sample_project(2))
    store.flush(20)
    store.close()
    assert reopened(store.folder) == sample_project(2)


@pytest.mark.parametrize(("local", "mode"), [(True, "wal"), (False, "delete")])
def test_the_journal_fits_the_disk(
    folder: Path, monkeypatch: pytest.MonkeyPatch, local: bool, mode: str
) -> None:
    monkeypatch.setattr(project_store, "is_local", lambda folder: local)
    store = ProjectStore.create(folder)
    assert pragma(store, "journal_mode") == mode
    assert pragma(store, "synchronous") >= 2  # FULL or EXTRA
    store.write(sample_project())
    store.close()
    assert reopened(folder) == sample_project()


# --- copies ----------------------------------------------------------------------------------


def test_save_as_takes_arrays_and_runs_along_and_finds_the_images(
    store: ProjectStore, tmp_path: Path
) -> None:
    project = sample_project()
    uri = save_array(np.arange(6, dtype=np.uint8).reshape(2, 3), "yx", store.folder, "p")
    project = project.with_images(project.images[0].model_copy(update={"id": "b", "uri": uri}))
    project = project.with_run(TrainingRun(id="r", name="run 1"))
    for name in ("r", "of_no_record"):
        (store.folder / "runs" / name).mkdir(parents=True)
        (store.folder / "runs" / name / "run.json").write_text("{}")
    store.write(project)
    target = tmp_path / "deeper" / "copy.synthseg"
    copy = store.save_as(target)
    assert copy.load().image("a").uri == "../../a.tif"
    assert copy.load().clicks == project.clicks
    assert open_array(copy.load().image("b").uri, target).shape == (2, 3)
    assert (target / "runs" / "r" / "run.json").read_text() == "{}"
    assert not (target / "runs" / "of_no_record").exists()
    assert store.load() is project
    copy.close()
    assert reopened(target).image("a").uri == "../../a.tif"
    with pytest.raises(InputError, match="already holds a project"):
        store.save_as(target)


@pytest.mark.parametrize("part", ["copytree", "copy_runs", "write_difference"])
def test_a_copy_can_be_tried_again_after_a_full_disk(
    store: ProjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    save_array(np.zeros((2, 3), np.uint8), "yx", store.folder, "p")
    (store.folder / "runs" / "r").mkdir(parents=True)
    store.write(sample_project().with_run(TrainingRun(id="r", name="run 1")))

    def fill_up(source: Any, target: Any, *_: Any, **__: Any) -> None:
        if part == "copytree":
            target.mkdir(parents=True)
            (target / "half").write_text("half")
        raise OSError(28, "No space left on device")

    place = {"copytree": shutil, "copy_runs": project_store}.get(part, writer)
    with monkeypatch.context() as patch:
        patch.setattr(place, part, fill_up)
        with pytest.raises(InputError, match="No space left"):
            store.save_as(tmp_path / "copy")
    assert not any((tmp_path / "copy").glob("*")) and not any((tmp_path / "copy").glob(".*"))
    copy = store.save_as(tmp_path / "copy")
    assert open_array("arrays:p", copy.folder).shape == (2, 3)
    copy.close()


def test_a_read_only_project_can_be_saved_elsewhere(store: ProjectStore, tmp_path: Path) -> None:
    store.write(sample_project())
    store.flush()
    copy = ProjectStore.open(store.folder).save_as(tmp_path / "copy")
    assert not copy.read_only
    assert copy.load() == sample_project()
    copy.close()
