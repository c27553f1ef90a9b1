"""Reading a study file, and saying in one line what is wrong with it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from benchmarks.study import box_data, folder_data  # noqa: F401 - registers readers
from benchmarks.study.tables import Arm, DataSource, Heading, Study, TrainTable
from napari_synthseg.core.errors import InputError

T = TypeVar("T", bound=BaseModel)

DEFAULT_READER: str = folder_data.FolderData.model_fields["reader"].default


def load_study(path: Path) -> Study:
    """Read and check a study file.

    Raises
    ------
    InputError
        If it is missing, no TOML, or a key is unknown, missing or holds what it cannot; the
        message names file, table and key.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"There is no study file '{path}'.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The study file '{path}' cannot be read: {error}.") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path.name} is no valid TOML: {error}.") from None
    try:
        return parse_study(data)
    except InputError as error:
        raise InputError(f"{path.name}, {error}") from None


def parse_study(data: dict[str, Any]) -> Study:
    """Check the tables of a study file, one after the other.

    Raises
    ------
    InputError
        As `load_study`, without the file's name.
    """
    known = tuple(Study.model_fields)
    for name in data:
        if name not in known:
            raise InputError(f"there is no table [{name}]. Known: {', '.join(known)}.")
    arms = data.get("arm", [])
    if not isinstance(arms, list) or not arms:
        raise InputError("[[arm]]: a study needs at least one such table.")
    tables = {
        "study": _parse(Heading, data.get("study", {}), "[study]"),
        "data": _parse_data(data.get("data", {})),
        "train": _parse(TrainTable, data.get("train", {}), "[train]"),
        "arm": tuple(_parse(Arm, arm, _title(arm, n)) for n, arm in enumerate(arms, start=1)),
    }
    return _parse(Study, tables, "[[arm]]")


def _parse_data(table: Any) -> DataSource:
    readers = sorted(name for name in DataSource.readers if name)
    reader = table.get("reader", DEFAULT_READER) if isinstance(table, dict) else DEFAULT_READER
    if reader not in readers:
        known = ", ".join(readers)
        raise InputError(f"[data], key 'reader': there is no '{reader}'. Known: {known}.")
    return _parse(DataSource.readers[reader], table, "[data]")


def _title(arm: Any, number: int) -> str:
    name = arm.get("name") if isinstance(arm, dict) else None
    return f"[[arm]] '{name}'" if isinstance(name, str) and name else f"[[arm]] number {number}"


def _parse(model: type[T], table: Any, title: str) -> T:
    if not isinstance(table, dict):
        raise InputError(f"{title}: write it as a table with keys.")
    try:
        return model(**table)
    except ValidationError as error:
        raise InputError(f"{title}{_explain(error.errors(), model)}") from None


def _explain(errors: list[ErrorDetails], model: type[BaseModel]) -> str:
    first = errors[0]
    path = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        known = ", ".join(_known_keys(model, path[:-1]))
        return f": there is no key '{'.'.join(path)}'. Known: {known}."
    if first["type"] == "missing":
        return f": the key '{'.'.join(path)}' is missing."
    if not path:
        return f": {_words(first)}."
    words = dict.fromkeys(_words(e) for e in errors if e["loc"][:1] == first["loc"][:1])
    return f", key '{_key(model, path)}' = {first['input']!r}: {', or '.join(words)}."


def _key(model: type[BaseModel], path: list[str]) -> str:
    """Return the key that a path of pydantic names, without what it adds to it."""
    inner = model.model_fields[path[0]].annotation
    if len(path) > 1 and isinstance(inner, type) and issubclass(inner, BaseModel):
        return f"{path[0]}.{_key(inner, path[1:])}"
    return path[0]


def _words(error: ErrorDetails) -> str:
    return error["msg"].removeprefix("Value error, ").rstrip(".")


def _known_keys(model: type[BaseModel], path: list[str]) -> list[str]:
    for name in path:
        inner = model.model_fields[name].annotation
        assert isinstance(inner, type) and issubclass(inner, BaseModel)
        model = inner
    hidden = model.hidden_keys if issubclass(model, TrainTable) else ()
    return [name for name in model.model_fields if name not in hidden]
