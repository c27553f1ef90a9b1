"""Making dual images: choosing the recipe, its parameters, and where the pairs go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_synthseg.cli.console import report, run_job
from napari_synthseg.cli.settings import (
    JsonFlag,
    OverwriteFlag,
    ProjectFolder,
    RecipeOption,
    SetOption,
    parse_settings,
    with_settings,
)
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.recipe import Recipe
from napari_synthseg.io.result_files import refuse_existing
from napari_synthseg.storage.uris import named_files
from napari_synthseg.synthesis import PRESETS
from napari_synthseg.workflow.choosing import suitable_recipe
from napari_synthseg.workflow.exporting.pairs import describe_pairs, pair_files
from napari_synthseg.workflow.fitting import pick_recipe
from napari_synthseg.workflow.session import Session


def synthesize(
    project: ProjectFolder,
    count: Annotated[int, typer.Option(min=1, help="How many pairs to make.")] = 8,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the pairs; kept in the recipe.")
    ] = None,
    recipe: RecipeOption = None,
    preset: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"Start from one of: {', '.join(PRESETS)}.")
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Make the pairs again that RUN was trained on."),
    ] = None,
    settings: SetOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write images, labels and objects.csv (of regions: classes.csv) here.",
        ),
    ] = None,
    overwrite: OverwriteFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Make dual images; the recipe becomes the project's current one, unless it is a run's."""
    if run is not None and (recipe or preset or settings or seed is not None):
        raise InputError(
            "--run makes the pairs of that run, with its own recipe: leave out --recipe, "
            "--preset, --set and --seed."
        )
    chosen = parse_settings(settings)
    if seed is not None:
        chosen["seed"] = str(seed)
    with Session.open(project).result() as session:
        inputs = named_files(session.project, session.folder)
        refuse_existing(pair_files(out, count) if out else [], overwrite, inputs)
        past = None if run is None else session.project.run(run)
        if past is None:
            adopt_recipe(session, pick_recipe(session.project, recipe, preset), chosen)
        pairs = run_job(session.synthesize(count, run=past))
        recorded = past.recipe if past is not None else None
        used = recorded or suitable_recipe(session.project).model_dump(mode="json")
        notes = session.fitted.notes if session.fitted else ()
        if out:
            session.export("pairs", out, pairs=pairs, overwrite=overwrite).result()
        figures, counted = describe_pairs(pairs, session.project)
    result = {**figures, "recipe": used, "notes": list(notes), "out": str(out) if out else None}
    where = f" in {out}" if out else " (no --out: nothing was written)"
    report(result, [f"{counted}{where}; recipe '{used['kind']}'.", *notes], as_json)


def adopt_recipe(session: Session, recipe: Recipe, settings: dict[str, str]) -> None:
    """Make a recipe, with some parameters set, the project's current one.

    Raises
    ------
    InputError
        If a parameter is not known, or a value does not fit.
    """
    chosen = with_settings(recipe, settings, f"recipe '{recipe.kind}'")
    if chosen != session.project.recipe:
        new = session.project.model_copy(update={"recipe": chosen})
        session.edit(new, "choose the recipe")
