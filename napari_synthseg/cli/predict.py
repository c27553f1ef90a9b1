"""What a model finds on images: objects, regions, boxes, or which classes there are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_synthseg.cli.output import report
from napari_synthseg.cli.progress import complete, say
from napari_synthseg.cli.settings import (
    AdaptFlag,
    ImageFiles,
    JsonFlag,
    OverwriteFlag,
    ProjectFolder,
    RunName,
)
from napari_synthseg.io.result_files import name_targets, refuse_existing
from napari_synthseg.tasks.files import NamedPrediction
from napari_synthseg.tasks.registry import task_info
from napari_synthseg.workflow.predicting import find_images
from napari_synthseg.workflow.session import Session


def predict(
    project: ProjectFolder,
    run: RunName,
    images: ImageFiles,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where results go.")],
    adapt: AdaptFlag = False,
    overwrite: OverwriteFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Apply a model to whole images.

    Segmenting models write STEM.tif with instance ids, and objects.csv; semantic ones STEM.tif with
    class values, areas.csv and classes.csv; detectors objects.csv and candidates.csv (boxes of any
    score); classifiers labels.csv.
    """
    with Session.open(project) as session:
        chosen = session.project.run(run)
        task = task_info(chosen.task)
        refs = find_images(images, session.folder, chosen)
        masks = name_targets(out, refs)
        tables = [out / name for name in task.tables]
        refuse_existing([*(masks if task.writes_masks else ()), *tables], overwrite)
        found = complete(session, session.predict(chosen, refs, adapt))
        names = session.project.class_names
    out.mkdir(parents=True, exist_ok=True)
    predictions = [NamedPrediction(ref, one) for ref, one in zip(refs, found, strict=True)]
    written = task.write_predictions(out, predictions, names)
    for warning in written.warnings:
        say(f"Warning: {warning}")
    result = {"run": chosen.name, "task": task.name, "out": str(out), "images": len(refs)}
    report({**result, **written.figures}, written.lines, as_json)
