"""Closing the panel or the window ends all work, keeps the results, and crashes nothing."""

from __future__ import annotations

import pytest

from napari_synthseg.workflow.session import Session

from .test_steps import start_training

pytestmark = pytest.mark.gui


@pytest.fixture
def training(clicked):
    panel = start_training(clicked, steps=100_000)
    clicked.wait(lambda: len(panel.work.curve._steps) > 0)
    return clicked


def state_on_disk(folder):
    session = Session.open(folder)
    assert not session.read_only  # the lock was released
    (run,) = session.project.runs
    session.close().result()
    return run.state


def test_closing_the_panel_while_training(training):
    folder, job = training.session.folder, training.panel.controller.job("training")
    training.viewer.window.remove_dock_widget(training.panel)
    assert training.session is None
    assert state_on_disk(folder) == "cancelled"
    assert job.state == "cancelled"


def test_closing_the_viewer_while_training(training):
    folder, job = training.session.folder, training.panel.controller.job("training")
    training.viewer.close()
    assert state_on_disk(folder) == "cancelled"
    assert job.state == "cancelled"


def test_quitting_the_program_while_training(training, qapp):
    folder, job = training.session.folder, training.panel.controller.job("training")
    qapp.aboutToQuit.emit()
    assert job.state == "cancelled"
    assert state_on_disk(folder) == "cancelled"


def test_hiding_the_panel_goes_on_working(training):
    job = training.panel.controller.job("training")
    training.panel.parent().hide()
    training.qtbot.wait(100)
    assert job.state == "running"
    training.panel.controller.cancel("training")
    training.settle()
