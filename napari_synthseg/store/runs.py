"""What a training run leaves on disk: record, history, weights, checkpoint, predictions.

::

    runs/ID/
      run.json                   the `TrainingRun`
      history.csv                loss and validation of each step
      weights.safetensors        the best weights
      checkpoint.safetensors     all that is needed to go on
      predictions/STEM.tif       instance ids

Weights are safetensors, which hold numbers and no code. Every file but the history is written
beside its place and then moved there, so that a crash never leaves half a file under a good name.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.training import TrainingRun, TrainStep, Weights
from napari_synthseg.store.atomic import replace_file
from napari_synthseg.store.lock import require_writable

SAFE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

HISTORY_COLUMNS = ("step", "seconds", "loss", "validation", "best")


def run_folder(folder: Path, run_id: str) -> Path:
    """Return the folder of a run.

    Raises
    ------
    InputError
        If the id could lead out of the project folder.
    """
    return folder / "runs" / _checked(run_id)


def run_files(folder: Path, run_id: str) -> tuple[Path, Path]:
    """Return the files that make a trained model: its weights and its record."""
    mine = run_folder(folder, run_id)
    return mine / "weights.safetensors", mine / "run.json"


def save_run(folder: Path, run: TrainingRun) -> None:
    """Write the run's record to ``run.json``."""
    # json keeps NaN (a score that does not exist), which pydantic's own JSON turns into null
    text = json.dumps(run.model_dump(mode="json"), indent=1, ensure_ascii=False)
    _write(folder, run_folder(folder, run.id) / "run.json", lambda p: p.write_text(text, "utf-8"))


def append_history(folder: Path, run_id: str, steps: Sequence[TrainStep]) -> None:
    """Add steps to ``history.csv``; `validation` is a JSON object or empty."""
    target = run_folder(folder, run_id) / "history.csv"
    with _writing(folder, target):
        fresh = not target.exists()
        with target.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if fresh:
                writer.writerow(HISTORY_COLUMNS)
            for step in steps:
                validation = json.dumps(dict(step.validation)) if step.validation else ""
                writer.writerow(
                    [step.step, f"{step.seconds:.2f}", step.loss, validation, int(step.best)]
                )


def save_weights(
    folder: Path, run_id: str, weights: Weights, metadata: Mapping[str, str] | None = None
) -> Path:
    """Write weights to ``weights.safetensors``; return the path."""
    target = run_files(folder, run_id)[0]
    _save_tensors(folder, target, weights, metadata or {})
    return target


def load_weights(folder: Path, run_id: str) -> Weights:
    """Read a run's weights.

    Raises
    ------
    InputError
        If they are missing or damaged.
    """
    weights, _ = _load_tensors(run_files(folder, run_id)[0])
    return weights


def save_checkpoint(
    folder: Path, run_id: str, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]
) -> None:
    """Write all that is needed to go on with a run; `meta` holds JSON types only."""
    target = run_folder(folder, run_id) / "checkpoint.safetensors"
    _save_tensors(folder, target, arrays, {"meta": json.dumps(dict(meta))})


def load_checkpoint(
    folder: Path, run_id: str
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
    """Read a run's checkpoint as (arrays, meta), or None where it has none.

    Raises
    ------
    InputError
        If it is damaged.
    """
    target = run_folder(folder, run_id) / "checkpoint.safetensors"
    if not target.exists():
        return None
    arrays, metadata = _load_tensors(target)
    try:
        meta = json.loads(metadata["meta"])
    except (KeyError, ValueError) as error:
        raise _damaged(target, error) from None
    return arrays, meta


def save_prediction(folder: Path, run_id: str, stem: str, ids: NDArray[np.integer[Any]]) -> Path:
    """Write predicted instance ids to ``predictions/STEM.tif``; return the path."""
    import tifffile

    target = run_folder(folder, run_id) / "predictions" / f"{_checked(stem)}.tif"
    _write(
        folder,
        target,
        lambda p: tifffile.imwrite(p, ids, compression="zlib", photometric="minisblack"),
    )
    return target


def _checked(name: str) -> str:
    if not SAFE_NAME.fullmatch(name):
        raise InputError(f"'{name}' cannot name a file in a project: use letters, digits, - and _.")
    return name


def _save_tensors(
    folder: Path, target: Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}

    def write(path: Path) -> None:
        try:
            save_file(whole, path, dict(metadata))
        except SafetensorError as error:  # its own name for a full disk
            raise OSError(str(error)) from error

    _write(folder, target, write)


def _load_tensors(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return arrays, dict(file.metadata() or {})
    except FileNotFoundError:
        raise InputError(f"'{path}' is missing: train the run again.") from None
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(
        f"'{path}' is damaged ({error}): put a backup in its place, or train the run again."
    )


def _write(folder: Path, target: Path, write: Callable[[Path], object]) -> None:
    with _writing(folder, target):
        replace_file(target, write)


@contextmanager
def _writing(folder: Path, target: Path) -> Iterator[None]:
    """Make sure that the run's files may be written, and say so where they cannot."""
    require_writable(folder)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise InputError(
            f"'{target}' cannot be written ({error}): free space or mend the disk, and try again."
        ) from error
