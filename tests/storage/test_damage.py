from __future__ import annotations

import sqlite3
import struct
from pathlib import Path

import pytest

from napari_synthseg.core.annotations import Click
from napari_synthseg.core.errors import InputError
from napari_synthseg.storage import schema
from napari_synthseg.storage.project_store import ProjectStore
from tests.helpers.projects import digests, sample_project


@pytest.fixture
def saved(folder: Path) -> Path:
    """A project folder that was written and closed."""
    store = ProjectStore.create(folder)
    store.write(sample_project(2_000))
    store.close()
    return folder


def refused(folder: Path, told: str) -> str:
    """Open a folder that must be refused with the file's name, and left as it is."""
    before = digests(folder)
    with pytest.raises(InputError, match=told) as caught:
        ProjectStore.open(folder)
    after = digests(folder)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) <= {"project.lock"}
    message = str(caught.value)
    assert str(folder / "project.db") in message
    return message


def patch(path: Path, offset: int, data: bytes) -> None:
    content = bytearray(path.read_bytes())
    content[offset : offset + len(data)] = data
    path.write_bytes(content)


def run(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("size", [0, 10, 99, 100, 4096, 20_000])
def test_a_truncated_file(saved: Path, size: int) -> None:
    path = saved / "project.db"
    path.write_bytes(path.read_bytes()[:size])
    assert "backup" in refused(saved, "damaged")


def test_lost_bytes_inside(saved: Path) -> None:
    path = saved / "project.db"
    size = path.stat().st_size
    for page in range(2, size // 4096):
        patch(path, page * 4096, bytes(range(256)) * 2)
    refused(saved, "damaged")


def test_random_bytes(folder: Path) -> None:
    folder.mkdir()
    (folder / "project.db").write_bytes(bytes(range(256)) * 40)
    refused(folder, "not an SQLite database")


def test_a_database_of_another_program(folder: Path) -> None:
    folder.mkdir()
    run(folder / "project.db", "CREATE TABLE clicks (id)", "PRAGMA user_version = 1")
    refused(folder, "database of another program")


def test_a_folder_in_place_of_the_file(folder: Path) -> None:
    (folder / "project.db").mkdir(parents=True)
    with pytest.raises(InputError, match="cannot be read"):
        ProjectStore.open(folder)


def test_a_newer_version(saved: Path) -> None:
    patch(saved / "project.db", 60, struct.pack(">I", schema.VERSION + 1))
    assert "update napari-synthseg" in refused(saved, "newer version")


def test_a_version_that_never_was(saved: Path) -> None:
    run(saved / "project.db", "PRAGMA user_version = 0")
    refused(saved, "never existed")


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DROP TABLE clicks", "clicks"),
        ("ALTER TABLE clicks RENAME COLUMN data TO stuff", "data"),
        ("UPDATE clicks SET data = 'x' WHERE key = 'c7'", "clicks, row 'c7'"),
        ("UPDATE clicks SET data = x'ff00' WHERE key = 'c7'", "damaged"),
        ("UPDATE clicks SET data = '[1]' WHERE key = 'c7'", "clicks, row 'c7'"),
        ("UPDATE clicks SET data = json_remove(data, '$.image')", "field 'image'"),
        ("UPDATE clicks SET data = json_set(data, '$.cls', -1)", "field 'cls'"),
        ("UPDATE classes SET data = json_set(data, '$.color', 'red')", "field 'color'"),
        ("INSERT INTO settings VALUES ('train_spec', '{\"stepz\": 1}')", "stepz"),
        ("INSERT INTO settings VALUES ('recipe', '17')", "recipe"),
        ("INSERT INTO settings VALUES ('recipe', '" + "[" * 100_000 + "')", "recipe"),
    ],
)
def test_content_that_makes_no_sense(saved: Path, statement: str, told: str) -> None:
    run(saved / "project.db", statement)
    assert told in refused(saved, "damaged")


def test_a_read_only_opener_refuses_too(saved: Path) -> None:
    store = ProjectStore.open(saved)
    store.flush()
    run(saved / "project.db", "UPDATE clicks SET data = 'x' WHERE key = 'c7'")
    with pytest.raises(InputError, match="damaged"):
        ProjectStore.open(saved)
    store.close()


# --- older versions --------------------------------------------------------------------------


@pytest.fixture
def older(saved: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project from before: since then clicks got a column, and class 1 became class 2."""

    def migrate(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE clicks ADD COLUMN author TEXT")
        connection.execute("UPDATE clicks SET data = json_set(data, '$.cls', 2)")

    monkeypatch.setitem(schema.MIGRATIONS, schema.VERSION, migrate)
    newer = schema.VERSION + 1
    monkeypatch.setattr(schema, "VERSION", newer)
    monkeypatch.setattr("napari_synthseg.storage.project_store.VERSION", newer)
    return saved


def test_an_older_project_is_brought_up_and_a_copy_kept(older: Path) -> None:
    before = digests(older)["project.db"]
    store = ProjectStore.open(older)
    assert {c.cls for c in store.load().clicks} == {2}
    store.close()
    assert schema.check_header(older / "project.db") == schema.VERSION
    backup = older / f"project.v{schema.VERSION - 1}.db"
    assert schema.check_header(backup) == schema.VERSION - 1
    assert digests(older)["project.db"] != before
    again = ProjectStore.open(older)
    assert {c.cls for c in again.load().clicks} == {2}
    again.close()


def test_an_older_project_that_cannot_be_brought_up_stays(
    older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM clicks")
        raise sqlite3.OperationalError("no such thing")

    monkeypatch.setitem(schema.MIGRATIONS, schema.VERSION - 1, fail)
    refused(older, "no such thing")


# --- after a crash ---------------------------------------------------------------------------


def test_what_only_the_log_holds_comes_back(folder: Path, tmp_path: Path) -> None:
    """A copy of the folder in mid-session is what a crash leaves."""
    store = ProjectStore.create(folder)
    project = sample_project(50)
    store.write(project)
    store.flush()
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in ("project.db", "project.db-wal"):
        (crashed / name).write_bytes((folder / name).read_bytes())
    assert (crashed / "project.db-wal").stat().st_size > 0
    more = project.with_clicks(Click(image="a", position=(1, 1), cls=1))
    store.write(more)
    store.close()
    found = ProjectStore.open(crashed)
    assert found.load() == project
    found.close()
