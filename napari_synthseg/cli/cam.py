"""Heat maps: where on images a model finds the evidence for each class."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_synthseg.cli.output import report
from napari_synthseg.cli.progress import complete
from napari_synthseg.cli.settings import (
    AdaptFlag,
    ImageFiles,
    JsonFlag,
    OverwriteFlag,
    ProjectFolder,
    RunName,
)
from napari_synthseg.io.result_files import name_targets, refuse_existing, write_tiff
from napari_synthseg.workflow.predicting import find_images
from napari_synthseg.workflow.session import Session


def explain(
    project: ProjectFolder,
    run: RunName,
    images: ImageFiles,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the maps go.")],
    method: Annotated[
        str,
        typer.Option("--method", metavar="NAME", help="cam, gradcam, gradcam++ or ablation."),
    ] = "",
    layer: Annotated[
        str, typer.Option("--layer", metavar="NAME", help="Layer to look at; default: the last.")
    ] = "",
    adapt: AdaptFlag = False,
    overwrite: OverwriteFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Write a heat map for each image and class: STEM__CLASS.tif, float32, as large as the image.

    Maps are raw: the higher, the more speaks for the class there, on one scale all over an image.
    """
    with Session.open(project) as session:
        chosen = session.project.run(run)
        names = session.project.class_names
        refs = find_images(images, session.folder, chosen)
        targets = name_targets(out, refs)
        values = chosen.trained_model().rule.class_values
        files = {
            (target, value): target.with_name(f"{target.stem}__{_safe(names[value])}.tif")
            for target in targets
            for value in values
        }
        refuse_existing(files.values(), overwrite)
        made = complete(session, session.explain(chosen, refs, method, layer, adapt))
    out.mkdir(parents=True, exist_ok=True)
    for target, heat in zip(targets, made, strict=True):
        for value, heat_map in heat.maps.items():
            write_tiff(files[target, value], heat_map)
    result = {
        "run": chosen.name,
        "out": str(out),
        "method": made[0].method,
        "layer": made[0].layer,
        "files": [path.name for path in files.values()],
    }
    words = f"{len(files)} heat map(s) by {made[0].method} of layer {made[0].layer} in {out}."
    report(result, [words], as_json)


def _safe(name: str) -> str:
    """Return a class's name as part of a file's name."""
    return "".join(c if c.isalnum() or c in "-_ " else "_" for c in name)
