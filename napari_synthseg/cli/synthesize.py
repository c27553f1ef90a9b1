"""Making dual images: choosing the recipe, its parameters, and where the pairs go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from napari_synthseg.cli.label_files import OBJECTS_FILE, refuse_existing, write_labels, write_table
from napari_synthseg.cli.output import JsonFlag, report
from napari_synthseg.cli.progress import complete
from napari_synthseg.cli.project import ProjectFolder
from napari_synthseg.cli.region_files import (
    CLASSES_FILE,
    describe_shares,
    mean_shares,
    write_classes,
    write_regions,
)
from napari_synthseg.cli.settings import SetOption, parse_settings, with_settings
from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import DualImage, RegionLabels, instances_of, regions_of
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.core.project import Project
from napari_synthseg.core.recipe import Recipe, recipe_class
from napari_synthseg.metrics.areas import measure_areas
from napari_synthseg.synthesis import PRESETS, default_recipe
from napari_synthseg.workflow.session import Session

NAMED = 5
"""File names in a line, at most."""

RecipeOption = Annotated[
    str | None,
    typer.Option("--recipe", metavar="KIND", help="How pairs are made; default: the current one."),
]


def synthesize(
    project: ProjectFolder,
    count: Annotated[int, typer.Option("--count", min=1, help="How many pairs to make.")] = 8,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Seed of the pairs; kept in the recipe.")
    ] = None,
    recipe: RecipeOption = None,
    preset: Annotated[
        str | None,
        typer.Option("--preset", metavar="NAME", help=f"Start from one of: {', '.join(PRESETS)}."),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option("--run", metavar="RUN", help="Make the pairs again that RUN was trained on."),
    ] = None,
    settings: SetOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Write images, labels and objects.csv (of regions: classes.csv) here.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files of the same name in DIR.")
    ] = False,
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
    refuse_existing(pair_files(out, count) if out else [], overwrite)
    with Session.open(project) as session:
        pairs: list[DualImage]
        if run is not None:
            past = session.project.run(run)
            pairs = complete(session, session.synthesize(count, run=past))
            used = past.recipe or default_recipe().model_dump(mode="json")
        else:
            adopt_recipe(session, pick_recipe(session.project, recipe, preset), chosen)
            pairs = complete(session, session.synthesize(count))
            used = (session.project.recipe or default_recipe()).model_dump(mode="json")
        notes = session.fitted.notes if session.fitted else ()
        current = session.project
    if out:
        write_pairs(out, pairs, current)
    result, counted = describe_pairs(pairs, current)
    result |= {"recipe": used, "notes": list(notes), "out": str(out) if out else None}
    where = f" in {out}" if out else " (no --out: nothing was written)"
    report(result, [f"{counted}{where}; recipe '{used['kind']}'.", *notes], as_json)


def pick_recipe(project: Project, kind: str | None, preset: str | None = None) -> Recipe:
    """Return the project's recipe, a preset, or a new one of another kind.

    Raises
    ------
    InputError
        If there is no such kind or preset, or the preset is of another kind.
    """
    if preset is not None:
        if preset not in PRESETS:
            raise InputError(
                f"--preset {preset}: there is no such preset. Known: {', '.join(PRESETS)}."
            )
        if kind not in (None, PRESETS[preset].kind):
            raise InputError(f"--preset {preset} is no recipe of the kind '{kind}': leave one out.")
        return PRESETS[preset]
    current = project.recipe or default_recipe()
    if kind is None or kind == current.kind:
        return current
    return recipe_class(kind)()


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


def describe_pairs(pairs: Sequence[DualImage], project: Project) -> tuple[dict[str, Any], str]:
    """Return what pairs hold, and which of them nothing should learn from, as figures and words."""
    bad = [_file_name(number) for number, pair in enumerate(pairs) if pair.rejection_reason]
    known: dict[str, Any] = {"pairs": len(pairs), "faulty": bad}
    some = ", ".join(bad[:NAMED]) + (", …" if len(bad) > NAMED else "")
    told = f"; {len(bad)} did not pass the gate, leave them out of training: {some}" if bad else ""
    if isinstance(pairs[0].labels, RegionLabels):
        maps = (regions_of(pair.labels).values for pair in pairs)
        areas = [measure_areas(values, _names(project), ImageRef(uri="")) for values in maps]
        shares = mean_shares(areas)
        counted = f"{len(pairs)} dual images of regions ({describe_shares(shares)}){told}"
        return known | {"shares": shares}, counted
    objects = sum(instances_of(pair.labels).count for pair in pairs)
    figures = {"objects": objects, "per_class": _count_classes(pairs, project)}
    return known | figures, f"{len(pairs)} dual images with {objects} objects{told}"


def pair_files(out: Path, count: int) -> tuple[Path, ...]:
    """Return the files that `write_pairs` may make: all images, all labels, the tables."""
    return (*_targets(out, count), out / OBJECTS_FILE, out / CLASSES_FILE)


def _targets(out: Path, count: int) -> tuple[Path, ...]:
    names = [_file_name(number) for number in range(count)]
    return tuple(out / kind / name for kind in ("images", "labels") for name in names)


def _file_name(number: int) -> str:
    return f"{number:05d}.tif"


def write_pairs(out: Path, pairs: Sequence[DualImage], project: Project) -> None:
    """Write pairs into a folder: ``images/``, ``labels/``, and what the labels mean."""
    targets = _targets(out, len(pairs))
    for folder in {path.parent for path in targets}:
        folder.mkdir(parents=True, exist_ok=True)
    for path, pair in zip(targets, pairs, strict=False):
        _write_image(path, pair.image)
    names = _names(project)
    for path, pair in zip(targets[len(pairs) :], pairs, strict=True):
        if isinstance(pair.labels, RegionLabels):
            write_regions(path, pair.labels.values)
        else:
            write_labels(path, instances_of(pair.labels).ids)
    if isinstance(pairs[0].labels, RegionLabels):
        return write_classes(out, names)
    rows = [
        (path.name, instance, names[cls])
        for path, pair in zip(targets, pairs, strict=False)
        for instance, cls in sorted(instances_of(pair.labels).classes.items())
    ]
    return write_table(out / OBJECTS_FILE, ("image", "id", "class"), rows)


def _names(project: Project) -> dict[int, str]:
    return {c.value: c.name for c in project.classes}


def _write_image(path: Path, image: FloatImage) -> None:
    """Write a (channel, [z,] y, x) image as float32 TIFF, one channel without its axis."""
    import tifffile

    axes = "CZYX" if image.ndim == 4 else "CYX"
    if len(image) == 1:
        image, axes = image[0], axes[1:]
    tifffile.imwrite(
        path, image.astype(np.float32), compression="zlib", photometric="minisblack",
        metadata={"axes": axes},
    )  # fmt: skip


def _count_classes(pairs: Sequence[DualImage], project: Project) -> dict[str, int]:
    each = [instances_of(pair.labels).classes for pair in pairs]
    return {
        c.name: sum(list(classes.values()).count(c.value) for classes in each)
        for c in project.classes
    }
