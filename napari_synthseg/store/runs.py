"""What a training run leaves on disk: record, history, weights, checkpoint, predictions.

Weights are safetensors, which hold numbers and no code. Every file is written beside its place
and then moved there, so that a crash never leaves half a file under a good name.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.training import TrainingRun, TrainStep, Weights

SAFE_NAME = re.compile(r"^[A-Za-z0-9_-]{1,64}$")


def run_folder(folder: Path, run_id: str) -> Path:
    """Return the folder of a run.

    Raises
    ------
    InputError
        If the id could lead out of the project folder.
    """
    return folder / "runs" / _checked(run_id)


def save_run(folder: Path, run: TrainingRun) -> None:
    """Write the run's record to ``run.json``."""
    text = run.model_dump_json(indent=1)
    _replace(run_folder(folder, run.id) / "run.json", lambda p: p.write_text(text, "utf-8"))


def append_history(folder: Path, run_id: str, steps: Sequence[TrainStep]) -> None:
    """Write the loss and validation of each step to ``history.csv`` (a resumed run appends)."""
    target = run_folder(folder, run_id) / "history.csv"
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = not target.exists()
    with target.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if fresh:
            writer.writerow(["step", "seconds", "loss", "validation", "best"])
        for step in steps:
            validation = json.dumps(dict(step.validation)) if step.validation else ""
            writer.writerow([step.step, f"{step.seconds:.2f}", step.loss, validation, step.best])


def save_weights(
    folder: Path, run_id: str, weights: Weights, metadata: Mapping[str, str] | None = None
) -> Path:
    """Write weights to ``weights.safetensors``; return the path."""
    target = run_folder(folder, run_id) / "weights.safetensors"
    _save_tensors(target, weights, dict(metadata or {}))
    return target


def load_weights(folder: Path, run_id: str) -> Weights:
    """Read a run's weights.

    Raises
    ------
    InputError
        If they are missing or damaged.
    """
    arrays, _ = _load_tensors(run_folder(folder, run_id) / "weights.safetensors")
    return arrays


def save_checkpoint(
    folder: Path, run_id: str, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]
) -> None:
    """Write all that is needed to go on with a run."""
    target = run_folder(folder, run_id) / "checkpoint.safetensors"
    _save_tensors(target, dict(arrays), {"meta": json.dumps(dict(meta))})


def load_checkpoint(
    folder: Path, run_id: str
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
    """Read a run's checkpoint, or None where it has none."""
    target = run_folder(folder, run_id) / "checkpoint.safetensors"
    if not target.exists():
        return None
    arrays, metadata = _load_tensors(target)
    return arrays, json.loads(metadata["meta"])


def save_prediction(folder: Path, run_id: str, stem: str, ids: NDArray[np.integer[Any]]) -> Path:
    """Write predicted instance ids to ``predictions/STEM.tif``; return the path."""
    import tifffile

    target = run_folder(folder, run_id) / "predictions" / f"{_checked(stem)}.tif"
    _replace(target, lambda p: tifffile.imwrite(p, ids, compression="zlib"))
    return target


def _checked(name: str) -> str:
    if not SAFE_NAME.match(name):
        raise InputError(f"'{name}' cannot name a file in a project: use letters, digits, - and _.")
    return name


def _save_tensors(target: Path, arrays: Mapping[str, Any], metadata: dict[str, str]) -> None:
    from safetensors.numpy import save_file

    whole = {k: np.ascontiguousarray(v) for k, v in arrays.items()}
    _replace(target, lambda p: save_file(whole, p, metadata))


def _load_tensors(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            return {k: file.get_tensor(k) for k in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except FileNotFoundError:
        raise InputError(f"'{path}' is missing: train the run again.") from None
    except SafetensorError as error:
        raise InputError(f"'{path}' is damaged ({error}): train the run again.") from None


def _replace(target: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place, then move it there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.part")
    write(partial)
    partial.replace(target)
