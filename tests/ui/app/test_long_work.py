"""Long work is seen below other pages than its own, and its end is told there."""

from __future__ import annotations

import threading

import pytest

from napari_synthseg.core.progress import Cancelled, Progress
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.workflow.jobs import Job

pytestmark = pytest.mark.gui


def train(go_on):
    """Wait for `go_on` halfway, then be done; or be stopped."""
    try:
        while not go_on.wait(0.02):
            yield Progress(0.5, "step 2 of 4")
    except Cancelled:
        return None
    return TrainingRun(id="r2", name="run 2")


@pytest.fixture
def training(clicked, told):
    """Step 1 while a model trains; the event lets it end."""
    go_on = threading.Event()
    clicked.panel.show_step(0)
    clicked.settle()
    told.clear()
    clicked.panel.controller.run(Job(train(go_on), "train run 2"), lane="training")
    yield clicked, go_on
    go_on.set()
    clicked.settle()


def test_a_training_has_a_line_below_other_pages_and_tells_its_end(training, told):
    bench, go_on = training
    line = bench.panel.long_work.lines["training"]
    assert line.isVisible()
    assert not bench.panel.work.isVisible()
    assert line.words.toolTip() == "Train run 2…"
    bench.wait(lambda: line.bar.value() == line.bar.maximum() // 2)
    bench.panel.show_step(3)
    assert not line.isVisible(), "its own page says more"
    bench.panel.show_step(0)
    assert line.isVisible()
    go_on.set()
    bench.settle()
    assert not line.isVisible()
    assert [record.message for record in told] == ["run 2 is trained: see step 5."]


def test_the_line_stops_the_training(training, told):
    bench, _ = training
    line = bench.panel.long_work.lines["training"]
    line.cancel_button.click()
    assert line.words.toolTip() == "Stopping: train run 2…"
    assert not line.cancel_button.isEnabled()
    bench.settle()
    assert not line.isVisible()
    assert not told


def test_nothing_is_told_on_the_page_that_shows_the_training(training, told):
    bench, go_on = training
    bench.panel.show_step(3)
    go_on.set()
    bench.settle()
    assert not told
