"""Telling a project where its images are now."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_synthseg.cli.console import report, run_job
from napari_synthseg.cli.settings import JsonFlag, ProjectFolder
from napari_synthseg.workflow.importing import find_missing, find_moved
from napari_synthseg.workflow.session import Session


def relink(
    project: ProjectFolder,
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="Name of the image, as listed.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where it is now.")],
    as_json: JsonFlag = False,
) -> None:
    """Tell a project where an image is now whose file was moved or meant to change."""
    with Session.open(project).result() as session:
        moved = find_moved(image, file, session.project, session.folder)
        found = run_job(session.relink(moved, file)).images
        missing = run_job(find_missing(session.project, session.folder))
    names, left = ([*dict.fromkeys(ref.name for ref in refs)] for refs in (found, missing))
    lines = [f"Relinked: {', '.join(names)}."]
    lines += [f"Still missing: {', '.join(left)}."] if left else []
    report({"relinked": names, "missing": left}, lines, as_json)
