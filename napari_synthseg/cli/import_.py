"""Importing clicks, boxes, outlines, image labels and masks from files."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from napari_synthseg.cli.console import report
from napari_synthseg.cli.settings import JsonFlag, ProjectFolder
from napari_synthseg.core.annotations import Role
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.naming import UnknownNameError
from napari_synthseg.workflow.importing import MaskKind
from napari_synthseg.workflow.importing_files import ImportOptions, file_kind
from napari_synthseg.workflow.session import Session

MASK_OPTIONS = {
    "masks": frozenset({"image", "role", "class_name", "split"}),
    "masks of regions": frozenset({"image", "role"}),
    "patch masks": frozenset({"image", "class_name", "split"}),
}
"""Kind of masks -> the fields of `ImportOptions` that say something about them."""

OPTION_NAMES = {"class_name": "--class", "ignored": "--ignore"}
"""Field of `ImportOptions` -> its option, where that is not called like it."""


def import_data(
    project: ProjectFolder,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="A table of clicks, boxes or image labels; boxes as VOC, COCO or YOLO; outlines "
            "and points of ImageJ, QuPath, labelme, Label Studio, CVAT, COCO or Cellpose.",
        ),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="A folder of label images named as the images, or one of them."
        ),
    ] = None,
    instance: Annotated[
        bool,
        typer.Option("--instance", help="The masks hold one id per object, or FILE its outline."),
    ] = False,
    semantic: Annotated[
        bool,
        typer.Option(
            "--semantic", help="The masks hold the value of a class per pixel, or FILE outlines."
        ),
    ] = False,
    patch_masks: Annotated[
        bool,
        typer.Option(
            "--patch-masks",
            help="Cut patches by these masks or outlines, as by clicks, in place of scoring "
            "against them.",
        ),
    ] = False,
    split: Annotated[
        bool,
        typer.Option(
            "--split",
            help="The masks hold no ids, but black and white or classes: each piece is an object.",
        ),
    ] = False,
    class_name: Annotated[
        str | None,
        typer.Option("--class", metavar="NAME", help="Class of objects whose file names none."),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Image, or folder of images, that alone is meant: where names repeat, or the file "
            "names none.",
        ),
    ] = None,
    axes: Annotated[
        str | None,
        typer.Option(
            metavar="AXES",
            help="What the axes of a points layer are: a letter of tczyx for each, such as tyx.",
        ),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(
            metavar="UNIT",
            help="Unit of the positions in a table of another program: px, or a length such as um.",
        ),
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
        list[str] | None, typer.Option(metavar="OLD=NEW", help="Class OLD of the file is our NEW.")
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="CLASS", help="Leave out a class of the file.")
    ] = None,
    incomplete: Annotated[
        list[str] | None, typer.Option(metavar="CLASS", help="Not every object of it has a box.")
    ] = None,
    first_plane: Annotated[
        int | None,
        typer.Option(
            metavar="0|1",
            min=0,
            max=1,
            help="Number of the first plane, where FILE is of pictures of the planes of a stack "
            "whose names do not tell.",
        ),
    ] = None,
    skip_unknown: Annotated[
        bool, typer.Option("--skip-unknown", help="Leave out images that the project lacks.")
    ] = False,
    role: Annotated[
        str | None,
        typer.Option(metavar="ROLE", help="Use these images to train, validate or test."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Import clicks, boxes, outlines or image labels (FILE), or label images (--masks)."""
    if (file is None) == (masks is None):
        raise InputError(
            "Give either a FILE with clicks, boxes or image labels, or --masks PATH with masks."
        )
    if role is not None and role not in get_args(Role):
        raise InputError(f"--role {role}: a role is one of {', '.join(get_args(Role))}.")
    chosen = instance + semantic + patch_masks
    if chosen > 1 or (masks is not None and not chosen):
        raise InputError(
            "Masks are one of --instance (true masks, one id per object), --semantic (true masks, "
            "the value of a class per pixel) and --patch-masks (masks to cut patches by)."
        )
    if as_clicks and chosen:
        raise InputError("--as-clicks makes no masks: leave out either of the two.")
    if split and (not chosen or semantic):
        raise InputError("--split belongs to masks with --instance or --patch-masks.")
    if exhaustive and not as_clicks:
        raise InputError("--exhaustive belongs to --as-clicks.")
    if as_clicks and incomplete:
        raise InputError("--incomplete is said of truth: leave it out with --as-clicks.")
    options = ImportOptions(
        image=image,
        class_name=class_name,
        axes=axes,
        unit=unit,
        rename=_parse_renames(rename or []),
        ignored=tuple(ignore or ()),
        skip_unknown=skip_unknown,
        add_classes=add_classes,
        incomplete=tuple(incomplete or ()),
        as_clicks=as_clicks,
        exhaustive=exhaustive,
        split=split,
        first_plane=first_plane,
        role=cast("Role | None", role),
    )
    mask_kind: MaskKind = "patch_masks" if patch_masks else "semantic" if semantic else "instance"
    with Session.open(project).result() as session:
        if masks is not None:
            title = "patch masks" if patch_masks else "masks of regions" if semantic else "masks"
            accepted = MASK_OPTIONS[title]
            job = session.import_file(masks, options, mask_kind)
        else:
            assert file is not None
            kind = file_kind(file, mask_kind if chosen else None)
            title, accepted = kind.title, kind.options
            job = (
                session.import_outlines(file, mask_kind, options)
                if chosen
                else session.import_file(file, options)
            )
        _refuse_foreign_options(title, accepted, options)
        try:
            found = job.result()
        except UnknownNameError as error:
            if "rename" not in accepted:
                raise
            adding = " and --add-classes" if "add_classes" in accepted else ""
            raise InputError(
                f"{error} For other classes there are --rename, --ignore{adding}, for other images "
                "--skip-unknown."
            ) from None
    report({**found.figures, "message": found.message}, [found.message], as_json)


def _refuse_foreign_options(title: str, accepted: Collection[str], options: ImportOptions) -> None:
    """Refuse options that say nothing about what is imported."""
    for field, value in vars(options).items():
        if (value or (field == "first_plane" and value == 0)) and field not in accepted:
            option = OPTION_NAMES.get(field, f"--{field.replace('_', '-')}")
            raise InputError(f"{option} does not apply to {title}: leave it out.")


def _parse_renames(texts: Iterable[str]) -> dict[str, str]:
    """Return old name -> new name of ``OLD=NEW`` texts."""
    renames = {}
    for text in texts:
        old, equals, new = (part.strip() for part in text.partition("="))
        if not (old and equals and new):
            raise InputError(f"--rename {text}: write OLD=NEW, as in --rename leukocyte=WBC.")
        renames[old] = new
    return renames
