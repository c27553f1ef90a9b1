"""What is edited while work runs stays, beside what the work changes."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.annotations import BoxTruth, Click
from napari_synthseg.core.errors import InputError
from napari_synthseg.workflow.importing_files import ImportOptions
from napari_synthseg.workflow.limits import Limits
from tests.helpers.sessions import add_file

MEANWHILE = {
    "role": "test",
    "name": "renamed",
    "exhaustive": True,
    "pixel_size": (0.5, 0.5),
    "unit": "um",
}
BOX = (0.0, 0.0, 20.0, 64.0)
BOXES = "image,class,ymin,xmin,ymax,xmax\na.tif,cell,5,5,25,25\nb.tif,cell,30,30,50,50\n"


@pytest.fixture
def two(session, tmp_path):
    """A session with two images that have files, each with a click."""
    session.edit(session.project.with_classes(session.project.next_class("cell")), "add class")
    rng = np.random.default_rng(0)
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(tmp_path / name, rng.integers(0, 999, (64, 64)).astype(np.uint16))
        (ref,) = add_file(session, tmp_path / name)
        click = Click(image=ref.id, position=(40.0, 40.0), cls=1)
        session.edit(session.project.with_clicks(click), "click")
    return session


def edit_meanwhile(session):
    """Change fields of the first image, and take the second out."""
    first, second = session.project.images
    edited = first.model_copy(update=MEANWHILE)
    session.edit(session.project.with_images(edited), "change image")
    session.edit(session.project.without_image(second.id), "remove image")


def check_only(session, before, **changes):
    """The first image has what was edited and what the work changed; the second is gone."""
    (now,) = session.project.images
    assert now == before.model_copy(update=MEANWHILE | changes)
    assert {c.image for c in session.project.clicks} == {before.id}


def test_what_counts_is_set_beside_what_was_edited_meanwhile(two):
    before = two.project.images[0]
    job = two.limit_images(Limits(excluded=[BOX]))
    edit_meanwhile(two)
    job.result()
    assert two.project.images[0].excluded
    check_only(two, before, excluded=two.project.images[0].excluded)


def test_a_moved_file_is_found_beside_what_was_edited_meanwhile(two, tmp_path):
    before = two.project.images[0]
    there = tmp_path / "there"
    there.mkdir()
    for name in ("a.tif", "b.tif"):
        (tmp_path / name).rename(there / name)
    job = two.relink(before, there / "a.tif")
    edit_meanwhile(two)
    job.result()
    assert "there" in two.project.images[0].uri
    check_only(two, before, uri=two.project.images[0].uri)


def test_a_relink_without_edits_relinks_all(two, tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    for name in ("a.tif", "b.tif"):
        (tmp_path / name).rename(there / name)
    two.relink(two.project.images[0], there / "a.tif").result()
    assert all("there" in ref.uri for ref in two.project.images)


def test_boxes_change_the_role_alone(two, tmp_path):
    before = two.project.images[0]
    (tmp_path / "boxes.csv").write_text(BOXES)
    job = two.import_file(tmp_path / "boxes.csv", ImportOptions(role="validate"))
    edit_meanwhile(two)
    job.result()
    check_only(two, before, role="validate")
    (truth,) = two.project.truths
    assert isinstance(truth, BoxTruth)
    assert truth.image == before.id


def test_clicks_on_an_image_that_was_removed_meanwhile_are_left_out(two, tmp_path):
    before = two.project.images[0]
    (tmp_path / "boxes.csv").write_text(BOXES)
    options = ImportOptions(as_clicks=True, exhaustive=True)
    job = two.import_file(tmp_path / "boxes.csv", options)
    edit_meanwhile(two)
    job.result()
    check_only(two, before)
    assert [c.position for c in two.project.clicks] == [(40.0, 40.0), (14.5, 14.5)]


@pytest.mark.parametrize("name", ["blob", "other"])
def test_a_class_that_was_made_meanwhile_is_never_replaced(two, tmp_path, name):
    (tmp_path / "boxes.csv").write_text(BOXES.replace("cell", "blob"))
    job = two.import_file(tmp_path / "boxes.csv", ImportOptions(add_classes=True))
    two.edit(two.project.with_classes(two.project.next_class(name)), "add class")
    before = two.project
    with pytest.raises(InputError, match=f"'{name}' is in the way of its class 'blob'. Import"):
        job.result()
    assert two.project is before


@pytest.mark.parametrize("as_clicks", [True, False])
def test_objects_of_a_class_that_was_removed_meanwhile_are_refused(two, tmp_path, as_clicks):
    (tmp_path / "boxes.csv").write_text(BOXES)
    job = two.import_file(tmp_path / "boxes.csv", ImportOptions(as_clicks=as_clicks))
    two.edit(two.project.without_class(1), "remove class")
    with pytest.raises(InputError, match=r"'cell' was removed while .*: import the file again"):
        job.result()
