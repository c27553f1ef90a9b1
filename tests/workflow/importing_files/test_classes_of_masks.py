"""Which class the objects of imported masks are of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.annotations import Click, InstanceTruth
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import InstanceLabels, instances_of
from napari_synthseg.io.labels import MAX_TABLE_ID
from napari_synthseg.storage.truths import open_labels
from napari_synthseg.workflow.importing import MaskKind
from napari_synthseg.workflow.importing_files import ImportOptions
from napari_synthseg.workflow.session import Session
from tests.helpers.sessions import true_masks

TABLE = "image,id,class\nx.tif,1,pore\nx.tif,3,crack\n"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Return a session with one image, and the classes pore (1) and crack (2)."""
    (tmp_path / "masks").mkdir()
    ids = np.zeros((24, 30), np.uint16)
    for n in range(3):
        ids[4:7, 4 * n : 4 * n + 3] = n + 1
    tifffile.imwrite(tmp_path / "masks" / "x.tif", ids)
    noise = np.random.default_rng(0).integers(0, 999, ids.shape).astype(np.uint16)
    tifffile.imwrite(tmp_path / "x.tif", noise)
    made = Session.create(tmp_path / "p.synthseg")
    made.add_images(tmp_path / "x.tif").result()
    for name in ("pore", "crack"):
        made.edit(made.project.with_classes(made.project.next_class(name)), name)
    yield made
    made.close()


def classes(session: Session) -> dict[int, int]:
    """Return the class value of each true object."""
    (image,) = session.project.images
    found = true_masks(session, image)
    assert isinstance(found, InstanceLabels)
    return dict(found.classes)


def click(session: Session, *clicks: tuple[int, int]) -> None:
    """Click pixels of objects: id of the object, class value."""
    (image,) = session.project.images
    made = [Click(image=image.id, position=(5, 4 * i - 3 + n / 9), cls=c)
            for n, (i, c) in enumerate(clicks)]  # fmt: skip
    session.edit(session.project.with_clicks(*made), "click")


def load(session: Session, kind: MaskKind = "instance", cls: str | None = None) -> str:
    """Import the folder of masks; return what is told."""
    options = ImportOptions(class_name=cls)
    return session.import_file(session.folder.parent / "masks", options, kind).result().message


def test_the_table_beside_masks_names_classes(session: Session, tmp_path: Path) -> None:
    (tmp_path / "masks" / "objects.csv").write_text(TABLE)
    assert "nothing says of which class 1 object(s) are" in load(session)
    assert classes(session) == {1: 1, 2: 1, 3: 2}
    assert "nothing says" not in load(session, cls="crack")
    assert classes(session) == {1: 1, 2: 2, 3: 2}


def test_a_table_with_a_class_that_is_not_there_is_refused(
    session: Session, tmp_path: Path
) -> None:
    (tmp_path / "masks" / "objects.csv").write_text(TABLE.replace("crack", "void"))
    with pytest.raises(InputError, match=r"objects.csv, x.tif: class 'void' is not in the project"):
        load(session)


def test_patch_masks_are_of_the_classes_of_the_table(session: Session, tmp_path: Path) -> None:
    (tmp_path / "masks" / "objects.csv").write_text(TABLE)
    load(session, "patch_masks", "crack")
    assert [c.cls for c in session.project.clicks] == [1, 2, 2]


def test_masks_are_of_the_class_that_is_said(session: Session, tmp_path: Path) -> None:
    (image,) = session.project.images
    session.import_labels(image, tmp_path / "masks" / "x.tif", "instance", 2).result()
    assert classes(session) == {1: 2, 2: 2, 3: 2}
    with pytest.raises(InputError, match="class 9, which is not in the project"):
        session.import_labels(image, tmp_path / "masks" / "x.tif", "instance", 9).result()


def test_masks_are_of_the_first_class_that_there_is(session: Session) -> None:
    session.edit(session.project.without_class(1), "remove pore")
    assert "nothing says" not in load(session)  # of one class nothing else can be meant
    assert classes(session) == {1: 2, 2: 2, 3: 2}


