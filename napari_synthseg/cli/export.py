"""Writing what a project holds into files that other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_synthseg.cli.console import report, run_job
from napari_synthseg.cli.settings import JsonFlag, OverwriteFlag, ProjectFolder
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.result_files import refuse_existing
from napari_synthseg.workflow.exporting import DEFAULT_FORMATS, export_formats, pair_files
from napari_synthseg.workflow.session import Session


def export_data(
    project: ProjectFolder,
    what: Annotated[
        str, typer.Option(metavar="KIND", help=f"One of: {', '.join(DEFAULT_FORMATS)}.")
    ],
    out: Annotated[
        Path, typer.Option(metavar="PATH", help="File, or folder for voc, yolo, pairs, model.")
    ],
    format_: Annotated[
        str | None, typer.Option("--format", metavar="FORMAT", help="boxes: csv, voc, coco, yolo.")
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="model: the run; pairs: those it learned from."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="pairs: how many.")] = 8,
    overwrite: OverwriteFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Export clicks, true boxes, dual images (pairs), or a trained model."""
    if what not in DEFAULT_FORMATS:
        raise InputError(f"--what {what}: what is exported is one of {', '.join(DEFAULT_FORMATS)}.")
    name = format_ or DEFAULT_FORMATS[what]
    if name not in export_formats(what):
        raise InputError(
            f"--format {name}: {what} are exported as {', '.join(export_formats(what))}."
            if what != "model"
            else f"--format {name}: a model is exported as safetensors."
        )
    if what == "model" and run is None:
        raise InputError("--what model needs --run RUN.")
    if run is not None and what not in ("model", "pairs"):
        raise InputError("--run belongs to --what model and --what pairs.")
    with Session.open(project).result() as session:
        past = None if run is None else session.project.run(run)
        pairs = []
        if what == "pairs":
            refuse_existing(pair_files(out, count), overwrite)
            pairs = run_job(session.synthesize(count, run=past))
        job = session.export(what, out, format=name, run=past, pairs=pairs, overwrite=overwrite)
        made = job.result()
    result = {"what": what, "format": name, "out": str(out), **made.figures}
    report({**result, "message": made.message}, [made.message], as_json)
