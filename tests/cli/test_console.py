from __future__ import annotations

import json
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from napari_synthseg.cli import console
from napari_synthseg.cli.console import report, table
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.progress import Cancelled, Progress
from napari_synthseg.workflow.jobs import Job
from napari_synthseg.workflow.session import Session


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    made = Session.create(tmp_path / "p.synthseg")
    yield made
    made.close().result()


def test_value_comes_back_and_progress_goes_to_stderr(
    session: Session, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "LINE_INTERVAL_S", 0.0)

    def work() -> Generator[Progress, None, int]:
        yield Progress(0.25, "warming up")
        yield Progress(0.5, "step 3", {"loss": 0.125})
        return 7

    assert console.run_job(Job(work(), "count")) == 7
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "count:  25%  warming up" in printed.err
    assert "count:  50%  step 3, loss 0.125" in printed.err


def test_interrupt_cancels_at_the_next_step_and_keeps_the_result(session: Session) -> None:
    steps: list[int] = []
    handler = signal.getsignal(signal.SIGINT)

    def work() -> Generator[Progress, None, str]:
        try:
            for number in range(5):
                steps.append(number)
                if number == 1:
                    signal.raise_signal(signal.SIGINT)
                yield Progress(number / 5, "")
        except Cancelled:
            return "kept"
        return "all"

    job = Job(work(), "count")
    with pytest.raises(KeyboardInterrupt):
        console.run_job(job)
    assert steps == [0, 1]
    assert job.outcome is not None
    assert job.outcome.value == "kept"
    assert signal.getsignal(signal.SIGINT) is handler


def test_second_interrupt_ends_at_once(session: Session) -> None:
    def work() -> Generator[Progress, None, None]:
        yield Progress(0.0, "")
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("went on after the second interrupt")

    with pytest.raises(KeyboardInterrupt):
        console.run_job(Job(work(), "count"))


def test_an_interrupt_that_was_switched_off_stays_off(session: Session) -> None:
    def work() -> Generator[Progress, None, str]:
        yield Progress(0.0, "")
        signal.raise_signal(signal.SIGINT)
        yield Progress(0.5, "")
        return "all"

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    assert console.run_job(Job(work(), "count")) == "all"
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_failure_of_the_work_is_raised_as_it_is(session: Session) -> None:
    def work() -> Generator[Progress, None, None]:
        yield Progress(0.0, "")
        raise InputError("no such thing")

    with pytest.raises(InputError, match="no such thing"):
        console.run_job(Job(work(), "count"))


def test_json_is_one_line_that_any_reader_takes(capsys: pytest.CaptureFixture[str]) -> None:
    report({"a": float("nan"), "b": [1, float("inf")], "c": "ü\n"}, ["for people"], as_json=True)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {"a": None, "b": [1, None], "c": "ü\n"}


def test_people_get_the_lines(capsys: pytest.CaptureFixture[str]) -> None:
    report({"a": 1}, ["one", "two"], as_json=False)
    assert capsys.readouterr().out == "one\ntwo\n"


def test_table_lines_up() -> None:
    assert table(("class", "f1"), [("nucleus", 0.5), ("b", 10)]) == [
        "class       f1",
        "nucleus  0.500",
        "b           10",
    ]


def test_the_same_line_of_progress_is_printed_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "LINE_INTERVAL_S", 0.0)

    def work() -> Generator[Progress, None, None]:
        yield Progress(0.0, "loading")
        yield Progress(0.0, "loading")
        yield Progress(0.5, "training")

    console.run_job(Job(work(), "train"))
    assert capsys.readouterr().err.count("loading") == 1
