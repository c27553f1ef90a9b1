"""Looking through a model while it is trained: when, at what, and what a failure does."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import numpy as np
import pytest

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.runs import LearnedChannels
from napari_synthseg.storage import runs
from napari_synthseg.workflow.runs import live_view
from napari_synthseg.workflow.runs.live_view import CROPPED, MOST_PX, PERIOD_S, Field, LiveView
from tests.helpers.clicked_fields import TINY, images_by_role

LEFT = Field(ImageRef(id="a", uri="a"), ((0, 32), (0, 32)))
RIGHT = Field(LEFT.ref, ((0, 32), (32, 64)))


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def taking(clock, seconds, error=None):
    """Return a prediction of a field that takes some time, or fails."""

    def predict_field(*_):
        clock.now += seconds / 2
        yield Progress(0.0)
        clock.now += seconds / 2
        if error is not None:
            raise error
        return "found"

    return predict_field


def look(view, clock, pause=0.0):
    """Return what a look yields, with a pause at each yield."""
    news = []
    for step in view.through(Path("folder"), "run", LearnedChannels())(None):
        news.append(step)
        clock.now += pause
    return news


def test_looks_take_a_tenth_of_the_time_and_a_pause_in_one_does_not_count(clock, monkeypatch):
    view = LiveView(clock)
    assert not view.is_due()
    view.look_at(LEFT)
    clock.now += live_view.FIRST_S
    assert view.is_due()
    monkeypatch.setattr(live_view, "predict_field", taking(clock, 1.0))
    assert look(view, clock, pause=500)[-1].prediction == "found"
    clock.now += 8.9
    assert not view.is_due()
    clock.now += 0.2
    assert view.is_due()


def test_another_part_is_looked_at_before_the_same_one_again(clock, monkeypatch):
    monkeypatch.setattr(live_view, "predict_field", taking(clock, 0.1))
    view = LiveView(clock)
    view.look_at(LEFT)
    assert not view.is_due()
    clock.now += live_view.FIRST_S
    look(view, clock)
    clock.now += 1.0
    assert not view.is_due()
    view.look_at(RIGHT)
    assert view.is_due()
    view.look_at(LEFT)
    clock.now += PERIOD_S
    assert view.is_due()
    view.look_at(None)
    assert not view.is_due()


def test_a_training_that_pauses_at_a_look_looks_elsewhere_before_it_goes_on(clock, monkeypatch):
    monkeypatch.setattr(live_view, "predict_field", taking(clock, 0.1))
    view = LiveView(clock)
    view.look_at(LEFT)
    assert not view.is_wanted_elsewhere, "there was no look yet"
    view.is_due()
    clock.now += live_view.FIRST_S
    work = view.through(Path("folder"), "run", LearnedChannels())(None)
    assert [live_view.ends_look(next(work)) for _ in range(2)] == [False, True]
    view.is_held = True
    assert not view.is_wanted_elsewhere
    view.look_at(RIGHT)
    assert view.is_wanted_elsewhere, "at once: nothing is trained that a look would hold up"
    assert [live_view.ends_look(next(work)) for _ in range(2)] == [False, True]
    assert not view.is_wanted_elsewhere
    assert next(work, None) is None
    assert live_view.ends_look(Progress(0.0, metrics={"loss": 1.0}))  # one batch at most


def test_a_look_that_fails_says_why_and_is_the_last_one(clock, monkeypatch):
    view = LiveView(clock)
    view.look_at(LEFT)
    view.is_due()
    clock.now += 10
    gone = taking(clock, 0.1, InputError("a.tif is missing."))
    monkeypatch.setattr(live_view, "predict_field", gone)
    assert look(view, clock)[-1].notes == ("the live view ended: a.tif is missing",)
    clock.now += 100
    assert not view.is_due()


def test_a_large_part_is_cropped_to_its_middle():
    assert live_view.middle_of(((0, 100), (50, 3000)), 1.0, MOST_PX) == (
        (0, 100),
        (1013, 1013 + MOST_PX),
    )
    assert live_view.middle_of(((0, 4000), (0, 10)), 0.25, MOST_PX) == ((0, 4000), (0, 10))


def test_a_model_finds_things_while_it_is_trained_and_learns_the_same(clicked, monkeypatch):
    monkeypatch.setattr(live_view, "MOST_PX", 64)
    ticks = count(step=10)
    view = LiveView(lambda: float(next(ticks)))
    test = images_by_role(clicked)["test"]
    view.look_at(Field(test, ((16, 128), (0, 96))))
    looked = clicked.train(TINY, "looked at", view)
    found = []
    looked.progressed.connect(lambda step: found.append(step.prediction))
    run = looked.result()
    found = [one for one in found if one is not None]
    assert found
    assert {(one.image, one.run) for one in found} == {(test.id, run.id)}
    height, width = found[0].ids.shape
    middle = np.array(found[0].region_origin) + np.array([height, width]) / 2
    np.testing.assert_allclose(middle, (72, 48), atol=1)
    assert max(height, width) <= 64 and CROPPED in found[0].notes
    plain = clicked.train(TINY, "not looked at").result()
    first, second = (runs.load_weights(clicked.folder, r.id) for r in (run, plain))
    assert all(np.array_equal(first[k], second[k]) for k in first)
