"""Databases of older versions become those of today, row by row."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from napari_synthseg.core.annotations import (
    NOT_AN_OBJECT,
    BoxTruth,
    Click,
    ImageRef,
    ImageTagsTruth,
    InstanceTruth,
    ObjectClass,
    PatchMasks,
    PointTruth,
    RegionTruth,
)
from napari_synthseg.core.errors import InputError
from napari_synthseg.storage.project_store import ProjectStore
from napari_synthseg.storage.schema import APPLICATION_ID, VERSION

EMPTY = {"source": "", "classes": {}, "boxes": [], "shown": [], "incomplete": []}
"""Fields that version 1 wrote for a truth of any kind."""


CELL = ObjectClass(name="cell", value=1)


def first_version(folder: Path, truths: list[str]) -> Path:
    """Write a project database of version 1, with these rows of truths."""
    folder.mkdir()
    with closing(sqlite3.connect(folder / "project.db")) as connection, connection:
        for table in ("images", "classes", "clicks", "truths", "verdicts", "runs"):
            connection.execute(
                f"CREATE TABLE {table} "
                "(key TEXT PRIMARY KEY, place INTEGER NOT NULL, data TEXT NOT NULL) WITHOUT ROWID"
            )
        connection.execute("CREATE TABLE settings (key TEXT PRIMARY KEY, data TEXT NOT NULL)")
        connection.executemany(
            "INSERT INTO truths VALUES (?, ?, ?)", [(f"t{n}", n, t) for n, t in enumerate(truths)]
        )
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
    return folder


def old_truth(number: int, kind: str, **fields: object) -> str:
    return json.dumps({"id": f"t{number}", "image": "i", "kind": kind, **EMPTY, **fields})


@pytest.mark.parametrize("old", ["auto", "level", "outline", "learned"])
def test_objects_are_outlined_by_the_network(tmp_path: Path, old: str) -> None:
    folder = first_version(tmp_path / "p", [])
    classes = [CELL, ObjectClass(name="disk", value=2, mask_method="disk")]
    classes[0] = CELL.model_copy(update={"mask_method": old})
    with closing(sqlite3.connect(folder / "project.db")) as connection, connection:
        connection.executemany(
            "INSERT INTO classes VALUES (?, ?, ?)",
            [(str(c.value), n, c.model_dump_json()) for n, c in enumerate(classes)],
        )
    store = ProjectStore.open(folder)
    found = [c.mask_method for c in store.load().classes]
    store.close()
    assert found == ["network", "disk"]


def test_truths_get_a_type_and_patch_masks_a_table(tmp_path: Path) -> None:
    box = [1.0, 2.0, 3.0, 4.5, 2]
    rows = [
        old_truth(0, "instance", source="ä.tif", classes={"3": 2}, incomplete=[1]),
        old_truth(1, "patch_masks", source="arrays:a", classes={"1": 1}),
        old_truth(2, "semantic", source="arrays:b"),
        old_truth(3, "boxes", boxes=[box], incomplete=[2]),
        old_truth(4, "image_labels", shown=[1, 3]),
        old_truth(5, "points"),
    ]
    folder = first_version(tmp_path / "p.synthseg", rows)
    store = ProjectStore.open(folder)
    project = store.load()
    assert project.truths == (
        InstanceTruth(
            id="t0", image="i", source="ä.tif", as_stored=True, classes={3: 2}, incomplete=(1,)
        ),
        RegionTruth(id="t2", image="i", source="arrays:b"),
        BoxTruth(id="t3", image="i", boxes=((1.0, 2.0, 3.0, 4.5, 2),), incomplete=(2,)),
        ImageTagsTruth(id="t4", image="i", shown=(1, 3)),
        PointTruth(id="t5", image="i"),
    )
    assert project.patch_masks == (
        PatchMasks(id="t1", image="i", source="arrays:a", classes={1: 1}),
    )
    store.close()
    again = ProjectStore.open(folder)
    assert again.load() == project
    again.close()
    with closing(sqlite3.connect(folder / "project.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        kept = connection.execute("SELECT data FROM truths WHERE key = 't2'").fetchone()[0]
    assert set(json.loads(kept)) == {"id", "image", "kind", "source"}


@pytest.mark.parametrize("row", ["{", "[]", '"x"', "{}", old_truth(0, "murals")])
def test_a_row_that_makes_no_sense_is_named_and_nothing_is_changed(
    tmp_path: Path, row: str
) -> None:
    folder = first_version(tmp_path / "p.synthseg", [row])
    before = (folder / "project.db").read_bytes()
    with pytest.raises(InputError, match="row 't0'"):
        ProjectStore.open(folder)
    assert (folder / "project.db").read_bytes() == before


def test_clicks_stay_and_negative_ones_get_a_table(tmp_path: Path) -> None:
    folder = first_version(tmp_path / "p.synthseg", [])
    click = Click(id="c", image="i", position=(3.0, 4.0), cls=1)
    with closing(sqlite3.connect(folder / "project.db")) as connection, connection:
        connection.execute("INSERT INTO clicks VALUES ('c', 1, ?)", (click.model_dump_json(),))
        for table, row in (("images", ImageRef(id="i", uri="i.tif")), ("classes", CELL)):
            connection.execute(f"INSERT INTO {table} VALUES ('1', 1, ?)", (row.model_dump_json(),))
    store = ProjectStore.open(folder)
    project = store.load()
    assert (project.clicks, project.negatives) == ((click,), ())
    negative = Click(id="n", image="i", position=(5.0, 6.0), cls=NOT_AN_OBJECT)
    store.write(project.with_clicks(negative))
    store.close()
    again = ProjectStore.open(folder)
    assert (again.load().clicks, again.load().negatives) == ((click,), (negative,))
    again.close()


def test_images_count_whole_until_something_else_is_said(tmp_path: Path) -> None:
    folder = first_version(tmp_path / "p.synthseg", [])
    old = ImageRef(id="i", uri="i.tif").model_dump(exclude={"roi", "excluded", "content"})
    with closing(sqlite3.connect(folder / "project.db")) as connection, connection:
        connection.execute("INSERT INTO images VALUES ('i', 1, ?)", (json.dumps(old),))
    store = ProjectStore.open(folder)
    (ref,) = store.load().images
    assert (ref.roi, ref.excluded, ref.is_limited) == ((), (), False)
    box = (((8.0, 0.0), (8.0, 5.5), (9.0, 5.5), (9.0, 0.0)),)
    limited = ref.model_copy(update={"roi": (box,), "excluded": (box, box)})
    store.write(store.load().with_images(limited))
    store.close()
    again = ProjectStore.open(folder)
    assert again.load().images == (limited,)
    again.close()


@pytest.mark.parametrize(
    ("stored", "kept"),
    [
        (("segment", 256, 4), (None, None)),
        (("semantic", 128, 8), (None, None)),
        (("semantic", 256, 8), (256, None)),
        (("detect", 128, 4), (128, None)),
    ],
)
def test_what_is_the_default_of_a_task_is_left_open(
    tmp_path: Path, stored: tuple[str, int, int], kept: tuple[int | None, int | None]
) -> None:
    folder = first_version(tmp_path / "p.synthseg", [])
    spec = dict(zip(("task", "crop", "batch_size"), stored, strict=True)) | {"seed": 3}
    with closing(sqlite3.connect(folder / "project.db")) as connection, connection:
        connection.execute("INSERT INTO settings VALUES ('train_spec', ?)", (json.dumps(spec),))
    store = ProjectStore.open(folder)
    found = store.load().train_spec
    store.close()
    assert (found.task, found.seed) == (stored[0], 3)
    assert (found.crop, found.batch_size) == kept


@pytest.mark.parametrize(
    ("task", "source", "chosen"),
    [
        ("segment", "synthetic", False),
        ("semantic", "real", False),
        ("semantic", "mixed", False),
        ("semantic", "synthetic", True),
        ("segment", "real", True),
    ],
)
def test_task_and_source_that_were_suggested_are_left_open(
    tmp_path: Path, task: str, source: str, chosen: bool
) -> None:
    folder = first_version(tmp_path / "p.synthseg", [])
    spec = {"task": task, "source": source, "crop": 64, "batch_size": 2, "minutes": 9.0}
    with closing(sqlite3.connect(folder / "project.db")) as connection, connection:
        connection.execute("INSERT INTO settings VALUES ('train_spec', ?)", (json.dumps(spec),))
    store = ProjectStore.open(folder)
    found = store.load().train_spec
    store.close()
    assert found.minutes == 9.0
    assert ({"task", "source"} <= found.model_fields_set) == chosen
    assert not chosen or (found.task, found.source) == (task, source)
