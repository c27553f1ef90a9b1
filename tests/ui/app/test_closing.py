"""Closing the panel or the window ends all work, keeps the results, and crashes nothing."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from napari_synthseg.core.progress import Progress
from napari_synthseg.ui.control.job_monitor import DEFAULT_INTERVAL_S, SWITCH_INTERVAL_S
from napari_synthseg.workflow.jobs import Job
from napari_synthseg.workflow.session import Session
from tests.ui.app.test_steps import start_training

pytestmark = pytest.mark.gui

LIMIT_S = 0.5
"""The window is gone so long after it was closed, whatever runs."""

BUSY = 3
"""Factor for machines that run other tests at the same time; what is held here takes longer."""

HELD_S = 30.0
"""How long a worker stands still at most, as if one step took so long."""

STEPS = 10

STAGES: dict[str, Callable[[Progress], bool]] = {
    "getting ready": lambda news: True,
    "first batch": lambda news: "loss" in news.metrics,
    "before the first validation": lambda news: news.metrics.get("step", 0) == 3,
    "in the first validation": lambda news: "validating" in news.message,
    "after the first validation": lambda news: news.message.endswith("validated"),
    "in the last validation": lambda news: (
        "validating" in news.message and news.metrics["step"] == STEPS
    ),
    "at the end": lambda news: news.message.endswith("validated") and news.metrics["step"] == STEPS,
}
"""Stage of a training -> whether a piece of news is of it."""


@dataclass
class Hold:
    """A job whose worker stands still at a stage."""

    job: Job[Any]
    reached: threading.Event
    release: threading.Event


def hold(job: Job[Any], is_reached: Callable[[Progress], bool]) -> Hold:
    held = Hold(job, threading.Event(), threading.Event())

    def on_progress(news: Progress) -> None:
        if not held.reached.is_set() and is_reached(news):
            held.reached.set()
            held.release.wait(HELD_S)

    job.progressed.connect(on_progress)
    return held


def seconds_to_close(bench) -> float:
    """Close the window as a user does; return how long that takes."""
    window = bench.panel.window()
    started = time.perf_counter()
    window.close()
    taken = time.perf_counter() - started
    assert not window.isVisible()
    assert bench.session is None
    return taken


def close_while_held(bench, held: Hold) -> None:
    """Close the window while the worker stands still; the work ends once it goes on."""
    bench.wait(held.reached.is_set)
    assert seconds_to_close(bench) < BUSY * LIMIT_S
    assert held.job.outcome is None
    held.release.set()


@pytest.fixture
def training(clicked):
    panel = start_training(clicked, steps=100_000)
    clicked.wait(lambda: len(panel.work.curve.points) > 0)
    return clicked


def state_on_disk(folder):
    session = Session.open(folder).result()
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


@pytest.mark.parametrize("stage", STAGES)
def test_the_window_is_gone_at_once_at_each_stage_of_a_training(clicked, stage):
    start_training(clicked, steps=STEPS)
    folder = clicked.session.folder
    close_while_held(clicked, hold(clicked.panel.controller.job("training"), STAGES[stage]))
    assert state_on_disk(folder) == "cancelled"


def test_the_window_is_gone_at_once_while_patches_are_cut(clicked):
    folder = clicked.session.folder
    clicked.panel.show_step(1)
    close_while_held(clicked, hold(clicked.panel.controller.job("short"), lambda news: True))
    with Session.open(folder).result() as session:
        assert len(session.project.clicks) == 12


def test_a_project_that_is_still_opening_is_released(clicked):
    folder = clicked.session.folder
    clicked.panel.files.new_project()
    clicked.panel.files.open_project(folder)
    job = clicked.panel.controller.job("short")
    clicked.panel.controller.clear()
    job.join()
    with Session.open(folder).result() as session:
        assert not session.read_only


def test_edits_of_the_last_moment_are_on_disk(clicked):
    folder = clicked.session.folder
    clicked.click((44, 44))
    number = len(clicked.session.project.clicks)
    assert seconds_to_close(clicked) < BUSY * LIMIT_S
    with Session.open(folder).result() as session:
        assert len(session.project.clicks) == number == 13


def test_threads_take_turns_more_often_while_work_runs(clicked):
    # outlines of the clicks may still be looked for
    clicked.wait(lambda: sys.getswitchinterval() == pytest.approx(DEFAULT_INTERVAL_S), 60_000)
    start_training(clicked)
    assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL_S)
    clicked.panel.shut_down()
    assert sys.getswitchinterval() == pytest.approx(DEFAULT_INTERVAL_S)


def test_no_run_is_begun_while_its_lane_is_busy(clicked):
    controller, go_on = clicked.panel.controller, threading.Event()

    def wait():
        yield Progress(0.0)
        go_on.wait(HELD_S)

    controller.run(Job(wait(), "other work"), lane="training")
    controller.start(lambda session: session.train(), lane="training")
    assert clicked.session.project.runs == ()
    go_on.set()
    clicked.settle()
