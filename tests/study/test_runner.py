"""Units are done once, by whoever holds the lock; what fails stops nothing else."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from benchmarks.study import runner
from benchmarks.study.records import load_record, record_path, save_record
from benchmarks.study.runner import LOCKS, WORK, run_units
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
    monkeypatch.setattr(runner, "PATIENCE", 0.02)
    return done


def test_finished_units_are_not_done_again(
    units: list[Unit], measured: list[str], tmp_path: Path
) -> None:
    assert run_units(units[:2], tmp_path) == []
    before = record_path(tmp_path, units[0].name()).stat().st_mtime_ns
    assert run_units(units, tmp_path) == []
    assert measured == ["a", "b", "c"]
    assert record_path(tmp_path, units[0].name()).stat().st_mtime_ns == before
    assert all(load_record(tmp_path, u.name()) == made_up(u) for u in units)
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
        save_record(tmp_path, made_up(units[0], 0.9))
    lock.release()
    thread.join(20)
    assert not thread.is_alive()
    assert measured == (["b", "c"] if finished else ["b", "c", "a"])
    record = load_record(tmp_path, units[0].name())
    assert record is not None and record.values["f1@0.5"] == (0.9 if finished else 0.5)


@pytest.mark.parametrize(("error", "defect"), [(InputError("no"), False), (OSError("no"), True)])
def test_failure_stops_no_other_unit(
    units: list[Unit],
    measured: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    defect: bool,
) -> None:
    quick = runner.measure_unit

    def measure(unit: Unit, folder: Path, complete: Any, shared: Path) -> Any:
        if unit.arm.name == "b":
            raise error
        return quick(unit, folder, complete, shared)

    monkeypatch.setattr(runner, "measure_unit", measure)
    said: list[str] = []
    (failure,) = run_units(units, tmp_path, say=said.append)
    assert (failure.unit.arm.name, failure.defect) == ("b", defect)
    assert measured == ["a", "c"]
    assert load_record(tmp_path, units[1].name()) is None
    assert any("b, seed 0, images 0: failed" in line for line in said)


def test_record_that_cannot_be_put_in_place_leaves_none(
    units: list[Unit], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Path, target: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save_record(tmp_path, made_up(units[0]))
    assert load_record(tmp_path, units[0].name()) is None
    assert not any((tmp_path / "results").iterdir())


def test_damaged_record_is_named(units: list[Unit], tmp_path: Path) -> None:
    path = save_record(tmp_path, made_up(units[0]))
    whole = path.read_text()
    path.write_text(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="delete it to run the unit again"):
        run_units(units, tmp_path)
    path.write_text(whole.replace(units[0].name(), "other"))
    with pytest.raises(InputError, match="of unit 'other'"):
        run_units(units, tmp_path)


def test_output_that_cannot_be_written_is_named(units: list[Unit], tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(InputError, match="cannot be written"):
        run_units(units, tmp_path / "out")
