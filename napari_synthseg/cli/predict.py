"""Applying a model to images: what it finds there, and where it looks (`cam`)."""

from __future__ import annotations

from collections.abc import Sequence
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
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.naming import listed
from napari_synthseg.tasks.registry import task_info
from napari_synthseg.workflow.found.applying import SUMMARY_FILE
from napari_synthseg.workflow.predicting import find_images
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
    score); classifiers labels.csv; all summary.csv, with what there is to know of each image. Each
    image is written before the next one is looked at. Where one differs from those learned from, a
    note says so.
    """
    with Session.open(project, reading=True).result() as session:
        chosen = session.project.run(run)
        check_folders(images, stack)
        plane, number = parse_only(only), parse_series(series)
        refs = find_images(images, session.project, session.folder, chosen, axes, number, plane)
        times = parse_magnification(magnification)
        job = session.apply(chosen, refs, out, adapt, times, overwrite)
        try:
            applied = run_job(job)
        except KeyboardInterrupt:
            say(job.result().message)
            raise
    if applied.written is not None:
        for warning in applied.written.warnings:
            say(f"Warning: {warning}")
        done = {Path(one.name).stem: one for one in applied.images if not one.is_failed}
        learned_from = [ref.name for ref in refs if ref.id in chosen.images]
        result = {
            "run": chosen.name,
            "task": task_info(chosen.task).name,
            "out": str(out),
            "images": len(done),
            "notes": {stem: one.notes for stem, one in done.items() if one.notes},
            "scale": {stem: one.scale for stem, one in done.items()},
            "learned_from": learned_from,
        }
        lines = [*applied.written.lines, *_learned_from_lines(learned_from)]
        report({**result, **applied.written.figures}, lines, as_json)
    if applied.failed:
        first, *others = applied.failed
        more = f" So are {len(others)} more, as {SUMMARY_FILE} says." if others else ""
        raise InputError(f"{first.name} is left out: {first.notes[0]}{more}")


def _learned_from_lines(names: Sequence[str]) -> list[str]:
    """Say which images are no test of the model."""
    if not names:
        return []
    return [f"{listed(names)}: learned from. How good the model is, only other images can tell."]


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
        times = parse_magnification(magnification)
        made = run_job(
            session.write_heat_maps(chosen, refs, out, method, layer, adapt, times, overwrite)
        )
    result = {
        "run": chosen.name,
        "out": str(out),
        "method": made.method,
        "layer": made.layer,
        "files": [path.name for path in made.files],
    }
    words = f"{len(made.files)} heat map(s) by {made.method} of layer {made.layer} in {out}."
    report(result, [words], as_json)
