"""Trained models for this program and for others."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from pathlib import Path

from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.io.atomic import replace_file
from napari_synthseg.io.result_files import refuse_existing
from napari_synthseg.storage.runs import run_files
from napari_synthseg.workflow.exporting.exported import Exported

MODEL_FORMATS = ("safetensors",)


def export_model(
    out: Path, run: TrainingRun, project: Project, folder: Path, format: str, overwrite: bool
) -> Generator[Progress, None, Exported]:
    """Write a run's model: its weights and its record."""
    yield Progress(0.0, "copying the weights")
    run.trained_model()
    files = run_files(folder, run.id)
    targets = [out / file.name for file in files]
    refuse_existing(targets, overwrite)
    for file, target in zip(files, targets, strict=True):
        _copy(file, target)
    names = ", ".join(target.name for target in targets)
    figures = {"files": [str(target) for target in targets]}
    return Exported(figures, f"Run '{run.name}' written to {out}: {names}.")


def _copy(file: Path, target: Path) -> None:
    replace_file(target, lambda partial: shutil.copyfile(file, partial))
