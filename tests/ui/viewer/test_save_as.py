"""Saving under another name loses no stroke and no edit, and ends no work in silence."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from napari_synthseg.storage.project_store import ProjectStore
from tests.helpers.sessions import true_masks

pytestmark = pytest.mark.gui


@pytest.fixture
def held_copy(monkeypatch):
    """Copying stands still until the event is set."""
    go_on, save_as = threading.Event(), ProjectStore.save_as

    def wait_first(store, folder):
        copy = save_as(store, folder)
        go_on.wait(30)
        return copy

    monkeypatch.setattr(ProjectStore, "save_as", wait_first)
    return go_on


def shows(bench, folder):
    bench.wait(lambda: bench.session is not None and bench.session.folder == folder)
    bench.wait(lambda: bench.regions is not None)
    bench.settle()


def test_a_stroke_of_the_last_moment_is_in_the_copy_and_painting_waits_for_it(
    painting, held_copy, tmp_path
):
    painting.drag((30, 30), (30, 90))
    painting.panel.files.save_as(tmp_path / "mine.synthseg")
    painting.wait(lambda: painting.panel.controller.job("short") is not None)
    painting.drag((90, 30), (90, 90))
    assert not painting.regions.data[90].any()
    assert not painting.regions.editable
    held_copy.set()
    shows(painting, tmp_path / "mine.synthseg")
    masks = true_masks(painting.session, painting.session.project.images[0])
    assert (masks.values[30, 60], masks.values[90, 60]) == (1, 0)
    assert painting.regions.editable
    assert np.array_equal(painting.regions.data, masks.values)


def test_clicks_made_while_the_project_is_copied_are_in_the_copy(clicked, held_copy, tmp_path):
    clicked.panel.files.save_as(tmp_path / "mine.synthseg")
    clicked.wait(lambda: clicked.panel.controller.job("short") is not None)
    clicked.click((44, 44))
    held_copy.set()
    clicked.wait(lambda: clicked.session.folder == tmp_path / "mine.synthseg")
    clicked.settle()
    assert len(clicked.session.project.clicks) == len(clicked.clicks.data) == 13


def test_no_training_is_cancelled_in_silence(clicked, tmp_path, capsys):
    from tests.ui.app.test_steps import start_training

    start_training(clicked, steps=100_000)
    job, folder = clicked.panel.controller.job("training"), clicked.session.folder
    clicked.panel.files.save_as(tmp_path / "mine.synthseg")
    assert "Still busy: train run 1" in capsys.readouterr().out
    assert job.state == "running"
    assert clicked.session.folder == folder
    clicked.panel.controller.show(None)
    assert "Stopped: train run 1" in capsys.readouterr().out
    job.join()
    assert job.state == "cancelled"


def test_painting_goes_on_where_the_copy_fails(painting, tmp_path):
    (tmp_path / "mine.synthseg").mkdir()
    (tmp_path / "mine.synthseg" / "project.db").write_bytes(b"")
    painting.panel.files.save_as(tmp_path / "mine.synthseg")
    painting.settle()
    assert painting.regions.editable
    assert painting.session.folder != tmp_path / "mine.synthseg"
