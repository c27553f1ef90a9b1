"""Report, tables and figure say what is there, on what it was measured, and what is missing."""

from __future__ import annotations

import csv
import statistics
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.study.records import ADAPTED, append_record
from benchmarks.study.report import load_records, write_report
from benchmarks.study.study_file import parse_study
from benchmarks.study.summary import differences, range_words, summarize
from benchmarks.study.tables import Study
from benchmarks.study.timing import Calibration, estimate_seconds
from benchmarks.study.units import Unit, plan
from tests.helpers.study_records import made_up
from tests.study.conftest import tables

F1 = st.lists(st.floats(0, 1), min_size=1, max_size=5)


@pytest.fixture
def study() -> Study:
    made = tables({"name": "first", "source": "clicks"}, {"name": "second", "source": "real"})
    made["train"]["seeds"] = [0, 1, 2]
    return parse_study(made)


@pytest.fixture
def units(study: Study) -> list[Unit]:
    return plan(study)


def fill(units: list[Unit], out: Path, values: dict[str, list[float]]) -> None:
    for unit in units:
        if unit.seed < len(values[unit.arm.name]):
            append_record(out, made_up(unit, values[unit.arm.name][unit.seed]))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_report_of_a_whole_study(study: Study, units: list[Unit], tmp_path: Path) -> None:
    fill(units, tmp_path, {"first": [0.5, 0.7, 0.6], "second": [0.6, 0.6, 0.65]})
    progress = write_report(study, units, tmp_path, Path("s.toml"))
    assert (progress.done, progress.wanted, progress.missing) == (6, 6, ())
    text = (tmp_path / "report.md").read_text()
    assert text.startswith("# Discs\n\nWhich is better?\n\nAll 6 units are done.")
    assert "| first | 2 | 14 | 3 | 0.600 (0.500 to 0.700) |" in text
    assert "| second | 2 | true masks | 3 | 0.600 (0.600 to 0.650) |" in text
    assert "Each point was measured on 2 real images with 13 true objects (tuning half of" in text
    assert "| second | 3 | +0.050 (2 of 3 above) |" in text
    assert "promise nothing for other images" in text  # images of the tuning half
    assert f"python -m benchmarks.study s.toml --out {tmp_path.name}" in text
    assert "units differ" not in text
    assert "chance" not in text


def test_tables_hold_each_unit_and_each_arm(
    study: Study, units: list[Unit], tmp_path: Path
) -> None:
    values = {"first": [0.5, 0.7, 0.6], "second": [0.6, 0.6, 0.65]}
    fill(units, tmp_path, values)
    write_report(study, units, tmp_path, Path("s.toml"))
    rows = rows_of(tmp_path / "table.csv")
    assert {(r["arm"], int(r["seed"]), float(r["f1@0.5"])) for r in rows} == {
        (arm, seed, value) for arm, all_ in values.items() for seed, value in enumerate(all_)
    }
    assert all(r["measured_on"] == "real" and r["true_objects"] == "13" for r in rows)
    for row in rows_of(tmp_path / "summary.csv"):
        if row["metric"] == "f1@0.5":
            mine = values[row["arm"]]
            found = [float(row[k]) for k in ("median", "min", "max")]
            assert found == [statistics.median(mine), min(mine), max(mine)]
            assert (row["units"], row["test_images"], row["true_objects"]) == ("3", "2", "13")


def test_figure_is_a_picture(study: Study, units: list[Unit], tmp_path: Path) -> None:
    import imageio.v3 as iio

    fill(units, tmp_path, {"first": [0.5], "second": []})
    write_report(study, units, tmp_path, Path("s.toml"))
    picture = iio.imread(tmp_path / "figure.png")
    assert picture.shape[1] > 1000 and picture.std() > 5


def test_unfinished_study_says_what_is_missing(
    study: Study, units: list[Unit], tmp_path: Path
) -> None:
    write_report(study, units, tmp_path, Path("s.toml"))
    assert "**Unfinished: 0 of 6 units" in (tmp_path / "report.md").read_text()
    assert not (tmp_path / "table.csv").exists()
    fill(units, tmp_path, {"first": [0.5, 0.7, 0.6], "second": [0.6]})
    progress = write_report(study, units, tmp_path, Path("s.toml"))
    text = (tmp_path / "report.md").read_text()
    assert "**Unfinished: 4 of 6 units" in text
    assert progress.missing == ("second, seed 1, images 1", "second, seed 2, images 2")
    assert all(f"- {label}" in text for label in progress.missing)
    assert "| second | 1 |" in text  # one pair to compare
    assert "nothing is known of how much chance matters" in text


