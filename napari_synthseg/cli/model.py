"""Training a model, and finding objects with it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from napari_synthseg.cli.label_files import (
    OBJECTS_FILE,
    refuse_existing,
    write_labels,
    write_table,
)
from napari_synthseg.cli.output import JsonFlag, report
from napari_synthseg.cli.progress import complete, say
from napari_synthseg.cli.project import ProjectFolder
from napari_synthseg.cli.settings import SetOption, parameters, parse_settings, with_settings
from napari_synthseg.cli.synthesize import RecipeOption, adopt_recipe, pick_recipe
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import ImageRef
from napari_synthseg.core.recipe import Recipe
from napari_synthseg.core.stacks import StackUse
from napari_synthseg.core.training import Prediction, Source, TaskName, TrainingRun, TrainSpec
from napari_synthseg.session import Session
from napari_synthseg.store.images import describe, relative_uri
from napari_synthseg.store.runs import run_folder

RECIPE_PREFIX = "recipe."
OBJECT_COLUMNS = ("image", "id", "class", "score", "y", "x", "ymin", "xmin", "ymax", "xmax")
DEPTH_COLUMNS = ("z", "zmin", "zmax")


def train(
    project: ProjectFolder,
    task: Annotated[
        str, typer.Option("--task", metavar="TASK", help=f"One of: {', '.join(get_args(TaskName))}")
    ],
    source: Annotated[
        str | None,
        typer.Option(
            "--source",
            metavar="SOURCE",
            help="synthetic (dual images) or real (images with true masks).",
        ),
    ] = None,
    recipe: RecipeOption = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="Time limit, for all that training takes.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", help="Limit in batches instead of time.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Seed of weights, order and augmentation.")
    ] = None,
    settings: SetOption = None,
    name: Annotated[str, typer.Option("--name", metavar="RUN", help="Name of the run.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Train a model on dual images (default) or on real images with true masks.

    Missing patches are cut on the way. --set takes the parameters of training, and those of the
    recipe as recipe.NAME.
    """
    options = {"task": task, "source": source, "minutes": minutes, "steps": steps, "seed": seed}
    if minutes is not None and steps is not None:
        raise InputError("Give either --minutes or --steps, not both.")
    if source is not None and source not in get_args(Source):
        raise InputError(f"--source {source}: a source is one of {', '.join(get_args(Source))}.")
    if task not in get_args(TaskName):
        raise InputError(f"--task {task}: a task is one of {', '.join(get_args(TaskName))}.")
    chosen = parse_settings(settings)
    with closing(Session.open(project)) as session:
        if name and any(run.name == name for run in session.project.runs):
            raise InputError(f"--name {name}: the project has a run of this name already.")
        picked = pick_recipe(session.project, recipe)
        for_training, for_recipe = _split_settings(chosen, picked)
        spec = _spec(session.project.train_spec, options, for_training)
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
        run: TrainingRun = complete(session, job)
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
        "folder": str(run_folder(folder, run.id)),
    }


def _describe_run(run: TrainingRun, project: Path) -> list[str]:
    return [
        f"Run '{run.name}': {run.steps} steps in {run.seconds:.0f} s on {run.device}.",
        f"Weights chosen by: {run.selection}",
        f"Next: napari-synthseg predict {project} '{run.name}' IMAGES... --out DIR",
    ]


def predict(
    project: ProjectFolder,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Name or id of a training run.")],
    images: Annotated[list[Path], typer.Argument(metavar="IMAGES...", help="Image files.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where results go.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files of the same name in DIR.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Find the objects on whole images: STEM.tif with instance ids, and objects.csv."""
    with closing(Session.open(project)) as session:
        chosen = session.project.run(run)
        stack: StackUse = "volume" if _learned_volumes(chosen) else "planes"
        refs = [ref for path in images for ref in _refs_of(path, session, stack)]
        targets = _targets(out, refs)
        refuse_existing([*targets, out / OBJECTS_FILE], overwrite)
        predictions: list[Prediction] = complete(session, session.predict(chosen, refs))
        names = {c.value: c.name for c in session.project.classes}
    out.mkdir(parents=True, exist_ok=True)
    for path, prediction in zip(targets, predictions, strict=True):
        write_labels(path, prediction.ids)
    deep = any(ref.ndim == 3 for ref in refs)
    rows = _object_rows(targets, refs, predictions, names, deep)
    write_table(out / OBJECTS_FILE, OBJECT_COLUMNS + DEPTH_COLUMNS * deep, rows)
    counts = {
        target.stem: len(prediction.objects)
        for target, prediction in zip(targets, predictions, strict=True)
    }
    result = {
        "run": chosen.name,
        "out": str(out),
        "images": len(targets),
        "objects": sum(counts.values()),
        "per_image": counts,
    }
    empty = [stem for stem, count in counts.items() if count == 0]
    lines = [f"{sum(counts.values())} objects on {len(targets)} image(s), written to {out}."]
    if empty:
        say(f"Warning: no object was found on {', '.join(empty)}.")
    report(result, lines, as_json)


def _learned_volumes(run: TrainingRun) -> bool:
    return bool(run.model.get("spec", {}).get("spatial_dims") == 3)


def _refs_of(path: Path, session: Session, stack: StackUse) -> list[ImageRef]:
    """Return the whole image(s) of a file, in the project or not, as the session reads them."""
    uri = relative_uri(path, session.folder)
    return [ref.model_copy(update={"uri": uri}) for ref in describe(path, stack=stack)]


def _targets(out: Path, refs: Sequence[ImageRef]) -> list[Path]:
    targets: dict[Path, ImageRef] = {}
    for ref in refs:
        planes = "".join(f"_{axis}{index}" for axis, index in sorted(ref.plane.items()))
        target = out / f"{Path(ref.name).stem}{planes}.tif"
        if target in targets:
            raise InputError(
                f"'{targets[target].uri}' and '{ref.uri}' would both be written to "
                f"{target.name}: predict them into different folders."
            )
        targets[target] = ref
    return list(targets)


def _object_rows(
    targets: Sequence[Path],
    refs: Sequence[ImageRef],
    predictions: Sequence[Prediction],
    names: dict[int, str],
    deep: bool,
) -> list[tuple[object, ...]]:
    return [
        (
            f"{target.stem}{Path(ref.uri).suffix}",
            found.id,
            names.get(found.cls, str(found.cls)),
            round(found.score, 4),
            *(round(p, 2) for p in found.center[-2:]),
            *(start for start, _ in found.box[-2:]),
            *(stop for _, stop in found.box[-2:]),
            *((round(found.center[0], 2), *found.box[0]) if deep else ()),
        )
        for target, ref, prediction in zip(targets, refs, predictions, strict=True)
        for found in prediction.objects
    ]
