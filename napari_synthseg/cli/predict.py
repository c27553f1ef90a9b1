"""Applying a model to images: what it finds there, and where it looks (`cam`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_synthseg.cli.console import report, run_job, say
from napari_synthseg.cli.settings import (
    AdaptFlag,
    AxesOption,
    ImageFiles,
    JsonFlag,
    MagnificationOption,
    OnlyOption,
    OverwriteFlag,
    ProjectFolder,
    RunName,
    SeriesOption,
    StackFlag,
    check_folders,
    parse_magnification,
    parse_only,
    parse_series,
)
from napari_synthseg.io.naming import unique_names
from napari_synthseg.io.result_files import refuse_existing
from napari_synthseg.tasks.registry import task_info
from napari_synthseg.workflow.predicting import (
    find_images,
    heat_map_files,
    prediction_files,
    write_heat_maps,
    write_predictions,
)
from napari_synthseg.workflow.session import Session


def predict(
    project: ProjectFolder,
    run: RunName,
    images: ImageFiles,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where results go.")],
    axes: AxesOption = None,
    only: OnlyOption = None,
    series: SeriesOption = None,
    stack: StackFlag = False,
    adapt: AdaptFlag = False,
    magnification: MagnificationOption = None,
    overwrite: OverwriteFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Apply a model to whole images.

    Segmenting models write STEM.tif with instance ids, and objects.csv; semantic ones STEM.tif with
    class values, areas.csv and classes.csv; detectors objects.csv and candidates.csv (boxes of any
    score); classifiers labels.csv. Where an image differs from those learned from, a note says so.
    """
    with Session.open(project, reading=True).result() as session:
        chosen = session.project.run(run)
        check_folders(images, stack)
        plane, number = parse_only(only), parse_series(series)
        refs = find_images(images, session.project, session.folder, chosen, axes, number, plane)
        refuse_existing(prediction_files(out, chosen, refs), overwrite)
        times = parse_magnification(magnification)
        found = run_job(session.predict(chosen, refs, adapt, times))
        written = write_predictions(out, chosen, refs, found, session.project.class_names)
    for warning in written.warnings:
        say(f"Warning: {warning}")
    task = task_info(chosen.task).name
    stems = [Path(name).stem for name in unique_names(refs)]
    result = {
        "run": chosen.name,
        "task": task,
        "out": str(out),
        "images": len(refs),
        "notes": {stem: one.notes for stem, one in zip(stems, found, strict=True) if one.notes},
        "scale": {stem: one.scale for stem, one in zip(stems, found, strict=True)},
    }
    report({**result, **written.figures}, written.lines, as_json)


def explain(
    project: ProjectFolder,
    run: RunName,
    images: ImageFiles,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the maps go.")],
    method: Annotated[
        str, typer.Option(metavar="NAME", help="cam, gradcam, gradcam++ or ablation.")
    ] = "",
    layer: Annotated[
        str, typer.Option(metavar="NAME", help="Layer to look at; default: the last.")
    ] = "",
    axes: AxesOption = None,
    only: OnlyOption = None,
    series: SeriesOption = None,
    stack: StackFlag = False,
    adapt: AdaptFlag = False,
    magnification: MagnificationOption = None,
    overwrite: OverwriteFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Write a heat map for each image and class: STEM__CLASS.tif, float32, as large as the image.

    Maps are raw: the higher, the more speaks for the class there, on one scale all over an image.
    """
    with Session.open(project, reading=True).result() as session:
        chosen = session.project.run(run)
        check_folders(images, stack)
        plane, number = parse_only(only), parse_series(series)
        refs = find_images(images, session.project, session.folder, chosen, axes, number, plane)
        files = heat_map_files(out, chosen, refs, session.project.class_names)
        paths = [path for of_image in files for path in of_image.values()]
        refuse_existing(paths, overwrite)
        times = parse_magnification(magnification)
        made = run_job(session.explain(chosen, refs, method, layer, adapt, times))
    write_heat_maps(out, files, made)
    result = {
        "run": chosen.name,
        "out": str(out),
        "method": made[0].method,
        "layer": made[0].layer,
        "files": [path.name for path in paths],
    }
    words = f"{len(paths)} heat map(s) by {made[0].method} of layer {made[0].layer} in {out}."
    report(result, [words], as_json)