def test_units_of_different_versions_are_pointed_at(
    study: Study, units: list[Unit], tmp_path: Path
) -> None:
    fill(units, tmp_path, {"first": [0.5, 0.7, 0.6], "second": [0.6]})
    append_record(tmp_path, made_up(units[-1], versions={"napari-synthseg": "9.9"}))
    write_report(study, units, tmp_path, Path("s.toml"))
    text = (tmp_path / "report.md").read_text()
    assert "- versions **(the units differ: 2 of them)**" in text


def test_records_of_other_settings_are_left_out(
    study: Study, units: list[Unit], tmp_path: Path
) -> None:
    fill(units, tmp_path, {"first": [0.5], "second": []})
    other = tables({"name": "first", "source": "clicks", "jitter": 0.3})
    append_record(tmp_path, made_up(plan(parse_study(other))[0], 0.9))
    assert [r.values["f1@0.5"] for r in load_records(units, tmp_path)] == [0.5]


@pytest.fixture(scope="module")
def two_units(root: Path) -> list[Unit]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNTHSEG_DATA", str(root))
        made = tables({"name": "a", "source": "clicks"}, {"name": "b", "source": "clicks"})
        return plan(parse_study(made))


@given(first=F1, second=F1)
def test_figures_of_an_arm(two_units: list[Unit], first: list[float], second: list[float]) -> None:
    unit, other = two_units
    records = [
        made_up(u, value, seed=seed)
        for u, values in ((unit, first), (other, second))
        for seed, value in enumerate(values)
    ]
    one, two = summarize(["a", "b"], records)
    spread = one.spread("f1@0.5")
    assert spread is not None
    assert (spread.low, spread.high) == (min(first), max(first))
    assert spread.median == statistics.median(first)
    assert one.spread("no such metric") is None
    pairs = [b - a for a, b in zip(first, second, strict=False)]
    assert differences(one, two, "f1@0.5") == pairs


def test_ranges_in_words() -> None:
    assert range_words([3, 3]) == "3"
    assert range_words([5, 3, 4]) == "3 to 5"


def test_time_left_is_estimated_from_what_is_there(units: list[Unit], tmp_path: Path) -> None:
    assert estimate_seconds(units, [], tmp_path) is None
    calibration = Calibration(
        arm="first", minutes=5, steps=100, seconds_per_step=2.0, other_seconds=10.0, threads=1,
        load_before=None, idle=True,
    )  # fmt: skip
    (tmp_path / "calibration.json").write_text(calibration.model_dump_json())
    assert estimate_seconds(units[:2], [], tmp_path) == 2 * (3 * 2.0 + 10.0)
    records = [made_up(units[0]), made_up(units[1], all_seconds=60.0)]
    assert estimate_seconds(units[2:4], records, tmp_path) == pytest.approx(6.0 + 60.0)
    assert estimate_seconds([units[3]], records[:1], tmp_path) == pytest.approx(6.0)


def test_adapted_figures_stand_beside_those_of_the_same_weights(
    study: Study, units: list[Unit], tmp_path: Path
) -> None:
    for unit in units:
        record = made_up(unit, 0.5)
        if unit.arm.name == "second":
            values = {**record.values, f"f1@0.5{ADAPTED}": 0.6 + unit.seed / 10}
            record = record.model_copy(update={"values": values})
        append_record(tmp_path, record)
    write_report(study, units, tmp_path, Path("s.toml"))
    text = (tmp_path / "report.md").read_text()
    table = text.partition("## Adapted")[2].partition("## ")[0]
    assert "| second | f1@0.5 | 0.500 (0.500 to 0.500) | 0.700 (0.600 to 0.800) |" in table
    assert "| first |" not in table
    fill(units, tmp_path, {"first": [0.5] * 3, "second": [0.5] * 3})
    write_report(study, units, tmp_path, Path("s.toml"))
    assert "## Adapted" not in (tmp_path / "report.md").read_text()
