"""The records in benchmarks/results are what their names and settings say: nothing stands in."""

import hashlib
import json
from pathlib import Path

import pytest

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
RECORDS = sorted(RESULTS.glob("*/results/*.json"))


@pytest.mark.skipif(not RECORDS, reason="no records here: they come with the repository")
def test_records_are_of_the_units_that_they_are_named_after():
    for path in RECORDS:
        record = json.loads(path.read_text(encoding="utf-8"))
        settings = json.dumps(record["settings"], sort_keys=True)
        digest = hashlib.sha256(settings.encode()).hexdigest()[:12]
        assert path.stem == record["unit"], path
        assert record["unit"].endswith(f"-s{record['seed']}-i{record['image_seed']}-{digest}"), path
        trained = record["training"]["spec"].get("seed", 0)
        assert record["seed"] == record["settings"]["seed"] == trained, path


def test_no_record_of_a_study_is_a_copy_of_another():
    for study in sorted(RESULTS.glob("*/results")):
        records = [json.loads(p.read_text(encoding="utf-8")) for p in study.glob("*.json")]
        made = [(r["finished"], json.dumps(r["values"], sort_keys=True)) for r in records]
        assert len(set(made)) == len(made), study
