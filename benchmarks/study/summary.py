"""From records to the figures of each arm, and both as tables."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.study.records import Record
from napari_synthseg.io.atomic import replace_file

TABLE, SUMMARY = "table.csv", "summary.csv"

KEY_COLUMNS = ("arm", "source", "seed", "image_seed", "training_images", "clicks", "steps")
MEASURED_COLUMNS = ("measured_on", "half", "test_images", "true_objects")
COST_COLUMNS = ("train_wall_s", "train_cpu_s", "threads", "load", "unit")


@dataclass(frozen=True)
class Spread:
    """One metric over the seeds of one arm."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class ArmSummary:
    """The records of one arm, and what they come to."""

    name: str
    records: tuple[Record, ...]

    def spread(self, metric: str) -> Spread | None:
        """Return median, lowest and highest value of a metric, or None where it has none."""
        values = [r.values[metric] for r in self.records if metric in r.values]
        if not values:
            return None
        return Spread(statistics.median(values), min(values), max(values))


def summarize(arms: Sequence[str], records: Sequence[Record]) -> list[ArmSummary]:
    """Group records by arm, in the order of `arms`; arms without a record are left out."""
    grouped = [ArmSummary(name, tuple(r for r in records if r.arm == name)) for name in arms]
    return [arm for arm in grouped if arm.records]


def metrics_of(records: Sequence[Record]) -> list[str]:
    """Return the names of all metrics, in the order in which scoring gives them."""
    return list(dict.fromkeys(name for record in records for name in record.values))


def differences(first: ArmSummary, other: ArmSummary, metric: str) -> list[float]:
    """Return `other` minus `first` for each pair of records of the same seed and images."""
    known = {(r.seed, r.image_seed): r.values[metric] for r in first.records if metric in r.values}
    return [
        r.values[metric] - known[r.seed, r.image_seed]
        for r in other.records
        if metric in r.values and (r.seed, r.image_seed) in known
    ]


def range_words(numbers: Sequence[int]) -> str:
    """Return "5", or "5 to 8" where the numbers differ."""
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def write_tables(out: Path, arms: Sequence[ArmSummary]) -> None:
    """Write ``table.csv``, a row a unit, and ``summary.csv``, a row for each metric of an arm."""
    records = [record for arm in arms for record in arm.records]
    metrics = metrics_of(records)
    header = (*KEY_COLUMNS, *metrics, *MEASURED_COLUMNS, *COST_COLUMNS)
    _write(out / TABLE, header, [_row(record, metrics) for record in records])
    rows = [row for arm in arms for metric in metrics if (row := _summary_row(arm, metric))]
    columns = ("arm", "metric", "median", "min", "max", "units", "test_images", "true_objects")
    _write(out / SUMMARY, columns, rows)


def _summary_row(arm: ArmSummary, metric: str) -> tuple[object, ...] | None:
    spread = arm.spread(metric)
    if spread is None:
        return None
    return (
        arm.name,
        metric,
        *(round(value, 4) for value in (spread.median, spread.low, spread.high)),
        len(arm.records),
        range_words([len(r.measured_on.images) for r in arm.records]),
        range_words([r.measured_on.objects for r in arm.records]),
    )


def _row(record: Record, metrics: Sequence[str]) -> tuple[object, ...]:
    values = [round(record.values[m], 4) if m in record.values else "" for m in metrics]
    return (
        record.arm,
        record.source,
        record.seed,
        record.image_seed,
        len(record.trained_on.images),
        record.trained_on.clicks,
        record.training.steps,
        *values,
        record.measured_on.kind,
        record.measured_on.which,
        len(record.measured_on.images),
        record.measured_on.objects,
        record.training.wall_seconds,
        record.training.cpu_seconds,
        record.machine.threads,
        "" if record.machine.load is None else record.machine.load,
        record.unit,
    )


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    replace_file(path, lambda partial: partial.write_text(text.getvalue(), encoding="utf-8"))
