"""Work that is cancelled leaves nothing behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from napari_synthseg.core.errors import InputError
from napari_synthseg.ui.control import job_monitor
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


class Bars:
    """Stands in for napari's bar: notes what becomes of it; the window lives while it is made."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object] = lambda: None
    ) -> None:
        self.news: list[str] = []
        self.meanwhile = meanwhile
        monkeypatch.setattr(job_monitor, "progress", self.make)

    def make(self, **how: Any) -> Any:
        self.news.append("made")
        self.meanwhile()
        return SimpleNamespace(n=0, update=lambda by: None, close=lambda: self.news.append("gone"))


def test_pages_know_of_work_before_the_window_lives_again(qtbot):
    """A page must not offer to start it once more."""
    controller = SessionController()
    told: list[str] = []
    controller.work_changed.connect(told.append)
    controller.run(Job.of("train", lambda: None), lane="training")
    assert told == ["training"]
    qtbot.waitUntil(lambda: controller.is_idle)


def test_only_work_of_some_length_has_a_bar(qtbot, monkeypatch):
    controller, release = SessionController(), threading.Event()
    bars = Bars(monkeypatch)
    controller.run(Job.of("look", lambda: None))
    qtbot.waitUntil(lambda: controller.is_idle)
    assert not bars.news, "making one takes longer than this job"
    monkeypatch.setattr(job_monitor, "BAR_AFTER_S", 0.2)
    controller.run(Job.of("train", lambda: release.wait(20)), lane="training")
    qtbot.waitUntil(lambda: bars.news == ["made"])
    release.set()
    qtbot.waitUntil(lambda: controller.is_idle)
    assert bars.news == ["made", "gone"]


def test_work_may_be_left_while_its_bar_is_made(qtbot, monkeypatch):
    """Making napari's bar lets the window live: the user may close it just then."""
    controller, release = SessionController(), threading.Event()
    bars = Bars(monkeypatch, lambda: controller.leave("short"))
    monkeypatch.setattr(job_monitor, "BAR_AFTER_S", 0.0)
    ended: list[str] = []
    controller.run(
        Job.of("look", lambda: release.wait(20)), on_end=lambda outcome: ended.append(outcome.state)
    )
    qtbot.waitUntil(lambda: bars.news == ["made", "gone"])
    release.set()
    assert controller.is_idle
    assert not ended
