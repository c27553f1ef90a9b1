"""The database of a project: how it is recognized, its tables, its versions."""

from __future__ import annotations

import json
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path

from napari_synthseg.core.errors import InputError

APPLICATION_ID = int.from_bytes(b"SYNS", "big")
"""Marks the file as ours, in bytes 68 to 71 of its header."""

VERSION = 2
"""Version of the tables that this program writes, in bytes 60 to 63 of the header."""

SECTION_TABLES = ("images", "classes", "clicks", "truths", "patch_masks", "verdicts", "runs")

Migration = Callable[[sqlite3.Connection], None]

TRUTH_FIELDS = {
    "instance": ("source", "classes", "incomplete"),
    "semantic": ("source",),
    "boxes": ("boxes", "incomplete"),
    "points": ("incomplete",),
    "image_labels": ("shown",),
    "patch_masks": ("source", "classes"),
}
"""Kind of truth -> the fields that it has from version 2 on; version 1 wrote all for every kind."""


def _separate_truths(connection: sqlite3.Connection) -> None:
    """Version 1 to 2: drop foreign fields of truths, and move patch masks to their own table."""
    _create_section(connection, "patch_masks")
    for key, place, data in connection.execute("SELECT key, place, data FROM truths").fetchall():
        try:
            row = json.loads(data)
            kind, fields = row["kind"], ("id", "image", *TRUTH_FIELDS[row["kind"]])
        except (ValueError, TypeError, KeyError, RecursionError):
            continue  # reading the project refuses the row and names it
        kept = {name: row[name] for name in fields if name in row}
        if kind == "patch_masks":
            connection.execute("DELETE FROM truths WHERE key = ?", (key,))
            values = (key, place, json.dumps(kept, ensure_ascii=False))
            connection.execute("INSERT INTO patch_masks VALUES (?, ?, ?)", values)
        else:
            text = json.dumps({**kept, "kind": kind}, ensure_ascii=False)
            connection.execute("UPDATE truths SET data = ? WHERE key = ?", (text, key))


REGION_TASK = "semantic"
"""The task that had defaults of its own in version 1."""


def _leave_defaults_open(connection: sqlite3.Connection) -> None:
    """Version 1 to 2: crop and batch size are empty where they are the task's default."""
    rows = connection.execute("SELECT data FROM settings WHERE key = 'train_spec'").fetchall()
    for (data,) in rows:
        try:
            spec = json.loads(data)
            crop, batch_size = (128, 8) if spec["task"] == REGION_TASK else (256, 4)
            defaults = {"crop": crop, "batch_size": batch_size}
            left = {name: None for name, value in defaults.items() if spec[name] == value}
        except (ValueError, TypeError, KeyError, RecursionError):
            continue  # reading the project refuses the row and names it
        text = json.dumps({**spec, **left}, ensure_ascii=False)
        connection.execute("UPDATE settings SET data = ? WHERE key = 'train_spec'", (text,))


def _to_version_2(connection: sqlite3.Connection) -> None:
    _separate_truths(connection)
    _leave_defaults_open(connection)


MIGRATIONS: dict[int, Migration] = {1: _to_version_2}
"""Version -> what brings a database of that version to the next one, inside a transaction."""

_MAGIC = b"SQLite format 3\x00"
_HEADER_SIZE = 100


def create_tables(connection: sqlite3.Connection) -> None:
    """Make an empty project database."""
    connection.execute("BEGIN IMMEDIATE")
    for table in SECTION_TABLES:
        _create_section(connection, table)
    connection.execute("CREATE TABLE settings (key TEXT PRIMARY KEY, data TEXT NOT NULL)")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _create_section(connection: sqlite3.Connection, table: str) -> None:
    connection.execute(
        f"CREATE TABLE {table} "
        "(key TEXT PRIMARY KEY, place INTEGER NOT NULL, data TEXT NOT NULL) WITHOUT ROWID"
    )


def check_header(path: Path) -> int:
    """Return the schema version of a project database, from its first bytes alone.

    Nothing of SQLite is asked, because SQLite may write when it opens a file.

    Raises
    ------
    InputError
        If the file is missing, empty, not a project, or from a newer version.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_SIZE)
    except FileNotFoundError:
        raise InputError(
            f"There is no project in '{path.parent}' ({path.name} is missing): choose a project "
            "folder, or create a new project."
        ) from None
    except OSError as error:
        raise InputError(f"The project file '{path}' cannot be read: {error.strerror}.") from None
    if len(header) < _HEADER_SIZE and _MAGIC.startswith(header[: len(_MAGIC)]):
        raise damaged(path, "it is cut short")
    if not header.startswith(_MAGIC):
        raise _foreign(path, "it is not an SQLite database")
    version, application = (struct.unpack_from(">I", header, at)[0] for at in (60, 68))
    if application != APPLICATION_ID:
        raise _foreign(path, "it is a database of another program")
    if version > VERSION:
        raise InputError(
            f"The project '{path}' was written by a newer version of napari-synthseg (format "
            f"{version}, this version knows {VERSION}): update napari-synthseg. The file was left "
            "as it is."
        )
    if version < VERSION and any(v not in MIGRATIONS for v in range(version, VERSION)):
        raise damaged(path, f"its format {version} never existed")
    return int(version)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to `VERSION`, one transaction a step."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for step in range(version, VERSION):
        connection.execute("BEGIN IMMEDIATE")
        try:
            MIGRATIONS[step](connection)
            connection.execute(f"PRAGMA user_version = {step + 1}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def damaged(path: Path, why: str) -> InputError:
    """Return the error for a project file that cannot be read."""
    return InputError(
        f"The project file '{path}' is damaged: {why}. Put a backup in its place; the file was "
        "left as it is."
    )


def _foreign(path: Path, why: str) -> InputError:
    return InputError(
        f"'{path}' is not a napari-synthseg project: {why}. Choose another folder; the file was "
        "left as it is."
    )
