"""Comparing dual images with the real images that they were made from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_synthseg.cli.console import report, run_job, table
from napari_synthseg.cli.settings import (
    JsonFlag,
    OverwriteFlag,
    ProjectFolder,
    SetOption,
    parse_settings,
    with_settings,
)
from napari_synthseg.io.result_files import refuse_existing
from napari_synthseg.realism.figure import FIGURE_FILE, REPORT_FILE, save_comparison
from napari_synthseg.realism.report import HEADER, rows_of
from napari_synthseg.storage.uris import named_files
from napari_synthseg.workflow.choosing import suitable_recipe
from napari_synthseg.workflow.realism.comparing import DEFAULT_PAIRS
from napari_synthseg.workflow.session import Session


def compare(
    project: ProjectFolder,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Write realism.json and realism.png here.")
    ],
    count: Annotated[
        int, typer.Option(min=2, help="How many dual images to compare with.")
    ] = DEFAULT_PAIRS,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the pairs, and of the places looked at.")
    ] = None,
    settings: SetOption = None,
    overwrite: OverwriteFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Compare dual images with the real ones; the project's recipe stays as it is."""
    chosen = parse_settings(settings)
    if seed is not None:
        chosen["seed"] = str(seed)
    with Session.open(project).result() as session:
        inputs = named_files(session.project, session.folder)
        refuse_existing([out / REPORT_FILE, out / FIGURE_FILE], overwrite, inputs)
        current = suitable_recipe(session.project)
        recipe = with_settings(current, chosen, f"recipe '{current.kind}'")
        found = run_job(session.compare_realism(count, seed or 0, recipe))
    save_comparison(out, found)
    made = found.report
    lines = [
        f"Real vs. synthetic, {made.caption()}.",
        made.summary(),
        "",
        *table(HEADER, (row.cells for row in rows_of(made))),
        "",
        *(f"{made.label(m)} ({m.unit}): {m.finding}" for m in made.differing),
        *made.notes,
        f"Written: {out / REPORT_FILE}, {out / FIGURE_FILE}",
    ]
    report({**made.model_dump(mode="json", by_alias=True), "out": str(out)}, lines, as_json)