def test_of_several_classes_the_first_is_taken_and_told(session: Session) -> None:
    told = load(session)
    assert "nothing says of which class 3 object(s) are, which now are 'pore'" in told
    assert set(classes(session).values()) == {1}


@pytest.mark.parametrize("kind", ["instance", "patch_masks"])
def test_objects_are_of_the_one_class_that_is_clicked_in_them(
    session: Session, kind: MaskKind
) -> None:
    click(session, (1, 2), (2, 1), (2, 2))  # the second is clicked as both, the third as none
    told = load(session, kind)
    given = session.project.patch_masks or session.project.truths
    assert given[0].classes == {1: 2, 2: 1, 3: 1}
    assert "; 1 object(s) are of the class of the clicks in them: correct these and" in told
    assert "nothing says of which class 2 object(s) are, which now are 'pore'" in told
    told = load(session, kind, "pore")
    given = session.project.patch_masks or session.project.truths
    assert set(given[0].classes.values()) == {1}, "what is said of all objects holds"
    assert "of the class of the clicks" not in told


def test_a_table_says_more_than_clicks(session: Session, tmp_path: Path) -> None:
    (tmp_path / "masks" / "objects.csv").write_text(TABLE)
    click(session, (1, 2), (2, 2), (3, 1))
    assert "; 1 object(s) are of the class of the clicks in them" in load(session)
    assert classes(session) == {1: 1, 2: 2, 3: 2}


@pytest.mark.parametrize("kind", ["instance", "patch_masks"])
def test_clicks_come_before_the_class_of_those_without_but_for_objects_of_other_size(
    session: Session, tmp_path: Path, kind: MaskKind
) -> None:
    (image,) = session.project.images
    for value, diameter in ((1, 4.0), (2, 5.0), (3, 1.0)):
        known = session.project.classes
        cls = known[value - 1] if value <= len(known) else session.project.next_class("dot")
        cls = cls.model_copy(update={"diameter": diameter})
        session.edit(session.project.with_classes(cls), "size")
    click(session, (1, 1), (3, 3))
    path = tmp_path / "masks" / "x.tif"
    made = session.import_labels(image, path, kind, 2, by_clicks=True).result()
    given = session.project.patch_masks or session.project.truths
    assert given[0].classes == {1: 1, 2: 2, 3: 2}, "a dot lies in the third"
    assert "; 1 object(s) are of the class of the clicks" in made.message
    assert made.figures["no_class"] == 0


@pytest.mark.parametrize("kind", ["instance", "patch_masks"])
def test_a_click_on_a_part_of_another_size_says_nothing_of_the_whole(
    session: Session, tmp_path: Path, kind: MaskKind
) -> None:
    """Two cells of 40 pixels, each with its nucleus clicked, the second also as a cell."""
    cell, nucleus = (
        c.model_copy(update={"name": name, "diameter": diameter})
        for c, name, diameter in zip(
            session.project.classes, ("cell", "nucleus"), (40.0, 12.0), strict=True
        )
    )
    ids = np.zeros((60, 100), np.int32)
    ids[10:46, 5:41], ids[10:46, 55:91] = 1, 2
    tifffile.imwrite(tmp_path / "cells.tif", np.zeros(ids.shape, np.uint8))
    session.add_images(tmp_path / "cells.tif").result()
    image = session.project.images[-1]
    session.edit(session.project.with_classes(cell, nucleus), "classes")
    clicks = ((28, 23), nucleus), ((28, 73), nucleus), ((20, 60), cell)
    made = [Click(image=image.id, position=at, cls=cls.value) for at, cls in clicks]
    session.edit(session.project.with_clicks(*made), "click")
    done = session.import_labels(image, InstanceLabels(ids), kind).result()
    given = session.project.patch_masks or session.project.truths
    assert set(given[0].classes.values()) == {cell.value}
    assert (done.figures["by_clicks"], done.figures["no_class"]) == (1, 1)


def test_clicks_lie_in_masks_of_a_region(session: Session) -> None:
    (image,) = session.project.images
    region = ((4, 20), (3, 30))
    session.edit(
        session.project.with_images(image.model_copy(update={"region": region})), "set region"
    )
    click(session, (2, 2))
    above = Click(image=image.id, position=(1, 9), cls=2)  # the third, at the region's border
    session.edit(session.project.with_clicks(above), "click")
    load(session)
    assert classes(session) == {2: 2, 3: 1}


