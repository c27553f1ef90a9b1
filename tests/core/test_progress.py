"""Work inside other work."""

import time

import pytest

from napari_synthseg.core.progress import (
    Cancelled,
    Progress,
    exhaust,
    get_ready,
    in_turn,
    subprogress,
    without_share,
)
from napari_synthseg.core.specs import TrainSpec


def work(log, count=4):
    try:
        for number in range(count):
            yield Progress(number / count, f"part {number}", {"number": number})
    except Cancelled:
        return "half"
    finally:
        log.append("ended")
    return "found"


def listed(outer):
    """Return what a generator yields, and what it returns."""
    told = []
    with pytest.raises(StopIteration) as stop:
        while True:
            told.append(next(outer))
    return told, stop.value.value


def test_inner_fractions_are_scaled_and_the_result_is_returned():
    log = []

    def outer():
        found = yield from subprogress(work(log), 0.5, 0.9)
        return found, "and more"

    told, result = listed(outer())
    assert [step.fraction for step in told] == pytest.approx([0.5, 0.6, 0.7, 0.8])
    assert [step.message for step in told] == ["part 0", "part 1", "part 2", "part 3"]
    assert [step.metrics["number"] for step in told] == [0, 1, 2, 3]
    assert result == ("found", "and more")
    assert log == ["ended"]


def test_the_message_is_put_in_front():
    told, _ = listed(subprogress(work([], 1), message="image 7"))
    assert [step.message for step in told] == ["image 7: part 0"]
    silent = (Progress(share) for share in (0.5,))
    told, _ = listed(subprogress(silent, message="image 7"))
    assert [step.message for step in told] == ["image 7"]


def test_getting_ready_is_a_part_of_the_time_and_said_in_words_where_steps_are_counted():
    begun = time.monotonic() - 30
    told, result = listed(get_ready(work([]), TrainSpec(minutes=1.0).budget, begun))
    assert [step.fraction for step in told] == pytest.approx([0.5] * 4, abs=0.1)
    assert told[1].message == "getting ready: part 1"
    assert result == "found"
    told, _ = listed(get_ready(work([]), TrainSpec(steps=9).budget, begun))
    assert [step.fraction for step in told] == [0.0] * 4
    assert [step.message for step in told[:2]] == [
        "getting ready: part 0",
        "getting ready (25 % of this part): part 1",
    ]
    assert without_share(told[1].message) == "getting ready: part 1"


def test_parts_nest():
    inner = subprogress(work([], 2), 0.0, 0.5, "inner")
    told, _ = listed(subprogress(inner, 0.5, 1.0, "outer"))
    assert [step.fraction for step in told] == pytest.approx([0.5, 0.625])
    assert told[0].message == "outer: inner: part 0"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, ["image 1 of 2", "image 2 of 2"]),
        ({"thing": "batch"}, ["batch 1 of 2", "batch 2 of 2"]),
        ({"names": ["cells", "stripes"]}, ["cells", "stripes"]),
    ],
)
def test_works_follow_each_other_and_say_which_is_done(options, words):
    log = []
    told, results = listed(in_turn([work(log, 2), work(log, 1)], **options))
    assert [step.message for step in told] == [
        f"{words[0]}: part 0", f"{words[0]}: part 1", f"{words[1]}: part 0",
    ]  # fmt: skip
    assert [step.fraction for step in told] == pytest.approx([0.0, 0.25, 0.5])
    assert results == ["found", "found"]


def test_the_inner_work_ends_with_the_outer_one():
    log = []
    outer = subprogress(work(log))
    next(outer)
    outer.close()
    assert log == ["ended"]


def test_a_cancel_reaches_the_inner_work_which_may_return_what_it_has():
    log = []
    outer = subprogress(work(log))
    next(outer)
    with pytest.raises(StopIteration) as stop:
        outer.throw(Cancelled)
    assert stop.value.value == "half"
    assert log == ["ended"]


def test_a_cancel_that_the_inner_work_does_not_catch_comes_through():
    outer = subprogress(Progress(share) for share in (0.1, 0.2))
    next(outer)
    with pytest.raises(Cancelled):
        outer.throw(Cancelled)


def test_an_error_of_the_inner_work_comes_through():
    def failing():
        yield Progress(0.1)
        raise ValueError("broken")

    outer = subprogress(failing())
    next(outer)
    with pytest.raises(ValueError, match="broken"):
        next(outer)


@pytest.mark.parametrize("count", [0, 3])
def test_exhaust_returns_only_the_result(count):
    assert exhaust(work([], count)) == "found"
