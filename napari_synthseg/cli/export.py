"""Writing what a project holds, or what its models find, into files that other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_synthseg.cli.console import report, run_job
from napari_synthseg.cli.settings import (
    AdaptFlag,
    JsonFlag,
    MagnificationOption,
    OverwriteFlag,
    ProjectFolder,
    parse_magnification,
)
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.result_files import refuse_existing
from napari_synthseg.storage.uris import named_files
from napari_synthseg.workflow.exporting import DEFAULT_FORMATS, export_formats
from napari_synthseg.workflow.exporting.pairs import pair_files
from napari_synthseg.workflow.exporting.sources import choose_images
from napari_synthseg.workflow.session import Session

OF_IMAGES = ("labels", "objects", "figure")
"""What is exported of images, which may be named."""


def export_data(
    project: ProjectFolder,
    what: Annotated[
        str, typer.Option(metavar="KIND", help=f"One of: {', '.join(DEFAULT_FORMATS)}.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="PATH", help="A file for csv and coco, else a folder; it is made if missing."
        ),
    ],
    images: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[IMAGES]...",
            help="labels, objects, figure: files, or images of the project by name; "
            "default: all of it.",
            show_default=False,
        ),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="labels: tiff, ome-tiff, ome-zarr; figure: png, svg, pdf; objects: csv, geojson, "
            "imagej, coco, coco-rle, "
            "yolo, yolo-segments, voc; boxes: csv, coco, voc, yolo; pairs: tiff, cellpose, "
            "stardist, nnunet; model: safetensors, onnx, bioimageio.",
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="model: the run; labels, objects, figure: what it finds, without it the truth; "
            "pairs: those it learned from.",
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="pairs: how many.")] = 8,
    adapt: AdaptFlag = False,
    magnification: MagnificationOption = None,
    overwrite: OverwriteFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Export labels, objects or figures of images, clicks, boxes, dual images, or a model."""
    if what not in DEFAULT_FORMATS:
        raise InputError(f"--what {what}: what is exported is one of {', '.join(DEFAULT_FORMATS)}.")
    name = format_ or DEFAULT_FORMATS[what]
    if name not in export_formats(what):
        one = "a model is" if what == "model" else f"{what} are"
        raise InputError(f"--format {name}: {one} exported as {', '.join(export_formats(what))}.")
    if what == "model" and run is None:
        raise InputError("--what model needs --run RUN.")
    if run is not None and what in ("clicks", "boxes"):
        raise InputError("--run belongs to --what labels, objects, figure, model and pairs.")
    if images and what not in OF_IMAGES:
        raise InputError(f"'{images[0]}': images are named for --what {', '.join(OF_IMAGES)}.")
    of_run = {"--adapt": adapt, "--magnification": magnification is not None}
    for option, is_given in of_run.items():
        if is_given and (what not in OF_IMAGES or run is None):
            raise InputError(
                f"{option} belongs to --what labels, objects or figure with --run RUN."
            )
    times = parse_magnification(magnification)
    with Session.open(project, reading=what != "pairs").result() as session:
        past = None if run is None else session.project.run(run)
        pairs = []
        if what == "pairs":
            if name == DEFAULT_FORMATS["pairs"]:
                inputs = named_files(session.project, session.folder)
                refuse_existing(pair_files(out, count), overwrite, inputs)
            pairs = run_job(session.synthesize(count, run=past))
        refs = choose_images(images or [], session.project, session.folder, past)
        job = session.export(
            what, out, format=name, run=past, pairs=pairs, images=refs, adapt=adapt,
            magnification=times, overwrite=overwrite,
        )  # fmt: skip
        made = run_job(job)
    result = {"what": what, "format": name, "out": str(out), **made.figures}
    report({**result, "message": made.message}, [made.message], as_json)
