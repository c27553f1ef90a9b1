"""A `Project` as rows of a database: reading all of them, writing what changed.

Each section of the project (images, clicks, ...) is a table with one row an item: its key, its
place in the order, and its fields as JSON. Unchanged items are the same objects in both projects,
so that finding the few that changed among thousands costs next to nothing.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from itertools import islice, takewhile
from operator import attrgetter, is_
from typing import Any

from pydantic import TypeAdapter, ValidationError

from napari_synthseg.core.annotations import (
    Click,
    ImageRef,
    ObjectClass,
    PatchMasks,
    Truth,
    Verdict,
)
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import Project
from napari_synthseg.core.recipe import Recipe, UnknownRecipe, load_recipe
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.storage.schema import transaction


@dataclass(frozen=True)
class Section:
    """One tuple of the project: the field and table `name`, what identifies an item, its type."""

    name: str
    key: str
    type: TypeAdapter[Any]

    def items(self, project: Project) -> tuple[Any, ...]:
        """Return the section's items in a project."""
        items: tuple[Any, ...] = getattr(project, self.name)
        return items

    def by_key(self, items: tuple[Any, ...]) -> dict[str, Any]:
        """Return items of the section by their key, in order."""
        key = attrgetter(self.key)
        found = {str(key(item)): item for item in items}
        if len(found) < len(items):
            raise ValueError(f"two {self.name} share the same {self.key}")
        return found


SECTIONS = (
    Section("images", "id", TypeAdapter(ImageRef)),
    Section("classes", "value", TypeAdapter(ObjectClass)),
    Section("clicks", "id", TypeAdapter(Click)),
    Section("negatives", "id", TypeAdapter(Click)),
    Section("truths", "id", TypeAdapter(Truth)),
    Section("patch_masks", "id", TypeAdapter(PatchMasks)),
    Section("verdicts", "patch", TypeAdapter(Verdict)),
    Section("runs", "id", TypeAdapter(TrainingRun)),
)

REMOVED = "highest_removed_class"
"""Row of the settings with the field of this name; older programs leave it as it is."""


def read_project(connection: sqlite3.Connection) -> Project:
    """Return the project in a database.

    Raises
    ------
    InputError
        If a row does not hold what it should; the message names it.
    """
    fields: dict[str, Any] = {section.name: _read(connection, section) for section in SECTIONS}
    settings = dict(connection.execute("SELECT key, data FROM settings"))
    if "recipe" in settings:
        fields["recipe"] = _recipe(settings["recipe"])
    if "train_spec" in settings:
        where = "settings, row 'train_spec'"
        fields["train_spec"] = _validate(TypeAdapter(TrainSpec), settings["train_spec"], where)
    if REMOVED in settings:
        fields[REMOVED] = _validate(
            TypeAdapter(int), settings[REMOVED], f"settings, row '{REMOVED}'"
        )
    return Project(**fields)


def write_difference(connection: sqlite3.Connection, new: Project, old: Project) -> None:
    """Bring a database that holds `old` to `new`, in one transaction: all of it or nothing."""
    with transaction(connection):
        for section in SECTIONS:
            if section.items(new) is not section.items(old):
                _write(connection, section, section.items(new), section.items(old))
        for name in ("recipe", "train_spec"):
            value = getattr(new, name)
            if value is not getattr(old, name):
                # of the training settings only what was chosen: the rest follows what is marked
                chosen = name == "train_spec"
                data = None if value is None else value.model_dump_json(exclude_unset=chosen)
                _write_setting(connection, name, data)
        if new.highest_removed_class != old.highest_removed_class:
            _write_setting(connection, REMOVED, str(new.highest_removed_class))


def _write(
    connection: sqlite3.Connection,
    section: Section,
    items: tuple[Any, ...],
    before: tuple[Any, ...],
) -> None:
    table, (start, end) = section.name, _shared_ends(items, before)
    new = section.by_key(items[start : len(items) - end])
    old = section.by_key(before[start : len(before) - end])
    gone = [key for key in old if key not in new]
    added = [key for key in new if key not in old]
    shared = [key for key in new if key in old and new[key] is not old[key]]
    changed = [key for key in shared if new[key] != old[key]]
    connection.executemany(f"DELETE FROM {table} WHERE key = ?", ((key,) for key in gone))
    connection.executemany(
        f"UPDATE {table} SET data = ? WHERE key = ?",
        ((new[key].model_dump_json(), key) for key in changed),
    )
    (last,) = connection.execute(f"SELECT coalesce(max(place), 0) FROM {table}").fetchone()
    connection.executemany(
        f"INSERT INTO {table} (key, place, data) VALUES (?, ?, ?)",
        ((key, last + n, new[key].model_dump_json()) for n, key in enumerate(added, start=1)),
    )
    order = [*(key for key in old if key in new), *added]
    if order != list(new) or (added and end):
        connection.executemany(
            f"UPDATE {table} SET place = ? WHERE key = ?",
            ((place, key) for place, key in enumerate(section.by_key(items))),
        )


def _shared_ends(new: tuple[Any, ...], old: tuple[Any, ...]) -> tuple[int, int]:
    """Return how many items are the same at the beginning of both, and at the end."""
    start = sum(takewhile(bool, map(is_, new, old)))
    left = min(len(new), len(old)) - start
    return start, sum(takewhile(bool, islice(map(is_, reversed(new), reversed(old)), left)))


def _write_setting(connection: sqlite3.Connection, name: str, data: str | None) -> None:
    if data is None:
        connection.execute("DELETE FROM settings WHERE key = ?", (name,))
    else:
        connection.execute(
            "INSERT INTO settings (key, data) VALUES (?, ?) "
            "ON CONFLICT (key) DO UPDATE SET data = excluded.data",
            (name, data),
        )


def _read(connection: sqlite3.Connection, section: Section) -> tuple[Any, ...]:
    rows = connection.execute(f"SELECT key, data FROM {section.name} ORDER BY place")
    return tuple(
        _validate(section.type, data, f"{section.name}, row '{key}'") for key, data in rows
    )


def _recipe(data: str) -> Recipe:
    fields = _validate(TypeAdapter(dict[str, Any]), data, "settings, row 'recipe'")
    try:
        return load_recipe(fields)
    except InputError:  # of another version of its kind: kept as it is, and no reason to refuse all
        return UnknownRecipe(**fields)


def _validate(type_: TypeAdapter[Any], data: str, where: str) -> Any:
    try:
        return type_.validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        place = f"{where}, field '{field}'" if field else where
        raise InputError(f"table {place}: {first['msg']}") from None
