"""Many files at once: what can be read is added in one edit, what cannot is told by file."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.ui.presenters.images.adding import ask_by_shape, told_of_files
from napari_synthseg.workflow.images.adding import FileUse
from napari_synthseg.workflow.images.finding import find_images
from napari_synthseg.workflow.images.thumbnails import draw_thumbnail
from napari_synthseg.workflow.session import Session


@pytest.fixture
def folder(tmp_path):
    """Two images with the masks of one, a movie, a damaged file, a text and a project."""
    rng = np.random.default_rng(0)
    day = tmp_path / "day1"
    (day / "inner").mkdir(parents=True)
    (day / "old.synthseg").mkdir()
    for name in ("a.tif", "inner/b.tif", "old.synthseg/c.tif", ".hidden.tif"):
        tifffile.imwrite(day / name, rng.integers(0, 999, (30, 40), np.uint16))
    tifffile.imwrite(day / "a_masks.tif", np.zeros((30, 40), np.uint8))
    movie = rng.integers(0, 999, (5, 30, 40), np.uint16)
    tifffile.imwrite(day / "movie.tif", movie, metadata={"axes": "TYX"})
    (day / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    (day / "notes.txt").write_text("Zeiss, 63x")
    return day


def test_a_folder_gives_its_images_and_tells_of_the_rest(folder):
    found = find_images([folder]).result()
    assert [each.path.name for each in found.files] == ["a.tif", "movie.tif", "b.tif"]
    assert [path.name for path in found.refused] == ["broken.png"]
    assert [path.name for path in found.masks] == ["a_masks.tif"]


def test_a_folder_without_an_image_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(InputError, match="holds no image that can be read here"):
        find_images([tmp_path]).result()


def test_many_files_are_one_edit_and_each_refusal_is_told_by_file(folder, tmp_path):
    uses = [FileUse(folder / name) for name in ("a.tif", "broken.png", "movie.tif")]
    with Session.create(tmp_path / "p") as session:
        made = session.add_files(uses).result()
        names = [ref.name for ref in session.project.images]
        assert (len(names), names[0]) == (6, "a.tif")
        assert list(made.figures["refused"]) == ["broken.png"]
        told = told_of_files(made.figures["refused"], made.figures["notes"])
        assert told.startswith("1 of the files could not be added:\nbroken.png: ")
        again = session.add_files(uses).result()
        assert (len(session.project.images), again.figures["known"]) == (6, ["a.tif", "movie.tif"])
        session.undo()
        session.undo()
        assert not session.project.images


def test_one_file_that_cannot_be_read_is_an_error(folder, tmp_path):
    with Session.create(tmp_path / "p") as session, pytest.raises(InputError, match=r"broken\.png"):
        session.add_files([FileUse(folder / "broken.png")]).result()


def test_axes_are_asked_for_only_where_there_is_a_choice(folder):
    questions = ask_by_shape(find_images([folder]).result().files, "auto")
    still, movie = questions
    assert (len(still.files), still.is_open, movie.is_open) == (2, False, True)
    assert movie.title() == "'movie.tif': 5 frames over time. Gives 5 images."
    assert [use.axes for use in movie.uses()] == [""]
    changed = movie.with_axes("zyx")
    assert changed.title() == "'movie.tif': 5 planes along z. Gives 5 images."
    assert [use.axes for use in changed.uses()] == ["zyx"]


def test_only_one_frame_is_taken_where_the_user_says_so(folder, tmp_path):
    with Session.create(tmp_path / "p") as session:
        session.add_files([FileUse(folder / "movie.tif", plane={"t": 3})]).result()
        assert [ref.plane for ref in session.project.images] == [{"t": 3}]


def test_a_thumbnail_is_small_and_shows_the_middle_of_a_volume(tmp_path):
    volume = np.zeros((9, 60, 90), np.uint8)
    volume[4, :, 45:] = 200
    tifffile.imwrite(tmp_path / "v.tif", volume, metadata={"axes": "ZYX"})
    with Session.create(tmp_path / "p") as session:
        session.add_files([FileUse(tmp_path / "v.tif", stack="volume")]).result()
        (ref,) = session.project.images
        picture = draw_thumbnail(ref, session.folder, 30)
    assert picture.shape == (20, 30, 3)
    assert picture.dtype == np.uint8
    assert picture[:, :14].max() < picture[:, 16:].min()


def test_a_thumbnail_of_a_missing_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError):
        draw_thumbnail(ImageRef(uri="gone.tif"), tmp_path, 30)
