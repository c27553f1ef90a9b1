"""Bringing clicks, boxes, image labels and masks from files into a project."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from napari_synthseg.cli.import_boxes import (
    ImportOptions,
    import_boxes,
    import_image_labels,
    parse_renames,
)
from napari_synthseg.cli.label_files import by_stem
from napari_synthseg.cli.output import JsonFlag, report
from napari_synthseg.cli.project import ProjectFolder
from napari_synthseg.core.annotations import Click, ImageRef, Role
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.boxes import box_format, find_box_format
from napari_synthseg.io.clicks import is_points_table, read_clicks, read_points
from napari_synthseg.io.tables import read_header
from napari_synthseg.workflow.importing import MaskKind
from napari_synthseg.workflow.session import Session


def import_data(
    project: ProjectFolder,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="A table of clicks, boxes or image labels; boxes as VOC, COCO or YOLO.",
        ),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option("--masks", metavar="DIR", help="Label images named as the images."),
    ] = None,
    instance: Annotated[
        bool, typer.Option("--instance", help="The masks hold one id per object.")
    ] = False,
    semantic: Annotated[
        bool, typer.Option("--semantic", help="The masks hold the value of a class per pixel.")
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
        typer.Option("--class", metavar="NAME", help="Class of objects whose file names none."),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option("--image", metavar="NAME", help="Image of the points of a points layer."),
    ] = None,
    as_clicks: Annotated[
        bool, typer.Option("--as-clicks", help="Click the middle of each box.")
    ] = False,
    exhaustive: Annotated[
        bool, typer.Option("--exhaustive", help="With --as-clicks: every object has a box.")
    ] = False,
    add_classes: Annotated[
        bool, typer.Option("--add-classes", help="Make classes that the project lacks, by boxes.")
    ] = False,
    rename: Annotated[
        list[str] | None,
        typer.Option("--rename", metavar="OLD=NEW", help="Class OLD of the file is our NEW."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", metavar="CLASS", help="Leave out a class of the file."),
    ] = None,
    incomplete: Annotated[
        list[str] | None,
        typer.Option("--incomplete", metavar="CLASS", help="Not every object of it has a box."),
    ] = None,
    skip_unknown: Annotated[
        bool, typer.Option("--skip-unknown", help="Leave out images that the project lacks.")
    ] = False,
    role: Annotated[
        str | None,
        typer.Option("--role", metavar="ROLE", help="Use these images to train, validate or test."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Import clicks, boxes or image labels (FILE), true masks, or masks to cut patches by."""
    if (file is None) == (masks is None):
        raise InputError(
            "Give either a FILE with clicks, boxes or image labels, or --masks DIR with masks."
        )
    if role is not None and role not in get_args(Role):
        raise InputError(f"--role {role}: a role is one of {', '.join(get_args(Role))}.")
    if masks is None and (instance or semantic or patch_masks):
        raise InputError("--instance, --semantic and --patch-masks belong to --masks DIR.")
    if masks is not None and instance + semantic + patch_masks != 1:
        raise InputError(
            "--masks needs one of --instance (true masks, one id per object), --semantic (true "
            "masks, the value of a class per pixel) and --patch-masks (masks to cut patches by)."
        )
    if exhaustive and not as_clicks:
        raise InputError("--exhaustive belongs to --as-clicks.")
    if as_clicks and incomplete:
        raise InputError("--incomplete is said of truth: leave it out with --as-clicks.")
    wishes = ImportOptions(
        parse_renames(rename or []), tuple(ignore or ()), skip_unknown, add_classes,
        tuple(incomplete or ()), as_clicks, exhaustive, role,
    )  # fmt: skip
    with Session.open(project) as session:
        kind = _kind_of(file) if file is not None else "patch masks" if patch_masks else "masks"
        _refuse_strangers(kind, {"--class": class_name, "--image": image}, wishes)
        if file is None:
            assert masks is not None
            if patch_masks:
                result = _import_patch_masks(session, masks, class_name)
            else:
                result = _import_masks(session, masks, role, "semantic" if semantic else "instance")
        elif kind == "clicks":
            result = _import_clicks(session, file, read_clicks)
        elif kind == "points":
            read = partial(read_points, image=image, class_name=class_name)
            result = _import_clicks(session, file, read)
        elif kind == "image labels":
            result = import_image_labels(session, file, wishes)
        else:
            result = import_boxes(session, file, box_format(kind), wishes)
    report(result, [result["message"]], as_json)


OF_CLASSES = ("--rename", "--ignore", "--skip-unknown", "--role")
OF_BOXES = (*OF_CLASSES, "--as-clicks", "--add-classes", "--incomplete")
ACCEPTED = {
    "masks": ("--role",),
    "patch masks": ("--class",),
    "clicks": (),
    "points": ("--image", "--class"),
    "image labels": OF_CLASSES,
}
"""Kind of what is imported -> options that it takes; any other kind is a format of boxes."""


def _kind_of(path: Path) -> str:
    """Return the kind of a file: "clicks", "points", "image labels", or a format of boxes."""
    boxes = find_box_format(path)
    if boxes is not None:
        return boxes.name
    if path.is_dir():
        raise InputError(
            f"{path} holds neither XML files (Pascal VOC) nor text files (YOLO): choose the folder "
            "with the boxes."
        )
    header = read_header(path)
    if is_points_table(header):
        return "points"
    return "image labels" if set(header) == {"image", "class"} else "clicks"


def _refuse_strangers(kind: str, given: dict[str, str | None], wishes: ImportOptions) -> None:
    """Refuse options that say nothing about what is imported."""
    asked = given | {
        "--rename": wishes.rename, "--ignore": wishes.ignored, "--role": wishes.role,
        "--skip-unknown": wishes.skip_unknown, "--as-clicks": wishes.as_clicks,
        "--add-classes": wishes.add_classes, "--incomplete": wishes.incomplete,
    }  # fmt: skip
    for option, value in asked.items():
        if value and option not in ACCEPTED.get(kind, OF_BOXES):
            told = kind if kind in ACCEPTED else "boxes"
            raise InputError(f"{option} says nothing about {told}: leave it out.")


def _import_clicks(
    session: Session, path: Path, read: Callable[..., tuple[Click, ...]]
) -> dict[str, Any]:
    """Add the clicks that are not there yet, in one step."""

    def shape_of(image: ImageRef) -> tuple[int, ...]:
        return session.pixels(image).shape[1:]

    before = session.project
    clicks = read(path, before, shape_of)
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


def _import_masks(
    session: Session, folder: Path, role: str | None, told: MaskKind
) -> dict[str, Any]:
    """Add a true mask to each image that has one of its stem; all or nothing."""
    before = session.project
    matched, unused = _match(before.images, folder)
    try:
        for image, path in matched:
            session.complete(session.import_labels(image, path, told))
    except InputError:
        session.edit(before, "take back the masks")
        raise
    if role is not None:
        changed = [i.model_copy(update={"role": role}) for i, _ in matched]
        session.edit(session.project.with_images(*changed), f"set the role to {role}")
    return {
        "masks": len(matched),
        "kind": told,
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
            new += len(
                session.complete(
                    session.import_labels(image, path, "patch_masks", cls.value)
                ).clicks
            )
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