IDS = (5_000_001, 7_000_000, 3)
"""Of the three objects: two are so large that they get other numbers in memory."""


@pytest.fixture
def large(tmp_path: Path, session: Session) -> Session:
    """Return the session; the masks beside it have the ids `IDS`."""
    path = tmp_path / "masks" / "x.tif"
    numbers = tifffile.imread(path)
    tifffile.imwrite(path, np.array([0, *IDS], np.uint32)[numbers])
    return session


def in_place(session: Session) -> list[int]:
    """Return the class value at the middle of each object, of what is known of the image."""
    (image,) = session.project.images
    (given,) = session.project.patch_masks or session.project.truths
    found = instances_of(open_labels(given, image, session.folder))
    assert found.ids.max() <= MAX_TABLE_ID
    start = image.region[0][0] if image.region else 0, image.region[1][0] if image.region else 0
    return [found.classes.get(int(found.ids[5 - start[0], 4 * n + 1 - start[1]]), 0)
            for n in range(3) if 4 * n + 1 >= start[1]]  # fmt: skip


@pytest.mark.parametrize("kind", ["instance", "patch_masks"])
def test_objects_of_large_ids_are_of_the_class_that_is_said(large: Session, kind: MaskKind) -> None:
    told = load(large, kind, "crack")
    assert in_place(large) == [2, 2, 2]
    assert "nothing says" not in told


@pytest.mark.parametrize("kind", ["instance", "patch_masks"])
def test_the_table_names_objects_by_the_large_ids_of_their_file(
    large: Session, tmp_path: Path, kind: MaskKind
) -> None:
    table = f"image,id,class\nx.tif,{IDS[0]},crack\nx.tif,1,crack\n"
    (tmp_path / "masks" / "objects.csv").write_text(table)
    click(large, (1, 1), (2, 2))
    told = load(large, kind)
    assert in_place(large) == [2, 2, 1]
    assert "; 1 object(s) are of the class of the clicks" in told
    assert "nothing says of which class 1 object(s) are" in told


@pytest.mark.parametrize("kind", ["instance", "patch_masks"])
def test_clicks_lie_in_objects_of_large_ids(large: Session, kind: MaskKind) -> None:
    click(large, (1, 2), (3, 2))
    told = load(large, kind)
    assert in_place(large) == [2, 1, 2]
    assert "; 2 object(s) are of the class of the clicks in them" in told
    assert "nothing says of which class 1 object(s) are" in told


def test_what_is_kept_of_large_ids_is_of_any_part_of_the_image(large: Session) -> None:
    (image,) = large.project.images
    load(large, cls="crack")
    (truth,) = large.project.truths
    assert isinstance(truth, InstanceTruth)
    assert truth.classes == dict.fromkeys(IDS, 2), "the ids of the file"
    part = image.model_copy(update={"region": ((2, 20), (4, 30))})  # without the first object
    large.edit(large.project.with_images(part), "set region")
    assert in_place(large) == [2, 2]
    click(large, (2, 1))
    load(large)
    (truth,) = large.project.truths
    assert isinstance(truth, InstanceTruth)
    assert truth.classes == {IDS[1]: 1, IDS[2]: 1}


@pytest.mark.parametrize("kind", ["instance", "patch_masks"])
@pytest.mark.parametrize("largest", [7_000_000, 2**31 - 1])
def test_masks_from_memory_may_have_large_ids(
    session: Session, tmp_path: Path, kind: MaskKind, largest: int
) -> None:
    (image,) = session.project.images
    ids = np.array([0, 5_000_001, largest, 3], np.int32)
    masks = ids[tifffile.imread(tmp_path / "masks" / "x.tif")]
    click(session, (3, 2))
    given = InstanceLabels(masks, {largest: 2})
    made = session.import_labels(image, given, kind).result()
    assert in_place(session) == [1, 2, 2]
    assert (made.figures["by_clicks"], made.figures["no_class"]) == (1, 1)
