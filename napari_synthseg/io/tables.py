"""Tables from spreadsheets and other programs: CSV with a header, cells by column name.

Differences in spelling are accepted (byte-order mark, semicolons, tabs, decimal commas, blanks,
empty rows, order of columns). Reading stops at the first row that makes no sense; the error names
the file, the row and the remedy.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.atomic import replace_file
from napari_synthseg.io.text import read_text

TableRow = tuple[str, Mapping[str, str]]
"""Where a row is, for messages, and its cells by column name."""


@dataclass(frozen=True)
class Columns:
    """The columns that a kind of table has.

    Attributes
    ----------
    required, optional
        Their names; with `others` any further column is let through.
    numbers
        Those whose cells are numbers, which may have decimal commas between semicolons.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    numbers: frozenset[str] = frozenset()
    others: bool = False

    @property
    def header(self) -> str:
        """What messages call the whole."""
        return ",".join(self.required) + "".join(f"[,{name}]" for name in self.optional)


def read_rows(path: Path, columns: Columns) -> Iterator[TableRow]:
    """Yield the rows that hold anything, as stripped cells by lower-case column name.

    Raises
    ------
    InputError
        If the file cannot be read, a column is missing, unknown or there twice, or a row has more
        or fewer cells than the header.
    """
    delimiter, lines = _split(path)
    names = [name.lower() for name in next(lines, ("", []))[1]]
    _check(path, names, columns)
    for where, values in lines:
        if not any(values):
            continue
        if len(values) != len(names):
            raise InputError(
                f"{where}: {len(values)} values where the header names {len(names)} columns."
            )
        cells = dict(zip(names, values, strict=True))
        if delimiter == ";":  # programs that separate by semicolons may write 1,5 for 1.5
            decimals = columns.numbers.intersection(names)
            cells |= {name: cells[name].replace(",", ".") for name in decimals}
        yield where, cells


def read_header(path: Path) -> list[str]:
    """Return the column names of a table, stripped and in lower case; empty for an empty file.

    Raises
    ------
    InputError
        If the file cannot be read as text.
    """
    _, lines = _split(path)
    return [name.lower() for name in next(lines, ("", []))[1]]


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table, UTF-8, whole or not at all; numbers as `as_text` writes them.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([as_text(v) if isinstance(v, float) else v for v in row] for row in rows)
    replace_file(path, lambda partial: partial.write_bytes(text.getvalue().encode()))


def to_number(where: str, name: str, text: str, unit: str = "number of pixels") -> float:
    """Return a finite number; `where` and `name` say what it is.

    Raises
    ------
    InputError
        If it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: {name} is '{text}', which is not a {unit}.")
    return value


def as_text(value: float) -> str:
    """Return the shortest text that reads back as exactly this number; whole ones without point."""
    whole = value == int(value) and abs(value) < 2**53
    return str(int(value)) if whole else repr(float(value))


def _split(path: Path) -> tuple[str, Iterator[tuple[str, list[str]]]]:
    """Return the delimiter of a table, and all its rows with their places."""
    text = read_text(path, "save it as 'CSV UTF-8'")
    delimiter = max(";\t,", key=text.split("\n", 1)[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)

    def rows() -> Iterator[tuple[str, list[str]]]:
        try:
            for cells in reader:
                yield f"{path.name}, row {reader.line_num}", [cell.strip() for cell in cells]
        except csv.Error as error:
            raise InputError(f"{path.name}, row {reader.line_num}: {error}.") from None

    return delimiter, rows()


def _check(path: Path, names: list[str], columns: Columns) -> None:
    if missing := [name for name in columns.required if name not in names]:
        raise InputError(
            f"{path.name}, row 1: column '{missing[0]}' is missing; the header must be "
            f"{columns.header}."
        )
    known = columns.required + columns.optional
    for name in names:
        if name not in known and not columns.others:
            raise InputError(
                f"{path.name}, row 1: column '{name}' is not known; the header must be "
                f"{columns.header}."
            )
        if names.count(name) > 1:
            raise InputError(f"{path.name}, row 1: column '{name}' is there twice.")
