"""The window lives while work runs in the background."""

from __future__ import annotations

import threading

import pytest
from qtpy.QtCore import QTimer

from napari_synthseg.tasks.task import Task
from tests.ui.app.test_steps import start_training

pytestmark = pytest.mark.gui

STEPS = 4

HELD_S = 20.0
"""How long a step waits for the window at most; a window that lives answers within a moment."""

TICK_MS = 10


def test_the_window_never_waits_for_a_step_of_a_training(clicked, monkeypatch):
    """Each step goes on once the window has been seen to live meanwhile."""
    lives, usual, answers = threading.Event(), Task.batch_loss, []

    def held(self, *args):
        lives.clear()
        answers.append(lives.wait(HELD_S))
        return usual(self, *args)

    monkeypatch.setattr(Task, "batch_loss", held)
    timer = QTimer()
    timer.timeout.connect(lives.set)
    timer.start(TICK_MS)
    start_training(clicked, steps=STEPS)
    clicked.settle()
    timer.stop()
    assert answers == STEPS * [True]
    assert [run.state for run in clicked.session.project.runs] == ["done"]
