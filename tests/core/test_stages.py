"""Work inside other work."""

import pytest

from napari_synthseg.core.progress import exhaust, subprogress


def work(log, count=3):
    try:
        yield from range(count)
    finally:
        log.append("ended")
    return "found"


def test_steps_are_told_and_the_result_is_returned():
    log, told = [], []

    def outer():
        found = yield from subprogress(work(log), lambda step: f"step {step}")
        return found, "and more"

    stage = outer()
    with pytest.raises(StopIteration) as stop:
        while True:
            told.append(next(stage))
    assert told == ["step 0", "step 1", "step 2"]
    assert stop.value.value == ("found", "and more")
    assert log == ["ended"]


def test_the_inner_work_ends_with_the_outer_one():
    log = []
    stage = subprogress(work(log), str)
    assert next(stage) == "0"
    stage.close()
    assert log == ["ended"]


def test_an_error_of_the_inner_work_comes_through():
    def failing():
        yield 1
        raise ValueError("broken")

    stage = subprogress(failing(), str)
    assert next(stage) == "1"
    with pytest.raises(ValueError, match="broken"):
        next(stage)


@pytest.mark.parametrize("count", [0, 3])
def test_only_the_result(count):
    assert exhaust(work([], count)) == "found"
