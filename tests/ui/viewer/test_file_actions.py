"""Files and samples come onto the desk in the background; what cannot be read is said in words."""

import threading

import numpy as np
import pytest
import tifffile
from napari.layers import Image

from napari_synthseg.ui.viewer import file_actions
from napari_synthseg.ui.viewer.reading.layer_view import sample_name
from napari_synthseg.workflow.jobs import Job
from napari_synthseg.workflow.session import Session
from tests.ui.conftest import draw_discs

pytestmark = pytest.mark.gui


@pytest.fixture
def shown(monkeypatch):
    """What was told to the user."""
    from napari.utils.notifications import notification_manager

    notification_manager.records.clear()
    return notification_manager.records


def test_a_file_is_read_in_the_background_and_shown(bench, tmp_path):
    path = tmp_path / "discs.tif"
    tifffile.imwrite(path, draw_discs())
    bench.panel.files.open_file(path)
    assert bench.panel.controller.job("short") is not None
    bench.settle()
    (ref,) = bench.session.project.images
    assert ref.name == "discs.tif"
    (layer,) = (la for la in bench.viewer.layers if isinstance(la, Image))
    assert layer.data.shape == draw_discs().shape
    bench.session.undo()
    assert not bench.session.project.images


def test_the_layer_of_a_file_is_used_as_it_is(bench, tmp_path):
    path = tmp_path / "discs.tif"
    tifffile.imwrite(path, draw_discs())
    (layer,) = bench.viewer.open(path, plugin="napari")
    bench.panel.files.use_layer(layer)
    bench.settle()
    assert [la for la in bench.viewer.layers if isinstance(la, Image)] == [layer]
    assert bench.session.project.images[0].fingerprint


def test_a_file_that_cannot_be_read_is_said_in_words(bench, tmp_path, shown):
    path = tmp_path / "notes.tif"
    path.write_bytes(b"II*\\0" + bytes(8))
    bench.panel.files.open_file(path)
    bench.settle()
    assert any("notes.tif" in record.message for record in shown)
    assert bench.session is None  # no project is begun for nothing


def test_a_moved_image_is_found_again(bench, tmp_path, monkeypatch, shown):
    path, new = tmp_path / "discs.tif", tmp_path / "moved.tif"
    tifffile.imwrite(path, draw_discs())
    bench.panel.files.open_file(path)
    bench.settle()
    bench.panel.files.find_moved()
    bench.settle()
    assert "No image" in shown[-1].message
    path.rename(new)
    chosen = "napari_synthseg.ui.viewer.file_actions.QFileDialog.getOpenFileName"
    monkeypatch.setattr(chosen, lambda *_: (str(new), ""))
    bench.panel.files.find_moved()
    bench.settle()
    assert bench.session.project.images[0].uri.endswith("moved.tif")
    assert "discs.tif" in shown[-1].message


def test_a_sample_opens_in_the_background(bench):
    bench.panel.open_sample("sediment")
    assert not bench.session
    bench.settle()
    assert len(bench.session.project.images) == 2
    assert bench.panel.step == 0
    assert np.all([layer.visible for layer in bench.viewer.layers])


def test_the_project_that_is_open_is_just_shown(clicked, shown):
    session = clicked.session
    clicked.panel.files.open_project(session.folder)
    clicked.settle()
    assert clicked.session is session
    assert not session.read_only
    assert "is open already" in shown[-1].message


def test_a_project_open_in_another_window_is_edited_once_it_is_closed_there(bench, tmp_path):
    other = Session.create(tmp_path / "mine.synthseg")
    bench.panel.files.open_project(other.folder)
    bench.settle()
    assert bench.session.read_only
    assert "another window of this program" in bench.panel.notice.text()
    assert "close it there, then open it here again" in bench.panel.notice.text()
    other.close().result()
    bench.panel.files.open_project(other.folder)  # as the notice says
    bench.settle()
    assert not bench.session.read_only


@pytest.mark.parametrize("way", ["sample", "project", "new project"])
def test_who_trains_is_asked_before_another_project_is_shown(clicked, tmp_path, monkeypatch, way):
    asked, go = [], threading.Event()
    monkeypatch.setattr(file_actions, "may_leave", lambda *about: asked.append(about))  # stay
    files, session = clicked.panel.files, clicked.session
    clicked.panel.controller.run(Job.of("train", lambda: go.wait(60)), lane="learning")
    if way == "sample":
        files.open_sample("nuclei")
    elif way == "project":
        files.open_project(tmp_path)
    else:
        files.new_project()
    assert len(asked) == 1
    assert clicked.panel.controller.job("short") is None
    assert clicked.session is session
    go.set()
    clicked.settle()


def test_a_sample_layer_is_added_to_the_project_that_has_images(clicked):
    clicked.viewer.open_sample("napari-synthseg", "nuclei")
    layer = next(la for la in clicked.panel.files.free_layers() if sample_name(la))
    session = clicked.session
    clicked.panel.files.use_layer(layer)
    clicked.settle()
    assert clicked.session is session
    assert [ref.name for ref in session.project.images] == ["discs", layer.name]
