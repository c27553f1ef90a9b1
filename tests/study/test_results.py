"""The records in benchmarks/results are what their names and settings say, and can be read."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.study.records import read_records

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
STUDIES = sorted(RESULTS.glob("*.jsonl"))


def records_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_study_file_has_records_and_each_record_file_a_study() -> None:
    studies = {path.stem for path in (RESULTS.parent / "studies").glob("*.toml")}
    assert {path.stem for path in STUDIES} == studies


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_records_are_of_the_units_that_they_are_named_after(path: Path) -> None:
    for record in records_of(path):
        settings = json.dumps(record["settings"], sort_keys=True)
        digest = hashlib.sha256(settings.encode()).hexdigest()[:12]
        name = f"{record['arm']}-s{record['seed']}-i{record['image_seed']}-{digest}"
        assert record["unit"] == name
        trained = record["training"]["spec"].get("seed", 0)
        assert record["seed"] == record["settings"]["seed"] == trained, name


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_no_record_of_a_study_is_a_copy_of_another(path: Path) -> None:
    records = records_of(path)
    made = {(r["finished"], json.dumps(r["values"], sort_keys=True)) for r in records}
    assert len(made) == len({r["unit"] for r in records}) == len(records)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_reports_read_every_figure_of_the_records(path: Path) -> None:
    read = read_records(path.with_suffix(""))
    assert {unit: record.values for unit, record in read.items()} == {
        record["unit"]: record["values"] for record in records_of(path)
    }
