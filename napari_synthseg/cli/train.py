"""Training a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from napari_synthseg.cli.console import report, run_job, say
from napari_synthseg.cli.settings import (
    JsonFlag,
    ProjectFolder,
    RecipeOption,
    SetOption,
    parameters,
    parse_settings,
    with_settings,
)
from napari_synthseg.cli.synthesize import adopt_recipe
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.recipe import Recipe
from napari_synthseg.core.runs import TrainingRun, few_steps
from napari_synthseg.core.specs import TrainingSource, TrainSpec
from napari_synthseg.storage.runs import run_folder
from napari_synthseg.tasks.registry import task_info
from napari_synthseg.workflow.fitting import pick_recipe
from napari_synthseg.workflow.session import Session

RECIPE_PREFIX = "recipe."


def train(
    project: ProjectFolder,
    task: Annotated[
        str, typer.Option(metavar="TASK", help="Name of a task; a wrong one lists all.")
    ],
    source: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="synthetic (dual images), real (images with ground truth), or mixed.",
        ),
    ] = None,
    real_fraction: Annotated[
        float | None, typer.Option(metavar="F", help="Share of real crops, 0 to 1.")
    ] = None,
    recipe: RecipeOption = None,
    minutes: Annotated[
        float | None, typer.Option(help="Time limit, for all that training takes.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Limit in batches instead of time.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of weights, order and augmentation.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="START",
            help="What the network begins with: pretrained, scratch, or the name of a run.",
        ),
    ] = None,
    settings: SetOption = None,
    name: Annotated[str, typer.Option(metavar="RUN", help="Name of the run.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Train a model on dual images (default), on real images with ground truth, or on both.

    Ground truth is masks to segment, masks of regions or objects for the task semantic, boxes or
    masks to detect, any of them or image labels to classify. Missing patches are cut on the way.
    --set takes the parameters of training, and those of the recipe as recipe.NAME.
    """
    options = {
        "task": task, "source": source, "real_fraction": real_fraction, "minutes": minutes,
        "steps": steps, "seed": seed, "start": start,
    }  # fmt: skip
    if minutes is not None and steps is not None:
        raise InputError("Give either --minutes or --steps, not both.")
    if source is not None and source not in get_args(TrainingSource):
        raise InputError(
            f"--source {source}: a source is one of {', '.join(get_args(TrainingSource))}."
        )
    task_info(task)  # refuses a name that is not known
    chosen = parse_settings(settings)
    with Session.open(project).result() as session:
        if name and any(run.name == name for run in session.project.runs):
            raise InputError(f"--name {name}: the project has a run of this name already.")
        picked = pick_recipe(session.project, recipe)
        for_training, for_recipe = _split_settings(chosen, picked)
        # a recipe that was chosen is meant to be used: then the source is synthetic, as documented
        given = recipe is not None or for_recipe or session.project.recipe is not None
        base = session.project.train_spec if given else session.suitable_spec
        spec = _spec(base, options, for_training)
        if recipe is not None or for_recipe:
            adopt_recipe(session, picked, for_recipe)
        run = _train(session, spec, name)
        result = _summarize(run, session.folder)
    report(result, _describe_run(run, project), as_json)


def _split_settings(
    settings: dict[str, str], recipe: Recipe
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the settings of training and those of the recipe.

    A name that both know belongs to training; with the prefix it belongs to the recipe. A name
    that neither knows is left to training, whose message lists what there is.
    """
    own = parameters(TrainSpec)
    foreign = set(parameters(type(recipe))).difference(own)
    for_recipe = {
        key: value
        for key, value in settings.items()
        if key.startswith(RECIPE_PREFIX) or key in foreign
    }
    for_training = {k: v for k, v in settings.items() if k not in for_recipe}
    return for_training, {k.removeprefix(RECIPE_PREFIX): v for k, v in for_recipe.items()}


def _spec(base: TrainSpec, options: dict[str, Any], settings: dict[str, str]) -> TrainSpec:
    given = {key: str(value) for key, value in options.items() if value is not None}
    if "steps" in given or "steps" in settings:
        given.setdefault("minutes", "null")
    elif "minutes" in given or "minutes" in settings:
        given["steps"] = "null"
    return with_settings(base, given | settings, "training")


def _train(session: Session, spec: TrainSpec, name: str) -> TrainingRun:
    job = session.train(spec, name)
    try:
        run: TrainingRun = run_job(job)
    except KeyboardInterrupt:
        kept = session.project.run(job.subject)
        if kept.model:
            say(f"The best weights so far are kept as run '{kept.name}'.")
        raise
    return run


def _summarize(run: TrainingRun, folder: Path) -> dict[str, Any]:
    return {
        "run": run.name,
        "id": run.id,
        "state": run.state,
        "steps": run.steps,
        "seconds": run.seconds,
        "device": run.device,
        "selection": run.selection,
        "advice": few_steps(run.steps),
        "folder": str(run_folder(folder, run.id)),
    }


def _describe_run(run: TrainingRun, project: Path) -> list[str]:
    return [
        f"Run '{run.name}': {run.steps} steps in {run.seconds:.0f} s on {run.device}.",
        f"Weights: {run.selection}",
        f"Next: napari-synthseg predict {project} '{run.name}' IMAGES... --out DIR",
    ]
