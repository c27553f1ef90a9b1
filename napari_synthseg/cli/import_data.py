"""Bringing clicks and masks from files into a project."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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
        typer.Option("--masks", metavar="DIR", help="Label images named as the images."),
    ] = None,
    instance: Annotated[
        bool, typer.Option("--instance", help="The masks hold one id per object.")
    ] = False,
    patch_masks: Annotated[
        bool,
        typer.Option(
            "--patch-masks",
            help="Cut patches by these masks, as by clicks, in place of scoring against them.",
        ),
    ] = False,
    class_name: Annotated[
        str | None,
        typer.Option("--class", metavar="NAME", help="Class of their objects (default: the first)"),
    ] = None,
    role: Annotated[
        str | None,
        typer.Option("--role", metavar="ROLE", help="Use these images to train, validate or test."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Import clicks (FILE), true masks (--masks DIR --instance) or masks to cut patches by."""
    if (file is None) == (masks is None):
        raise InputError("Give either a FILE with clicks or --masks DIR with true masks.")
    if role is not None and role not in get_args(Role):
        raise InputError(f"--role {role}: a role is one of {', '.join(get_args(Role))}.")
    if masks is None and (instance or patch_masks or role):
        raise InputError("--instance, --patch-masks and --role belong to --masks DIR.")
    if masks is not None and instance == patch_masks:
        raise InputError(
            "--masks needs either --instance (true masks to score against, one id per object) or "
            "--patch-masks (masks to cut patches by)."
        )
    if class_name is not None and not patch_masks:
        raise InputError("--class belongs to --patch-masks.")
    if role is not None and patch_masks:
        raise InputError("--role belongs to --instance: patches are cut from training images.")
    with closing(Session.open(project)) as session:
        if file is not None:
            result = _import_clicks(session, file)
        elif patch_masks:
            assert masks is not None
            result = _import_patch_masks(session, masks, class_name)
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
    before = session.project
    matched, unused = _match(before.images, folder)
    try:
        for image, path in matched:
            session.add_truth(image, path)
    except InputError:
        session.edit(before, "take back the masks")
        raise
    if role is not None:
        changed = [i.model_copy(update={"role": role}) for i, _ in matched]
        session.edit(session.project.with_images(*changed), f"set the role to {role}")
    return {
        "masks": len(matched),
        "unused": unused,
        "role": role,
        "message": f"True masks added to {len(matched)} image(s){_unused(unused)}",
    }


def _import_patch_masks(session: Session, folder: Path, class_name: str | None) -> dict[str, Any]:
    """Cut patches of training images by masks of their stems; all or nothing."""
    before = session.project
    if not before.classes:
        raise InputError("The project has no class yet: make it by 'new' with --class.")
    cls = before.class_named(class_name) if class_name else before.classes[0]
    matched, unused = _match([i for i in before.images if i.role == "train"], folder)
    new = 0
    try:
        for image, path in matched:
            new += session.add_patch_masks(image, path, cls.value)
    except InputError:
        session.edit(before, "take back the masks")
        raise
    return {
        "masks": len(matched),
        "unused": unused,
        "clicks": new,
        "message": f"Patches of {len(matched)} image(s) are cut by these masks; {new} object(s) "
        f"without a click got one{_unused(unused)}",
    }


def _match(images: Sequence[ImageRef], folder: Path) -> tuple[list[tuple[ImageRef, Path]], int]:
    """Return images with the files of their stems, and how many files belong to none."""
    files = by_stem(folder)
    matched = [(i, files[Path(i.name).stem]) for i in images if Path(i.name).stem in files]
    if not matched:
        stems = ", ".join(sorted({Path(i.name).stem for i in images})[:3]) or "none"
        raise InputError(
            f"No file in {folder} is named as an image of the project (such as {stems}): a mask "
            "has the name of its image, with any image extension."
        )
    return matched, len(files) - len({path for _, path in matched})


def _unused(count: int) -> str:
    return f"; {count} file(s) belong to no image." if count else "."
