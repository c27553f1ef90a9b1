"""Options that several commands take; ``--set k=v`` is checked by the model that it sets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel, ValidationError

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import Project
from napari_synthseg.io.images.lengths import UNIT_WORDS
from napari_synthseg.io.images.ome_zarr import is_zarr
from napari_synthseg.storage.images import SeriesChoice
from napari_synthseg.workflow.predicting import Magnification

Model = TypeVar("Model", bound=BaseModel)

ProjectFolder = Annotated[Path, typer.Argument(metavar="PROJECT", help="The project's folder.")]

RunName = Annotated[str, typer.Argument(metavar="RUN", help="Name or id of a training run.")]

ImageFiles = Annotated[list[Path], typer.Argument(metavar="IMAGES...", help="Image files.")]

AxesOption = Annotated[
    str | None,
    typer.Option(
        "--axes",
        metavar="LETTERS",
        help="What the axes of the files stand for, where they do not say it or say it wrong: a "
        "letter of tczyx (time, channel, depth, row, column) for each.",
    ),
]

OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="AXIS=NUMBER",
        help="Take but one frame (t=3) or plane (z=3) of each file, counted from 0.",
    ),
]

SeriesOption = Annotated[
    str | None,
    typer.Option(
        "--series",
        metavar="NUMBER|all",
        help="Which image of files that hold several, counted from 0, or all of them.",
    ),
]

StackFlag = Annotated[
    bool,
    typer.Option("--stack", help="Folders among IMAGES are stacks: their files are the planes."),
]

AdaptFlag = Annotated[
    bool,
    typer.Option(
        "--adapt",
        help="Fit the batch norms to the run's training images first: for models of dual images.",
    ),
]

MagnificationOption = Annotated[
    str | None,
    typer.Option(
        "--magnification",
        metavar="F",
        help="How many times larger objects are, in pixels, than on the images learned from; auto: "
        "by what is found on each image at several. Default: by pixel sizes, where all tell them, "
        "else auto for flat images that were not learned from, by models of one class; else 1.",
    ),
]

OverwriteFlag = Annotated[bool, typer.Option("--overwrite", help="Replace files of the same name.")]

JsonFlag = Annotated[
    bool, typer.Option("--json", help="Print the result as one line of JSON on stdout.")
]

RecipeOption = Annotated[
    str | None,
    typer.Option("--recipe", metavar="KIND", help="How pairs are made; default: the current one."),
]

SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="K=V", help="Set a parameter; may be given several times."),
]

FIXED = "kind"
"""The field that names the model itself, and cannot be set."""


def parse_only(texts: Iterable[str] | None) -> dict[str, int]:
    """Return axis -> number of what ``--only`` takes.

    Raises
    ------
    InputError
        If a text does not say so.
    """
    only: dict[str, int] = {}
    for text in texts or ():
        axis, _, number = text.partition("=")
        if axis not in ("t", "z") or not number.isdecimal():
            raise InputError(f"--only {text}: write t=NUMBER for a frame, or z=NUMBER for a plane.")
        only[axis] = int(number)
    return only


def parse_series(text: str | None) -> SeriesChoice:
    """Return what ``--series`` chooses.

    Raises
    ------
    InputError
        If the text is neither a number nor "all".
    """
    if text is None or text == "all":
        return "all" if text else None
    if not text.isdecimal():
        raise InputError(f"--series {text}: give the number of an image, or all.")
    return int(text)


def check_folders(paths: Iterable[Path], stack: bool) -> None:
    """Refuse folders of files that nobody called stacks.

    Raises
    ------
    InputError
        If there is one.
    """
    for path in paths:
        if path.is_dir() and not is_zarr(path) and not stack:
            raise InputError(
                f"'{path}' is a folder: name the images in it, or say with --stack that its files "
                "are the planes of one stack."
            )


_LENGTH = re.compile(r"\s*([0-9.]+(?:e[+-]?[0-9]+)?)\s*([a-zµμ]*)\s*")
_UNITS = {"": "", "px": "px", "µm": "um", "μm": "um", **{unit: unit for unit in UNIT_WORDS}}
"""What stands behind a number -> the unit."""


def parse_class(text: str) -> tuple[str, dict[str, Any]]:
    """Return what ``--class NAME[:DIAMETER]`` says: the name, and as fields of a class its size.

    Raises
    ------
    InputError
        If the name is empty or too long, or what stands behind its colon is no diameter.
    """
    name, colon, length = text.rpartition(":") if ":" in text else (text, "", "")
    if not 0 < len(name) <= 64:
        raise InputError(f"--class {text}: a class name has 1 to 64 characters.")
    if not colon:
        return name, {}
    found = _LENGTH.fullmatch(length)
    try:
        diameter = float(found[1]) if found and found[2] in _UNITS else 0.0
    except ValueError:
        diameter = 0.0
    if found is None or not 0 < diameter < 1e6:
        raise InputError(
            f"--class {text}: '{length}' is not a diameter: write NAME:DIAMETER, in pixels as "
            "nucleus:22, or with a unit of length as nucleus:6um."
        )
    unit = _UNITS[found[2]]
    return name, {"diameter": diameter} | ({"unit": unit} if unit else {})


def check_units(before: Project, now: Project) -> None:
    """Refuse a diameter that is a length now, where an image has no pixel size in its unit.

    Raises
    ------
    InputError
        If there is one.
    """
    units = {cls.value: cls.unit for cls in before.classes}
    changed = [cls for cls in now.classes if cls.unit != units.get(cls.value)]
    for image in now.images if changed else ():
        known = now.known_diameters(image)
        for cls in changed:
            if cls.value not in known:
                raise InputError(
                    f"--class {cls.name}:{cls.diameter:g}{cls.unit}: '{image.name}' has no pixel "
                    f"size in {cls.unit}: give the diameter in pixels, as {cls.name}:22."
                )


def describe_class(cls: ObjectClass) -> str:
    """Say which class there is, with the size of its objects."""
    return f"Class {cls.value} '{cls.name}': objects about {cls.diameter:g} {cls.unit} wide"


def class_figures(project: Project) -> dict[str, Any]:
    """Return value and size of each class, by its name."""
    return {
        c.name: {"value": c.value, "diameter": c.diameter, "unit": c.unit} for c in project.classes
    }


def parse_settings(pairs: Iterable[str] | None) -> dict[str, str]:
    """Split ``k=v`` texts; the last one wins where a key repeats.

    Raises
    ------
    InputError
        If a text has no ``=`` or no key.
    """
    settings: dict[str, str] = {}
    for pair in pairs or ():
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise InputError(f"--set {pair}: write it as NAME=VALUE.")
        settings[key.strip()] = value.strip()
    return settings


def with_settings(model: Model, settings: Mapping[str, str], what: str) -> Model:
    """Return `model` with some of its fields set from text, all of it validated again.

    Parameters
    ----------
    model
        The values to start from.
    settings
        Field name -> text; ``model.width`` reaches into a nested model. A text is read as JSON
        (``0.5``, ``true``, ``null``, ``[1, 2]``) and, where it is none, taken as it is.
    what
        What the model describes, for messages.

    Raises
    ------
    InputError
        If a field is not known (the message lists those that are) or a value does not fit.
    """
    data = model.model_dump()
    known = parameters(type(model))
    for key, text in settings.items():
        if key not in known:
            raise InputError(
                f"--set {key}={text}: '{key}' is not a parameter of {what}. "
                f"Known: {', '.join(known)}."
            )
        *groups, name = key.split(".")
        place = data
        for group in groups:
            place = place[group]
        place[name] = _value(text)
    try:
        return type(model)(**data)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{what}: parameter '{name}' cannot be {first['input']!r}: {first['msg']}."
        ) from None


def parameters(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the names that ``--set`` takes, those of nested models as ``group.name``."""
    return tuple(_walk_parameters(model, ""))


def _walk_parameters(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _walk_parameters(kind, f"{prefix}{name}.")
        elif name != FIXED:
            yield prefix + name


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {"none": None, "true": True, "false": False}.get(text.lower(), text)


def parse_magnification(given: str | None) -> Magnification:
    """Return the magnification that an option gives.

    Raises
    ------
    InputError
        If it is neither a number nor auto.
    """
    if given is None:
        return None
    if given == "auto":
        return "auto"
    try:
        return float(given)
    except ValueError:
        raise InputError(f"--magnification {given}: give a number above 0, or auto.") from None
