"""What a training run leaves on disk: record, history, weights, checkpoint, predictions.

::

    runs/ID/
      run.json                   the `TrainingRun`
      history.csv                loss and validation of each step
      weights.safetensors        the best weights
      checkpoint.safetensors     all that is needed to go on
      predictions/               see `storage.predictions`
      deleted                    the user has deleted the run: the folder goes with the session

Weights are safetensors, which hold numbers and no code. Every file but the history is written
next to its place and then moved there, so that a crash leaves no half-written file.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from napari_synthseg.core.runs import HistoryRow, TrainingRun, Weights
from napari_synthseg.storage.artifacts import FolderArtifactStore
from napari_synthseg.storage.tensors import (
    load_tensors,
    safe_name,
    save_tensors,
    write_file,
    writing,
)

REMEDY = "train the run again"
"""What to do where the files of a run are missing or damaged."""

RUNS_FOLDER = "runs"

DELETED = "deleted"
"""Name of the empty file that marks a deleted run."""

HISTORY_COLUMNS = ("step", "seconds", "loss", "validation", "best")


def run_folder(folder: Path, run_id: str) -> Path:
    """Return the folder of a run.

    Raises
    ------
    InputError
        If the id could lead out of the project folder.
    """
    return folder / RUNS_FOLDER / safe_name(run_id)


def run_files(folder: Path, run_id: str) -> tuple[Path, Path]:
    """Return the files that make a trained model: its weights and its record."""
    mine = run_folder(folder, run_id)
    return mine / "weights.safetensors", mine / "run.json"


def save_run(folder: Path, run: TrainingRun) -> None:
    """Write the run's record to ``run.json``."""
    text = run.model_dump_json(indent=1)
    record = run_files(folder, run.id)[1]
    write_file(folder, record, lambda path: path.write_text(text, "utf-8"))


def mark_deleted(folder: Path, run_id: str, is_deleted: bool) -> None:
    """Note that a run is deleted, or is back; its files stay until `remove_deleted`."""
    mark = run_folder(folder, run_id) / DELETED
    if is_deleted:
        write_file(folder, mark, lambda path: path.touch())
    else:
        with writing(folder, mark):
            mark.unlink(missing_ok=True)


def remove_deleted(folder: Path, known: Collection[str]) -> None:
    """Remove the files of deleted runs that are in no record (`known` are the ids that are)."""
    for mark in (folder / RUNS_FOLDER).glob(f"*/{DELETED}"):
        if mark.parent.is_symlink():
            continue
        if mark.parent.name in known:
            mark.unlink(missing_ok=True)
        else:
            shutil.rmtree(mark.parent, ignore_errors=True)


def copy_runs(source: Path, target: Path, ids: Collection[str]) -> None:
    """Copy the files of some runs into another project folder, where they are not there yet."""
    for ident in ids:
        mine, theirs = run_folder(source, ident), run_folder(target, ident)
        if mine.is_dir() and not theirs.exists():
            shutil.copytree(mine, theirs, ignore=shutil.ignore_patterns(DELETED))


def size_of(folder: Path, run_id: str) -> int:
    """Return the bytes of the files of a run."""
    files = run_folder(folder, run_id).rglob("*")
    return sum(path.stat().st_size for path in files if path.is_file())


def append_history(folder: Path, run_id: str, rows: Sequence[HistoryRow]) -> None:
    """Add the rows that follow those in ``history.csv``; `validation` is a JSON object or empty."""
    target = run_folder(folder, run_id) / "history.csv"
    with writing(folder, target):
        fresh = not target.exists()
        last = 0 if fresh else _last_step(target)
        with target.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if fresh:
                writer.writerow(HISTORY_COLUMNS)
            for row in (each for each in rows if each.step > last):
                validation = json.dumps(dict(row.validation)) if row.validation else ""
                writer.writerow(
                    [row.step, f"{row.seconds:.2f}", row.loss, validation, int(row.best)]
                )


def _last_step(history: Path) -> int:
    with history.open(newline="", encoding="utf-8") as file:
        return max((int(row["step"]) for row in csv.DictReader(file)), default=0)


def save_weights(
    folder: Path, run_id: str, weights: Weights, metadata: Mapping[str, str] | None = None
) -> Path:
    """Write weights to ``weights.safetensors``; return the path."""
    target = run_files(folder, run_id)[0]
    save_tensors(folder, target, weights, metadata or {})
    return target


def load_weights(folder: Path, run_id: str) -> Weights:
    """Read a run's weights.

    Raises
    ------
    InputError
        If they are missing or damaged.
    """
    weights, _ = load_tensors(run_files(folder, run_id)[0], REMEDY)
    return weights


def checkpoints(folder: Path, run_id: str) -> FolderArtifactStore:
    """Return what keeps a run's checkpoint, all that is needed to continue it."""
    return FolderArtifactStore(folder, f"{RUNS_FOLDER}/{safe_name(run_id)}", REMEDY)
