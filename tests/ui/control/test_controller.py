"""Work that is cancelled leaves nothing behind."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from napari_synthseg.core.errors import InputError
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


def test_quiet_work_is_not_told_to_pages_and_gives_way_at_once(qtbot):
    controller, release = SessionController(), threading.Event()
    told: list[object] = []
    shown: list[str] = []
    controller.work_changed.connect(told.append)
    controller.work_progressed.connect(lambda *news: told.append(news))

    def make() -> str:
        release.wait(10)
        return "old"

    controller.run(Job.of("outline", make), shown.append, lane="outlining")
    assert controller.job("outlining") is not None
    controller.leave("outlining")
    assert controller.job("outlining") is None
    controller.leave("outlining")  # nothing is there any more
    controller.run(Job.of("outline", lambda: "new"), shown.append, lane="outlining")
    release.set()
    qtbot.waitUntil(lambda: controller.is_idle)
    assert shown == ["new"]
    assert not told


def test_who_runs_a_job_may_show_its_failure(qtbot):
    controller = SessionController()
    failures: list[str] = []
    ended: list[str] = []

    def fail() -> None:
        raise InputError("The file is gone.")

    controller.run(
        Job.of("look", fail),
        lane="outlining",
        on_failure=lambda outcome: failures.append(str(outcome.error)),
        on_end=lambda outcome: ended.append(outcome.state),
    )
    qtbot.waitUntil(lambda: controller.is_idle)
    assert failures == ["The file is gone."]
    assert ended == ["failed"]


def test_pages_know_of_work_before_the_window_lives_again(qtbot, monkeypatch):
    """Making napari's progress bar lets the window live: a page must not offer to start by then."""
    from napari_synthseg.ui.control import job_monitor

    controller = SessionController()
    told: list[str] = []
    make_bar = job_monitor.progress  # type: ignore[attr-defined]

    def tell(**how: Any) -> Any:
        told.append("bar")
        return make_bar(**how)

    controller.work_changed.connect(told.append)
    monkeypatch.setattr(job_monitor, "progress", tell)
    controller.run(Job.of("train", lambda: None), lane="training")
    assert told == ["training", "bar"]
    qtbot.waitUntil(lambda: controller.is_idle)
