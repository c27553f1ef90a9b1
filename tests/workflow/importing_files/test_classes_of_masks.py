"""Which class the objects of imported masks are of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.annotations import Click
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import InstanceLabels
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


def test_clicks_lie_in_masks_of_a_region(session: Session) -> None:
    (image,) = session.project.images
    region = ((2, 20), (3, 30))
    session.edit(
        session.project.with_images(image.model_copy(update={"region": region})), "set region"
    )
    click(session, (2, 2))
    load(session)
    assert classes(session) == {2: 2, 3: 1}
