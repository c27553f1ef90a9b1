"""The database of a project: how it is recognized, its tables, its versions."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_synthseg.core.errors import InputError

APPLICATION_ID = int.from_bytes(b"SYNS", "big")
"""Marks the file as ours, in bytes 68 to 71 of its header."""

VERSION = 9
"""Version of the tables that this program writes, in bytes 60 to 63 of the header."""

SECTION_TABLES = (
    "images", "classes", "clicks", "negatives", "truths", "patch_masks", "verdicts", "runs",
)  # fmt: skip

Migration = Callable[[sqlite3.Connection], None]

OWN_FIELDS = {
    "instance": ("source", "classes", "incomplete"),
    "semantic": ("source",),
    "boxes": ("boxes", "incomplete"),
    "points": ("incomplete",),
    "image_labels": ("shown",),
    "patch_masks": ("source", "classes"),
}
"""Kind of truth -> the fields that it has from version 2 on; version 1 wrote all for every kind."""

# rows that are no JSON stay as they are: reading the project refuses and names them
_KIND = "CASE WHEN json_valid(data) THEN json_extract(data, '$.kind') END"

_SEPARATE_PATCH_MASKS = f"""
INSERT INTO patch_masks
SELECT key, place, json_remove(data, '$.kind') FROM truths WHERE {_KIND} = 'patch_masks'
"""

_LEAVE_DEFAULT_OPEN = """
UPDATE settings SET data = json_set(data, ?1, NULL)
WHERE key = 'train_spec' AND CASE WHEN json_valid(data) THEN
json_extract(data, ?1) = iif(json_extract(data, '$.task') = 'semantic', ?2, ?3) END
"""
"""From version 2 on, a number that is the default of its task is empty."""

_LEAVE_SUGGESTED_OPEN = """
UPDATE settings SET data = json_remove(data, '$.task', '$.source')
WHERE key = 'train_spec' AND CASE WHEN json_valid(data) THEN
json_extract(data, '$.task') || ' ' || json_extract(data, '$.source')
IN ('segment synthetic', 'semantic real', 'semantic mixed') END
"""
"""Version 1 stored the task and the source that it suggested with any other setting."""

_OUTLINE_BY_NETWORK = """
UPDATE classes SET data = json_set(data, '$.mask_method', 'network')
WHERE CASE WHEN json_valid(data) THEN
json_extract(data, '$.mask_method') IN ('auto', 'level', 'outline', 'learned') END
"""
"""Before version 3 there were other built-in ways to outline objects."""

_KEEP_AS_STORED = """
UPDATE {table} SET data = json_set(data, '$.as_stored', json('true'))
WHERE CASE WHEN json_valid(data) THEN json_extract(data, '$.{file}') NOT LIKE 'arrays:%' END
"""
"""Before version 4, numbers in files were read as they are, and marked and learned from so."""


def _to_version_2(connection: sqlite3.Connection) -> None:
    fields = {field for own in OWN_FIELDS.values() for field in own}
    for kind, own in OWN_FIELDS.items():
        foreign = ", ".join(f"'$.{field}'" for field in fields.difference(own))
        connection.execute(
            f"UPDATE truths SET data = json_remove(data, {foreign}) WHERE {_KIND} = ?", (kind,)
        )
    _create_section(connection, "patch_masks")
    connection.execute(_SEPARATE_PATCH_MASKS)
    connection.execute(f"DELETE FROM truths WHERE {_KIND} = 'patch_masks'")
    for name, of_regions, of_others in (("crop", 128, 256), ("batch_size", 8, 4)):
        connection.execute(_LEAVE_DEFAULT_OPEN, (f"$.{name}", of_regions, of_others))
    connection.execute(_LEAVE_SUGGESTED_OPEN)


def _to_version_3(connection: sqlite3.Connection) -> None:
    _create_section(connection, "negatives")
    connection.execute(_OUTLINE_BY_NETWORK)


def _to_version_4(connection: sqlite3.Connection) -> None:
    """Images got a field, `content`, that older rows may lack and older programs do not know."""
    connection.execute(_KEEP_AS_STORED.format(table="images", file="uri"))
    connection.execute(_KEEP_AS_STORED.format(table="truths", file="source"))


def _to_version_5(connection: sqlite3.Connection) -> None:
    """Images got fields, `roi` and `excluded`, of which the same holds."""


def _to_version_6(connection: sqlite3.Connection) -> None:
    """Images and truths got `as_stored`, which the step to version 4 has set where it holds."""


def _to_version_7(connection: sqlite3.Connection) -> None:
    """Clicks got a field, `mended`, that older rows may lack and older programs do not know."""


def _to_version_8(connection: sqlite3.Connection) -> None:
    """Masks got a field, `fingerprint`, of which the same holds."""


def _to_version_9(connection: sqlite3.Connection) -> None:
    """Models of runs got `channels`, and rules `elongation`, of which the same holds."""


MIGRATIONS: dict[int, Migration] = {
    1: _to_version_2,
    2: _to_version_3,
    3: _to_version_4,
    4: _to_version_5,
    5: _to_version_6,
    6: _to_version_7,
    7: _to_version_8,
    8: _to_version_9,
}
"""Version -> what brings a database of that version to the next one, inside a transaction."""

_MAGIC = b"SQLite format 3\x00"
_HEADER_SIZE = 100


def create_tables(connection: sqlite3.Connection) -> None:
    """Make an empty project database."""
    with transaction(connection):
        for table in SECTION_TABLES:
            _create_section(connection, table)
        connection.execute("CREATE TABLE settings (key TEXT PRIMARY KEY, data TEXT NOT NULL)")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what is done inside, or roll it back where that fails."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


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
        with transaction(connection):
            MIGRATIONS[step](connection)
            connection.execute(f"PRAGMA user_version = {step + 1}")


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
