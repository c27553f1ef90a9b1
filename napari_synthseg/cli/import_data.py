"""Bringing clicks and true masks from files into a project."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from napari_synthseg.cli.label_files import by_stem
from napari_synthseg.cli.output import JsonFlag, report
from napari_synthseg.cli.project import ProjectFolder
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import ImageRef, Role
from napari_synthseg.session import Session
from napari_synthseg.store.clicks_csv import read_clicks


def import_data(
    project: ProjectFolder,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="Clicks: a CSV table image,class,y,x[,z]."),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(
            "--masks", metavar="DIR", help="True masks: label images named as the images."
        ),
    ] = None,
    instance: Annotated[
        bool, typer.Option("--instance", help="The masks hold one id per object.")
    ] = False,
    role: Annotated[
        str | None,
        typer.Option("--role", metavar="ROLE", help="Use these images to train, validate or test."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Import clicks (FILE) or true masks (--masks DIR --instance)."""
    if (file is None) == (masks is None):
        raise InputError("Give either a FILE with clicks or --masks DIR with true masks.")
    if role is not None and role not in get_args(Role):
        raise InputError(f"--role {role}: a role is one of {', '.join(get_args(Role))}.")
    if masks is None and (instance or role):
        raise InputError("--instance and --role belong to --masks DIR.")
    if masks is not None and not instance:
        raise InputError("--masks needs --instance: label images with one id per object.")
    with closing(Session.open(project)) as session:
        if file is not None:
            result = _import_clicks(session, file)
        else:
            assert masks is not None
            result = _import_masks(session, masks, role)
    report(result, [result["message"]], as_json)


def _import_clicks(session: Session, path: Path) -> dict[str, Any]:
    """Add the clicks that are not there yet, in one step."""

    def shape_of(image: ImageRef) -> tuple[int, ...]:
        return session.pixels(image).shape[1:]

    before = session.project
    clicks = read_clicks(path, before, shape_of)
    present = {(c.image, c.cls, c.position) for c in before.clicks}
    new = [c for c in clicks if (c.image, c.cls, c.position) not in present]
    session.edit(before.with_clicks(*new), f"import {path.name}")
    counts = Counter(before.object_class(c.cls).name for c in new)
    words = ", ".join(f"{n} {name}" for name, n in counts.items()) or "none"
    known = len(clicks) - len(new)
    return {
        "clicks": len(new),
        "already_there": known,
        "per_class": dict(counts),
        "message": f"{len(new)} clicks added ({words})"
        + (f"; {known} were there already." if known else "."),
    }


def _import_masks(session: Session, folder: Path, role: str | None) -> dict[str, Any]:
    """Add a true mask to each image that has one of its stem; all or nothing."""
    files = by_stem(folder)
    before = session.project
    matched = [(i, files[Path(i.name).stem]) for i in before.images if Path(i.name).stem in files]
    if not matched:
        stems = ", ".join(sorted({Path(i.name).stem for i in before.images})[:3]) or "none"
        raise InputError(
            f"No file in {folder} is named as an image of the project (such as {stems}): a mask "
            "has the name of its image, with any image extension."
        )
    try:
        for image, path in matched:
            session.add_truth(image, path)
    except InputError:
        session.edit(before, "take back the masks")
        raise
    if role is not None:
        changed = [i.model_copy(update={"role": role}) for i, _ in matched]
        session.edit(session.project.with_images(*changed), f"set the role to {role}")
    unused = len(files) - len({path for _, path in matched})
    return {
        "masks": len(matched),
        "unused": unused,
        "role": role,
        "message": f"True masks added to {len(matched)} image(s)"
        + (f"; {unused} file(s) belong to no image." if unused else "."),
    }
