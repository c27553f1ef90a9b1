"""The finished trainings, one JSON file, and the table that is made of them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from benchmarks.peers.arms import ARMS
from benchmarks.peers.peer import Outcome
from benchmarks.study.records import Machine, RecordPart
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.scores import metric_title
from napari_synthseg.io.atomic import write_text

SHOWN = ("f1@0.5", "f1@0.7", "f1@0.8")


class PeerRecord(RecordPart):
    """One arm with one draw; `load` of the machine is that before the training."""

    arm: str
    seed: int
    minutes: float
    threads: int
    images: str
    """Digest of the images and masks."""
    train: tuple[str, ...]
    test_images: int
    objects: int
    outcome: Outcome
    all_seconds: float
    """Of the clock, all processes from new to predicted, trials of the speed included."""
    measured_on: str
    values: dict[str, float]
    machine: Machine
    finished: str

    def is_of(self, arm: str, seed: int, minutes: float, threads: int, images: str) -> bool:
        """Tell whether this is the result of such a training."""
        wanted = (arm, seed, minutes, threads, images)
        return wanted == (self.arm, self.seed, self.minutes, self.threads, self.images)


RECORDS = TypeAdapter(list[PeerRecord])


def read_records(path: Path) -> list[PeerRecord]:
    """Return the records of a file, none where there is no file.

    Raises
    ------
    InputError
        If it is damaged.
    """
    try:
        return RECORDS.validate_json(path.read_bytes())
    except FileNotFoundError:
        return []
    except ValidationError as error:
        raise InputError(
            f"The records '{path}' are damaged: {error}: move the file away."
        ) from None


def write_records(path: Path, records: Sequence[PeerRecord]) -> None:
    """Replace the records of a file."""
    write_text(path, json.dumps(RECORDS.dump_python(list(records), mode="json"), indent=1) + "\n")


def markdown(records: Sequence[PeerRecord]) -> str:
    """Return a table: a row for each arm, medians over the draws and their ranges."""
    header = ("program", "trained on", "draws", *map(metric_title, SHOWN), "batches", "training")
    rows = [header, ("---",) * len(header)]
    for name, arm in ARMS.items():
        own = [record for record in records if record.arm == name]
        if own:
            figures = [spread([r.values[metric] for r in own]) for metric in SHOWN]
            steps = f"{statistics.median(r.outcome.steps for r in own):.0f}"
            seconds = f"{statistics.median(r.outcome.train_seconds for r in own):.0f} s"
            rows.append((arm.title, arm.learns_from, str(len(own)), *figures, steps, seconds))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def spread(values: Sequence[float]) -> str:
    """Return the median and, of several values, the range."""
    middle = f"{statistics.median(values):.3f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.3f} to {max(values):.3f})"


def medians(records: Sequence[PeerRecord]) -> Mapping[str, dict[str, float]]:
    """Return the median of each figure of each arm."""
    return {
        arm: {metric: statistics.median(r.values[metric] for r in own) for metric in SHOWN}
        for arm in ARMS
        if (own := [record for record in records if record.arm == arm])
    }
