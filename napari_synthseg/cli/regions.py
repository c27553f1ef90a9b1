"""Saying which parts of images count."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from napari_synthseg.cli.console import report, run_job
from napari_synthseg.cli.settings import JsonFlag, ProjectFolder
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.paths import is_there
from napari_synthseg.workflow.limits import Limits, Shape
from napari_synthseg.workflow.session import Session

BOX_OR_FILE = "Y0,X0,Y1,X1|FILE"


def limit_regions(
    project: ProjectFolder,
    images: Annotated[
        list[str] | None,
        typer.Option("--image", metavar="NAME", help="An image; repeat for more. Default: all."),
    ] = None,
    roi: Annotated[
        list[str] | None,
        typer.Option(
            metavar=BOX_OR_FILE,
            help="Only what lies in here counts: pixels from row Y0 and column X0 to before Y1 and "
            "X1, or a file of outlines (GeoJSON, ImageJ ROI, ...). Repeat for more.",
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar=BOX_OR_FILE, help="What lies in here does not count. Repeat."),
    ] = None,
    bar: Annotated[
        bool,
        typer.Option(
            "--bar",
            help="Leave out the information bar of electron microscopes: as the file says, else as "
            "it looks.",
        ),
    ] = False,
    clear: Annotated[
        bool, typer.Option("--clear", help="Forget first what was said before.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Say which parts of images count: for patches, dual images, training, scores and results."""
    limits = Limits(
        [_shape("--roi", text) for text in roi or ()],
        [_shape("--exclude", text) for text in exclude or ()],
        bar,
        clear,
        images or (),
    )
    if not (limits.roi or limits.excluded or bar or clear):
        raise InputError("Nothing to do: give --roi, --exclude, --bar or --clear.")
    with Session.open(project).result() as session:
        done = run_job(session.limit_images(limits))
    report({"project": str(project), **done.figures}, done.message.split("\n"), as_json)


def _shape(option: str, text: str) -> Shape:
    """Return a box from four numbers, else the path of a file."""
    parts = text.split(",")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        if is_there(Path(text)):
            return Path(text)
        raise InputError(
            f"{option} {text}: neither a file nor four numbers: write Y0,X0,Y1,X1, such as "
            "0,0,884,1024."
        ) from None
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        raise InputError(f"{option} {text}: write four numbers Y0,X0,Y1,X1, as 0,0,884,1024.")
    top, left, bottom, right = numbers
    if bottom <= top or right <= left:
        raise InputError(f"{option} {text}: Y1 must be above Y0, and X1 above X0.")
    return top, left, bottom, right
