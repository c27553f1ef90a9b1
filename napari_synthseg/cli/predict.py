"""What a model finds on images: objects, regions, boxes, or which classes there are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_synthseg.cli.output import report
from napari_synthseg.cli.progress import run_job, say
from napari_synthseg.cli.settings import (
    AdaptFlag,
    ImageFiles,
    JsonFlag,
    OverwriteFlag,
    ProjectFolder,
    RunName,
)
from napari_synthseg.io.result_files import refuse_existing
from napari_synthseg.workflow.predicting import find_images, prediction_files, write_predictions
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
    with Session.open(project).result() as session:
        chosen = session.project.run(run)
        refs = find_images(images, session.folder, chosen)
        refuse_existing(prediction_files(out, chosen, refs), overwrite)
        found = run_job(session.predict(chosen, refs, adapt))
        written = write_predictions(out, chosen, refs, found, session.project.class_names)
    for warning in written.warnings:
        say(f"Warning: {warning}")
    result = {"run": chosen.name, "task": chosen.task, "out": str(out), "images": len(refs)}
    report({**result, **written.figures}, written.lines, as_json)
