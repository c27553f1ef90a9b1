"""Work that is cancelled leaves nothing behind."""

from __future__ import annotations

import threading

import pytest

from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.workflow.jobs import Job
from napari_synthseg.workflow.session import Session

pytestmark = pytest.mark.gui


def test_a_project_whose_opening_was_cancelled_is_released_and_not_shown(qtbot, tmp_path):
    controller, begun, release = SessionController(), threading.Event(), threading.Event()
    shown: list[Session] = []

    def make() -> Session:
        begun.set()
        release.wait(10)
        return Session.create(tmp_path / "new.synthseg")

    controller.run(Job.of("start a project", make), shown.append, lane="display")
    assert begun.wait(10)
    controller.cancel("display")
    assert controller.job("display").is_stopping
    release.set()
    qtbot.waitUntil(lambda: controller.is_idle)
    assert not shown
    with Session.open(tmp_path / "new.synthseg").result() as session:
        assert not session.read_only
