"""Reading a project's database without changing a byte of its folder.

SQLite may write when it merely opens a file: it plays back an interrupted transaction, or makes
files of its own next to the database. So a database is copied and the copy is read, and only what
proved sound is later opened for writing.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import Project
from napari_synthseg.storage.document import read_project
from napari_synthseg.storage.schema import check_header, damaged, migrate

SIDECARS = ("-wal", "-journal")
"""Files next to a database that SQLite needs to read it after a crash."""

BUSY_SECONDS = 30.0


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open an existing database; `mode` is "ro" or "rw". Transactions are begun by hand."""
    # three slashes for every path: //server/share must not be taken for a host
    uri = f"file:///{quote(path.resolve().as_posix().removeprefix('/'))}?mode={mode}"
    return sqlite3.connect(
        uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False
    )


def read_snapshot(path: Path, *, live: bool) -> Project:
    """Return the project in a database as it is now.

    Parameters
    ----------
    path
        The database.
    live
        Another program may be writing it: it is read through SQLite, which waits for the writer.

    Raises
    ------
    InputError
        If the file is missing, foreign, damaged or from a newer version.
    """
    check_header(path)
    try:
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as memory:
            if live:
                with closing(connect(path, "ro")) as source:
                    source.backup(memory)
            else:
                _copy_at_rest(path, memory)
            problem = memory.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if problem != "ok":
                raise damaged(path, problem)
            migrate(memory)
            return read_project(memory)
    except sqlite3.Error as error:
        raise damaged(path, str(error)) from error
    except InputError as error:
        if str(path) in str(error):
            raise
        raise damaged(path, str(error)) from error
    except OSError as error:
        raise InputError(f"The project file '{path}' cannot be read: {error}.") from error


def _copy_at_rest(path: Path, target: sqlite3.Connection) -> None:
    with TemporaryDirectory(prefix="napari-synthseg-") as folder:
        copy = Path(folder) / path.name
        for suffix in ("", *SIDECARS):
            source = path.with_name(path.name + suffix)
            if source.exists():
                shutil.copyfile(source, copy.with_name(copy.name + suffix))
        with closing(connect(copy, "rw")) as connection:
            connection.backup(target)
