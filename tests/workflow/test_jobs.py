"""A job can be paused, resumed and cancelled, and every end is an outcome."""

import ctypes
import sys
import threading

import psutil
import pytest

from napari_synthseg.core.progress import Cancelled, Progress, subprogress
from napari_synthseg.workflow import jobs
from napari_synthseg.workflow.jobs import Job


def counting(limit, log=None, value="value"):
    try:
        yield from range(limit)
    finally:
        if log is not None:
            log.append(threading.current_thread().name)
    return value


def test_run_turns_the_work_here():
    job, steps, ends = Job(counting(3)), [], []
    job.progressed.connect(steps.append)
    job.finished.connect(ends.append)
    assert job.state == "waiting"
    outcome = job.run()
    assert (outcome.state, outcome.value) == ("done", "value")
    assert steps == [0, 1, 2]
    assert ends == [outcome]
    assert job.state == "done"


def test_start_turns_it_in_a_thread_of_its_own():
    log = []
    job = Job(counting(3, log), name="count").start()
    assert job.join(5)
    assert log == ["job: count"]
    assert job.outcome.value == "value"
    with pytest.raises(RuntimeError, match="twice"):
        job.start()


def paused_after_first_step(work):
    job, first = Job(work), threading.Event()

    def on_progress(step):
        if not first.is_set():
            job.pause()
            first.set()

    job.progressed.connect(on_progress)
    job.start()
    assert first.wait(5)
    return job


def test_a_paused_job_takes_no_further_step_until_resumed():
    log = []
    job = paused_after_first_step(counting(5, log))
    assert job.state == "paused"
    assert not job.join(0.1)
    assert log == []
    job.resume()
    assert job.join(5)
    assert job.state == "done"


def test_a_paused_job_takes_steps_up_to_one_that_is_asked_for():
    job, taken, seen = Job(counting(10**9)), [], threading.Event()
    job.progressed.connect(taken.append)
    job.pause()
    job.start()

    def is_last(step):
        if step == last:
            seen.set()
        return step == last

    for last in (3, 4):
        seen.clear()
        job.step(is_last)
        assert seen.wait(5)
        assert job.state == "paused"
        assert not job.join(0.05)
        assert taken == list(range(last + 1))
    job.resume()
    job.step(lambda step: True)  # it is not paused: nothing stops it
    assert not job.join(0.05)
    assert len(taken) > 5
    job.cancel()
    assert job.join(5)
    assert job.state == "cancelled"


def test_cancel_ends_the_work_at_its_yield_and_in_its_thread():
    log = []
    job = paused_after_first_step(counting(10**9, log))
    job.cancel()
    assert job.join(5)
    assert job.state == "cancelled"
    assert log == ["job: work"]


def test_work_may_still_return_something_when_cancelled():
    def saving():
        try:
            while True:
                yield
        except Cancelled:
            return "what there was"

    def outer():
        return (yield from saving())

    job = paused_after_first_step(outer())
    job.cancel()
    assert job.join(5)
    assert (job.outcome.state, job.outcome.value) == ("cancelled", "what there was")


@pytest.mark.parametrize(("quickly", "value"), [(False, "all"), (True, "some")])
def test_finishing_touches_are_taken_until_it_is_cancelled_again(quickly, value):
    begun, go = threading.Event(), threading.Event()

    def touches():
        yield Progress(0.5, "first")
        begun.set()
        assert go.wait(5)
        yield Progress(1.0, "second")
        return "all"

    def work():
        try:
            yield
        except Cancelled:
            try:
                return (yield from subprogress(touches(), finishing=True))
            except Cancelled:
                return "some"

    job = paused_after_first_step(work())
    job.cancel()
    assert begun.wait(5)
    assert job.is_stopping
    job.cancel(quickly=quickly)
    job.pause()  # what is stopping does not stand still: nobody could let it go on
    assert job.state == "running"
    go.set()
    assert job.join(5)
    assert (job.outcome.state, job.outcome.value) == ("cancelled", value)


def test_cancelling_before_the_start_runs_nothing():
    ran = []

    def work():
        ran.append(1)
        yield

    job = Job(work())
    job.cancel()
    assert job.run().state == "cancelled"
    assert ran == []


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), StopIteration(), SystemExit(3)])
def test_every_exception_becomes_an_outcome(error):
    def work():
        yield
        raise error

    outcome = Job(work(), name="w").run()
    assert outcome.state == "failed"
    assert outcome.error is not None
    assert "in work" in outcome.traceback


def test_work_that_goes_on_after_cancel_fails_by_name():
    def stubborn():
        while True:
            try:
                yield
            except Cancelled:
                yield
                return

    job = paused_after_first_step(stubborn())
    job.cancel()
    assert job.join(5)
    assert job.outcome.state == "failed"
    assert "went on" in str(job.outcome.error)


def test_a_failing_listener_ends_the_work_and_its_finally_runs():
    log = []
    job = Job(counting(5, log))

    def on_progress(step):
        raise ValueError("listener")

    job.progressed.connect(on_progress)
    assert job.run().state == "failed"
    assert log


def test_the_result_of_a_job_that_was_not_started_is_worked_out_here_and_recorded():
    recorded = []
    job = Job(iter_and_return("made"), "make", record=recorded.append)
    assert job.result() == "made"
    assert job.result() == "made"
    assert recorded == [job]
    assert Job.of("add", lambda: 1 + 1).result() == 2


def test_a_function_that_is_cancelled_meanwhile_ends_as_cancelled_with_what_it_made():
    def make():
        job.cancel()
        return job.is_stopping

    job: Job[bool] = Job.of("make", make)
    outcome = job.run()
    assert (outcome.state, outcome.value) == ("cancelled", True)
    assert not job.is_stopping


def iter_and_return(value):
    yield Progress(0.5)
    return value


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="of glibc")
def test_long_work_in_a_thread_gives_back_the_memory_that_it_leaves_free(monkeypatch):
    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("this system's allocator is another one")
    kept: list[bytearray] = []

    def work():
        yield Progress(0.0)
        blocks = [bytearray(60_000) for _ in range(1000)]
        kept.extend(blocks[::50])  # what is freed lies between what stays

    def grown_mb() -> float:
        before = psutil.Process().memory_info().rss
        assert Job(work(), "much").start().join(20)
        for thread in threading.enumerate():
            if thread.name == "job: much":
                thread.join(20)
        return (psutil.Process().memory_info().rss - before) / 1e6

    monkeypatch.setattr(jobs, "TRIM_AFTER_S", -1.0)
    assert grown_mb() < 20
    trims: list[None] = []
    monkeypatch.setattr(jobs, "give_back_memory", lambda: trims.append(None))
    grown_mb()
    assert len(trims) == 1
    monkeypatch.setattr(jobs, "TRIM_AFTER_S", 60.0)
    grown_mb()
    assert len(trims) == 1, "short work leaves it"
