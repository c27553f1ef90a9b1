"""``python -m benchmarks.study`` from file to report: killed, resumed, shared by processes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from benchmarks.study import runner, timing
from benchmarks.study.__main__ import PROGRAM, app
from benchmarks.study.records import read_records, records_path
from napari_synthseg.cli import run_app
from napari_synthseg.core.errors import InputError
from tests.study.conftest import as_toml, tables

ROOT = Path(__file__).parents[2]
ARMS: list[dict[str, Any]] = [
    {"name": "clicks", "source": "clicks"},
    {"name": "few", "source": "clicks", "clicks": 3, "pairs": 2},
    {"name": "real", "source": "real"},
    {"name": "real-2x", "source": "real", "factor": 2},
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "discs.toml"
    path.write_text(as_toml(tables(*ARMS)))
    return path


def command(*arguments: object) -> tuple[int, dict[str, Any], str]:
    """Run the command here; return its exit code, the last line of stdout as JSON, and stderr."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run_app(app, PROGRAM, [*map(str, arguments), "--json"])
    lines = out.getvalue().splitlines()
    return code, json.loads(lines[-1]) if lines else {}, err.getvalue()


def wait_for(happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 200
    while not happened():
        assert process.poll() is None, "ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_killed_study_goes_on_where_it_was(file: Path, tmp_path: Path) -> None:
    arms = ARMS[:3]
    file.write_text(as_toml(tables(*arms)))
    out = tmp_path / "out"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.study", str(file), "--out", str(out), "--jobs", "2"],
        env=environment, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip

    def in_the_middle() -> bool:
        done = read_records(out)
        return bool(done) and any(p.name not in done for p in (out / "work").glob("*"))

    wait_for(in_the_middle, process)
    process.kill()
    _, said = process.communicate(timeout=60)  # the workers hold stderr: it ends with the last one
    finished = records_path(out).read_bytes()
    done = len(read_records(out))
    assert 1 <= done < len(arms)
    begun = [line for line in said.splitlines() if line.endswith(": begins")]
    assert len(begun) == len(set(begun))  # no unit twice
    assert len(begun) >= done  # equal if the kill came just after a unit's end

    code, result, _ = command(file, "--out", out)
    assert code == 0
    assert (result["done"], result["missing"]) == (len(arms), [])
    assert len(read_records(out)) == len(arms)
    assert records_path(out).read_bytes().startswith(finished)
    assert not any((out / "work").iterdir())
    assert f"All {len(arms)} units are done." in (out / "report.md").read_text()
    for name in ("table.csv", "summary.csv", "figure.png"):
        assert (out / name).stat().st_size > 0


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.helpers.study_records import made_up

    monkeypatch.setattr(runner, "measure_unit", lambda unit, *rest: made_up(unit))


def test_only_some_arms_then_the_report(file: Path, tmp_path: Path, quick: None) -> None:
    out = tmp_path / "out"
    code, result, _ = command(file, "--out", out, "--only", "real", "--only", "few")
    assert code == 0
    assert (result["done"], result["wanted"]) == (2, 4)
    assert sorted(result["arms"]) == ["few", "real"]
    assert result["arms"]["real"]["median"]["f1@0.5"] == 0.5
    (told,) = result["arms"]["real"]["measured_on"]
    assert told.startswith("measured on 13 true objects")
    (out / "report.md").unlink()
    code, again, _ = command(file, "--out", out, "--report-only")
    assert (code, again) == (0, result)
    assert "Unfinished: 2 of 4" in (out / "report.md").read_text()


def test_changed_arm_alone_is_run_again(file: Path, tmp_path: Path, quick: None) -> None:
    out = tmp_path / "out"
    command(file, "--out", out)
    before = records_path(out).read_bytes()
    file.write_text(as_toml(tables({**ARMS[0], "jitter": 0.3}, *ARMS[1:])))
    code, result, said = command(file, "--out", out)
    assert (code, result["done"]) == (0, 4)
    assert [line for line in said.splitlines() if "begins" in line] == [
        "clicks, seed 0, images 0: begins"
    ]
    assert len(read_records(out)) == 5
    assert records_path(out).read_bytes().startswith(before)


def test_dry_run_lists_units_and_touches_nothing(file: Path, tmp_path: Path, quick: None) -> None:
    out = tmp_path / "out"
    code, result, _ = command(file, "--out", out, "--dry-run")
    assert (code, result["left"], result["seconds_left"]) == (0, 4, None)
    assert [u["training_images"] for u in result["units"]] == [2, 2, 2, 4]
    assert not out.exists() and not records_path(out).exists()
    command(file, "--out", out, "--only", "clicks")
    _, result, _ = command(file, "--out", out, "--dry-run")
    assert (result["done"], result["left"], result["seconds_left"]) == (1, 3, 18)


def test_calibration_says_how_many_steps_the_minutes_hold(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "TRIAL_STEPS", 8)
    out = tmp_path / "out"
    code, result, _ = command(file, "--out", out, "--calibrate", "--only", "few")
    assert code == 0
    assert json.loads((out / "calibration.json").read_text()) == result
    assert (result["arm"], result["minutes"]) == ("few", 5.0)
    expected = (300 - result["other_seconds"]) / result["seconds_per_step"]
    assert result["steps"] == pytest.approx(expected, rel=0.05)
    assert [p.name for p in out.iterdir()] == ["calibration.json"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--only", "reel"], "There is no arm 'reel'"),
        (["--dry-run", "--report-only"], "not several"),
        (["--jobs", "0"], "--jobs"),
    ],
)
def test_bad_options(file: Path, tmp_path: Path, options: list[str], told: str) -> None:
    code, _, said = command(file, "--out", tmp_path / "out", *options)
    assert code == 2
    (line,) = said.splitlines()
    assert told in line
    assert not (tmp_path / "out").exists()


def test_missing_data_are_told_in_one_line(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHSEG_DATA", str(tmp_path / "nowhere"))
    code, _, said = command(file, "--out", tmp_path / "out")
    assert code == 2
    (line,) = said.splitlines()
    assert "there is no folder" in line and "set the environment variable SYNTHSEG_DATA" in line
    assert not (tmp_path / "out").exists()


def test_failed_units_end_with_an_error_after_the_report(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a defect")

    monkeypatch.setattr(runner, "measure_unit", fail)
    code, result, said = command(file, "--out", tmp_path / "out")
    assert (code, result["done"], len(result["missing"])) == (1, 0, 4)
    assert "Traceback" in said


def test_units_that_cannot_be_done_are_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise InputError("an arm that cannot be")

    monkeypatch.setattr(runner, "measure_unit", refuse)
    file = tmp_path / "s.toml"
    file.write_text(as_toml(tables({"name": "cut", "source": "true-mask-patches"})))
    code, result, said = command(file, "--out", tmp_path / "out")
    assert (code, result["done"]) == (2, 0)
    assert "1 unit(s) failed, cut, seed 0, images 0" in said.splitlines()[-1]


def test_table_of_the_report_has_the_figures_of_the_task(
    file: Path, tmp_path: Path, quick: None
) -> None:
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(io.StringIO()):
        code = run_app(app, PROGRAM, [str(file), "--out", str(tmp_path / "out"), "--only", "real"])
    assert code == 0
    header = next(line for line in out.getvalue().splitlines() if line.startswith("arm (median)"))
    assert header.split()[-3:] == ["f1@0.5", "f1@0.7", "f1@0.8"]
