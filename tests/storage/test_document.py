from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_synthseg.core.annotations import (
    NOT_AN_OBJECT,
    Click,
    ImageRef,
    InstanceTruth,
    ObjectClass,
    Verdict,
)
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.storage.document import read_project, write_difference
from napari_synthseg.storage.project_store import ProjectStore
from napari_synthseg.storage.schema import create_tables
from tests.helpers.projects import sample_project

Edit = Callable[[Project], Project]

numbers = st.floats(allow_nan=False, allow_infinity=False, width=64)
names = st.text(min_size=1, max_size=8)
few = st.integers(0, 5)


def _add_click(number: int, y: float, x: float, cls: int) -> Edit:
    """Add or move click `number`; its image and class are added where missing."""

    def edit(project: Project) -> Project:
        if not project.images:
            project = project.with_images(ImageRef(id="i0", uri="i0.tif"))
        if cls != NOT_AN_OBJECT and cls not in [c.value for c in project.classes]:
            project = project.with_classes(ObjectClass(name=f"class {cls}", value=cls))
        image = project.images[-1].id
        return project.with_clicks(Click(id=f"c{number}", image=image, position=(y, x), cls=cls))

    return edit


def _turn(project: Project) -> Project:
    return project.model_copy(
        update={"clicks": project.clicks[::-1], "images": project.images[::-1]}
    )


def _undo_clicks(project: Project) -> Project:
    return project.model_copy(update={"clicks": project.clicks[: len(project.clicks) // 2]})


def _bring_back_a_click(project: Project) -> Project:
    """Put a click between the others, as undo does with one that was deleted."""
    middle = len(project.clicks) // 2
    back = Click(id=f"b{len(project.clicks)}", image="i0", position=(1.0, 2.0), cls=1)
    left = tuple(click for click in project.clicks if click.id != back.id)
    return project.model_copy(update={"clicks": (*left[:middle], back, *left[middle:])})


edits: st.SearchStrategy[Edit] = st.one_of(
    st.builds(_add_click, few, numbers, numbers, st.integers(NOT_AN_OBJECT, 3)),
    st.builds(lambda n: lambda p: p.without_clicks([f"c{n}"]), few),
    st.builds(
        lambda n, name, exhaustive: (
            lambda p: p.with_images(
                ImageRef(id=f"i{n}", uri=name, name=name, exhaustive=exhaustive, pixel_size=(1, 2))
            )
        ),
        few,
        names,
        st.booleans(),
    ),
    st.builds(lambda n: lambda p: p.without_image(f"i{n}"), few),
    st.builds(lambda n: lambda p: p.without_class(n), st.integers(1, 3)),
    st.builds(
        lambda n, why: (
            lambda p: p.with_verdicts(Verdict(patch=f"c{n}", state="rejected", reason=why))
        ),
        few,
        st.text(max_size=5),
    ),
    st.builds(
        lambda n: (
            lambda p: p.with_truths(
                InstanceTruth(image=f"i{n}", source="m.tif", classes={n + 1: 2})
            )
        ),
        few,
    ),
    st.builds(lambda n, s: lambda p: p.with_run(TrainingRun(id=f"r{n}", name=s)), few, names),
    st.builds(
        lambda n: lambda p: p.model_copy(update={"train_spec": TrainSpec(seed=n)}),
        st.integers(0, 9),
    ),
    st.sampled_from([_turn, _undo_clicks, _bring_back_a_click]),
)


def database() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    create_tables(connection)
    return connection


@settings(max_examples=100)
@given(st.lists(st.tuples(edits, st.booleans()), max_size=25))
def test_any_sequence_of_edits_comes_back(steps: list[tuple[Edit, bool]]) -> None:
    connection = database()
    project = written = Project()
    for edit, write in steps:
        project = edit(project)
        if write:  # others are coalesced with the next
            write_difference(connection, project, written)
            written = project
            assert read_project(connection) == project
    write_difference(connection, project, written)
    assert read_project(connection) == project
    connection.close()


@settings(max_examples=10, deadline=None)
@given(st.lists(edits, max_size=25))
def test_any_sequence_of_edits_survives_closing(steps: list[Edit]) -> None:
    with TemporaryDirectory() as folder:
        store = ProjectStore.create(Path(folder) / "p")
        project = store.load()
        for edit in steps:
            project = edit(project)
            store.write(project)
        store.close()
        again = ProjectStore.open(Path(folder) / "p")
        assert again.load() == project
        again.close()


def written_rows(connection: sqlite3.Connection, new: Project, old: Project) -> int:
    before = connection.total_changes
    write_difference(connection, new, old)
    return connection.total_changes - before


def test_only_what_changed_is_written() -> None:
    connection = database()
    project = sample_project(5_000)
    assert written_rows(connection, project, Project()) == 5_003
    moved = project.with_clicks(project.clicks[2_500].model_copy(update={"position": (1.0, 2.0)}))
    assert written_rows(connection, moved, project) == 1
    added = moved.with_clicks(Click(image="a", position=(0, 0), cls=1))
    assert written_rows(connection, added, moved) == 1
    fewer = added.without_clicks(["c0", "c4999"])
    assert written_rows(connection, fewer, added) == 2
    equal = fewer.model_copy(update={"clicks": tuple(c.model_copy() for c in fewer.clicks)})
    assert written_rows(connection, equal, fewer) == 0
    assert read_project(connection) == equal


def test_what_comes_back_by_undo_finds_its_old_place() -> None:
    connection = database()
    project = sample_project(10)
    write_difference(connection, project, Project())
    fewer = project.without_clicks(["c3", "c4"])
    write_difference(connection, fewer, project)
    write_difference(connection, project, fewer)
    assert read_project(connection).clicks == project.clicks


def test_the_highest_removed_class_comes_back() -> None:
    connection = database()
    project = sample_project(3)
    removed = project.without_class(2)
    write_difference(connection, removed, Project())
    assert read_project(connection).next_class("crack").value == 3
    write_difference(connection, project, removed)
    assert read_project(connection) == project


def test_a_difference_is_written_whole_or_not_at_all() -> None:
    connection = database()
    project = sample_project(3)
    write_difference(connection, project, Project())
    connection.execute(
        "CREATE TRIGGER stop BEFORE INSERT ON verdicts BEGIN SELECT RAISE(FAIL, 'stopped'); END"
    )
    bad = project.without_clicks(["c0"]).with_verdicts(Verdict(patch="c1", state="rejected"))
    with pytest.raises(sqlite3.IntegrityError, match="stopped"):
        write_difference(connection, bad, project)
    assert read_project(connection) == project
