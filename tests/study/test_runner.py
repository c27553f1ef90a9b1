"""Units are done once, by whoever holds the lock; what fails stops nothing else."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from benchmarks.study import runner
from benchmarks.study.records import LOCKS, append_record, read_records, records_path
from benchmarks.study.runner import WORK, run_units
from benchmarks.study.study_file import parse_study
from benchmarks.study.units import Unit, plan
from napari_synthseg.core.errors import InputError
from tests.helpers.study_records import made_up
from tests.study.conftest import tables

ARMS = [{"name": name, "source": "clicks", "clicks": n} for n, name in enumerate("abc", start=2)]


@pytest.fixture
def units() -> list[Unit]:
    return plan(parse_study(tables(*ARMS)))


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let units be done at once, and return the names of the arms in the order of their doing."""
    done: list[str] = []

    def measure(unit: Unit, folder: Path, complete: Any, shared: Path) -> Any:
        assert not folder.exists()
        folder.mkdir()
        done.append(unit.arm.name)
        return made_up(unit)

    monkeypatch.setattr(runner, "measure_unit", measure)
    monkeypatch.setattr(runner, "RETRY_SECONDS", 0.02)
    return done


def test_finished_units_are_not_done_again(
    units: list[Unit], measured: list[str], tmp_path: Path
) -> None:
    assert run_units(units[:2], tmp_path) == []
    before = records_path(tmp_path).read_bytes()
    assert run_units(units, tmp_path) == []
    assert measured == ["a", "b", "c"]
    assert records_path(tmp_path).read_bytes().startswith(before)
    assert read_records(tmp_path) == {u.name(): made_up(u) for u in units}
    assert not any((tmp_path / WORK).iterdir())


def test_what_a_killed_process_left_is_cleared(
    units: list[Unit], measured: list[str], tmp_path: Path
) -> None:
    left = tmp_path / WORK / units[0].name()
    left.mkdir(parents=True)
    (left / "project.db").write_text("half")
    assert run_units(units, tmp_path) == []
    assert not left.exists()


def hold(out: Path, unit: Unit) -> FileLock:
    (out / LOCKS).mkdir(parents=True)
    lock = FileLock(out / LOCKS / f"{unit.name()}.lock")
    lock.acquire()
    return lock


@pytest.mark.parametrize("finished", [True, False])
def test_unit_held_elsewhere_is_taken_up_later(
    units: list[Unit], measured: list[str], tmp_path: Path, finished: bool
) -> None:
    lock = hold(tmp_path, units[0])
    thread = threading.Thread(target=run_units, args=(units, tmp_path))
    thread.start()
    deadline = time.monotonic() + 20
    while len(measured) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert measured == ["b", "c"]  # the others first
    assert thread.is_alive()  # waits for the one that is held
    if finished:
        append_record(tmp_path, made_up(units[0], 0.9))
    lock.release()
    thread.join(20)
    assert not thread.is_alive()
    assert measured == (["b", "c"] if finished else ["b", "c", "a"])
    record = read_records(tmp_path)[units[0].name()]
    assert record.values["f1@0.5"] == (0.9 if finished else 0.5)


@pytest.mark.parametrize(("error", "defect"), [(InputError("no"), False), (OSError("no"), True)])
def test_failure_stops_no_other_unit(
    units: list[Unit],
    measured: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    defect: bool,
) -> None:
    quick = vars(runner)["measure_unit"]

    def measure(unit: Unit, folder: Path, complete: Any, shared: Path) -> Any:
        if unit.arm.name == "b":
            raise error
        return quick(unit, folder, complete, shared)

    monkeypatch.setattr(runner, "measure_unit", measure)
    said: list[str] = []
    (failure,) = run_units(units, tmp_path, say=said.append)
    assert (failure.unit.arm.name, failure.defect) == ("b", defect)
    assert measured == ["a", "c"]
    assert units[1].name() not in read_records(tmp_path)
    assert any("b, seed 0, images 0: failed" in line for line in said)


def test_line_cut_off_by_a_kill_is_ignored_and_replaced(units: list[Unit], tmp_path: Path) -> None:
    out = tmp_path / "out"
    append_record(out, made_up(units[0]))
    whole = records_path(out).read_bytes()
    append_record(out, made_up(units[1]))
    for kept in (len(whole) + 1, records_path(out).stat().st_size - 1):
        records_path(out).write_bytes(records_path(out).read_bytes()[:kept])
        assert list(read_records(out)) == [units[0].name()]
        append_record(out, made_up(units[1]))
        assert list(read_records(out)) == [u.name() for u in units[:2]]
        assert records_path(out).read_bytes().startswith(whole)


def test_writers_at_the_same_time_lose_nothing(units: list[Unit], tmp_path: Path) -> None:
    records = [made_up(units[0]).model_copy(update={"unit": f"u{n}"}) for n in range(12)]
    threads = [threading.Thread(target=append_record, args=(tmp_path, r)) for r in records]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(read_records(tmp_path)) == sorted(f"u{n}" for n in range(12))


def test_damaged_record_is_named(units: list[Unit], tmp_path: Path) -> None:
    for unit in units[:2]:
        append_record(tmp_path, made_up(unit))
    path = records_path(tmp_path)
    first, second = path.read_text().splitlines()
    path.write_text(f"{first}\n{second[: len(second) // 2]}\n")
    with pytest.raises(InputError, match=r"line 2, is damaged .* delete the line"):
        run_units(units, tmp_path)


def test_output_that_cannot_be_written_is_named(units: list[Unit], tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(InputError, match="cannot be written"):
        run_units(units, tmp_path / "out")
