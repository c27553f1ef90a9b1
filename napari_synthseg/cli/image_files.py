"""Image files as a project takes them: what of each is used, and what is told of them."""

from __future__ import annotations

import math
import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import typer

from napari_synthseg.cli.settings import check_folders, parse_only, parse_series
from napari_synthseg.core.annotations import ImageRef, find_specimen
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.images.stacks import MAX_PLANE_DISTANCE_PX, MIN_VOLUME_PLANES, StackUse
from napari_synthseg.io.naming import listed
from napari_synthseg.storage.images import choosable_channels, describe
from napari_synthseg.workflow.images.adding import FileUse
from napari_synthseg.workflow.images.channels import Choice, count_channels, parse_channels
from napari_synthseg.workflow.importing import ImageFields, Imported
from napari_synthseg.workflow.session import Session

ExhaustiveFlag = Annotated[
    bool, typer.Option("--exhaustive", help="Every object on these images gets a click.")
]

VolumeFlag = Annotated[
    bool | None,
    typer.Option(
        "--volume/--planes",
        help=f"Use stacks along z as volumes, or plane by plane. Default: as volumes from "
        f"{MIN_VOLUME_PLANES} planes on, unless they lie more than {MAX_PLANE_DISTANCE_PX:g} "
        "pixels apart.",
    ),
]

PixelSizeOption = Annotated[
    str | None,
    typer.Option(
        metavar="[Z,]Y,X",
        help="Size of a pixel along each axis, where the files do not say it or say it wrong; "
        "only the proportion counts.",
    ),
]

GroupOption = Annotated[
    str | None,
    typer.Option(
        metavar="PATTERN",
        help="Which images show one specimen: a regular expression; what it finds in the name "
        "of a file, or its first bracket, names the specimen. Images of one specimen are never "
        "divided between learning and checking.",
    ),
]

ChannelsOption = Annotated[
    str | None,
    typer.Option(
        "--channels",
        metavar="N[,N]...|all",
        help="Use only these channels of each image, counted from 0, such as 0 or 0,2.",
    ),
]


@dataclass(frozen=True)
class ImageOptions:
    """What a command line says of all of its image files, as it is typed."""

    exhaustive: bool = False
    volume: bool | None = None
    pixel_size: str | None = None
    group: str | None = None
    axes: str | None = None
    only: list[str] | None = None
    series: str | None = None
    stack: bool = False
    channels: str | None = None

    @property
    def choice(self) -> Choice:
        """The channels that are chosen; None: all."""
        return parse_channels(self.channels or "")

    def require_files(self) -> None:
        """Refuse options that say how image files are taken, where none are given.

        Raises
        ------
        InputError
            If there is one.
        """
        for field in fields(self):
            if field.name != "channels" and getattr(self, field.name) != field.default:
                name = {"volume": "volume or --planes", "pixel_size": "pixel-size"}
                raise InputError(
                    f"--{name.get(field.name, field.name)} says how image files are taken that are "
                    "added: name the files, too."
                )

    def uses(self, images: Sequence[Path]) -> list[FileUse]:
        """Return how each file is used.

        Raises
        ------
        InputError
            If an option makes no sense, alone or for a file, or a file is given twice.
        """
        sizes = _sizes(self.pixel_size) if self.pixel_size is not None else None
        use: StackUse = "auto" if self.volume is None else "volume" if self.volume else "planes"
        plane, number = parse_only(self.only), parse_series(self.series)
        given: ImageFields = {"exhaustive": self.exhaustive}
        if self.channels is not None:
            given["channels"] = self.choice
        check_folders(images, self.stack)
        seen: set[str] = set()
        uses = []
        for path in images:
            if (real := os.path.realpath(path)) in seen:
                raise InputError(f"Image '{path}' is given twice.")
            seen.add(real)
            mine = given.copy()
            if self.group is not None:
                mine["group"] = _specimen(self.group, path)
            if sizes is not None:
                mine |= _sized(describe(path, self.axes, use, number, plane)[0], sizes)
            uses.append(FileUse(path, self.axes or "", use, plane, number, mine))
        return uses


NAME_AND_DIAMETER = re.compile(r".+:\d+(\.\d+)?\w*")
"""What is left of a class whose name was split at a space by the shell."""


def add_images(session: Session, images: Sequence[Path], options: ImageOptions) -> Imported:
    """Add the images of files to a project; those that it has already are left as they are.

    Raises
    ------
    InputError
        If a file cannot be used so; what others hold is added then, and is to be taken back.
    """
    for path in images:
        if NAME_AND_DIAMETER.fullmatch(path.name) and not path.exists():
            raise InputError(
                f"There is no file '{path}': check the name, and put names of classes in quotes "
                "that contain a space, such as --class 'big cell:22'."
            )
    added = session.add_files(options.uses(images)).result()
    refused = list(added.figures["refused"].values())
    if refused:
        more = f" {len(refused) - 1} more cannot be used, either." if len(refused) > 1 else ""
        raise InputError(f"{refused[0]}{more}")
    return added


def check_choice(refs: Sequence[ImageRef], folder: Path) -> None:
    """Refuse a choice of channels of an image in colors, or where no image has several.

    Raises
    ------
    InputError
        If it is to be refused.
    """
    single = [ref for ref in refs if choosable_channels(ref, folder) == 1]
    for ref in single:
        if count_channels(ref, folder) > 1:
            raise InputError(
                f"--channels: '{ref.name}' is an RGB image, whose colors are used together: leave "
                "--channels out. If its colors are stains, save them as channels first (in ImageJ: "
                "Make Composite)."
            )
    if len(single) == len(refs):
        raise InputError(
            f"--channels chooses among several, and each image is read with one, as "
            f"'{refs[0].name}'. If an axis that is taken for planes or frames holds them, say so: "
            "--axes cyx, or yxc."
        )


def axes_lines(added: Imported, again: str) -> list[str]:
    """Say how axes are taken that could be taken otherwise; `again`: what to do if it is wrong."""
    by_words: dict[str, list[str]] = {}
    for name, words in added.figures["axes"].items():
        by_words.setdefault(words, []).append(name)
    lines = [f"{listed(names)}: {words}." for words, names in by_words.items() if words]
    how = (
        f"If that is not so, {again}: --axes tyx, cyx or zyx says what the axes are, --only t=0 "
        "takes one frame, --volume or --planes say how stacks are used."
    )
    return [*lines, how] if lines else []


def channel_lines(added: Imported, session: Session) -> list[str]:
    """Say which new images have several channels that are all used, and how to use only some."""
    counts = {
        ref.name: count
        for ref in added.images
        if ref.channels is None and (count := choosable_channels(ref, session.folder)) > 1
    }
    if not counts:
        return []
    return [
        f"{listed(list(counts))}: up to {max(counts.values())} channels, all used. If only some "
        "show your objects, choose them by their numbers, from 0: "
        f"{shlex.join(['napari-synthseg', 'edit', str(session.folder), '--channels', '0'])}"
    ]


def file_notes(added: Imported) -> list[str]:
    """Return what of files is not kept or guessed, each note once."""
    told: dict[str, list[str]] = {}
    for name, notes in added.figures["notes"].items():
        for note in notes:
            told.setdefault(note, []).append(name)
    return [f"{listed(names)}: {note}" for note, names in told.items()]


def _specimen(pattern: str, path: Path) -> str:
    """Return the name of the specimen that an image shows."""
    try:
        name = find_specimen(pattern, path.stem)
    except re.error as error:
        raise InputError(f"--group {pattern}: no regular expression: {error}.") from None
    if not name:
        raise InputError(
            f"--group {pattern}: finds nothing in the name '{path.stem}'. Give a pattern that "
            "fits all images, such as 'slide[0-9]+'."
        )
    return name


def _sizes(text: str) -> tuple[float, ...]:
    try:
        sizes = tuple(float(part) for part in text.split(","))
    except ValueError:
        sizes = ()
    if len(sizes) not in (2, 3) or not all(0 < size < math.inf for size in sizes):
        raise InputError(
            f"--pixel-size {text}: give two or three lengths above 0, as 0.3,0.1,0.1 for z, y, x."
        )
    return sizes


def _sized(ref: ImageRef, sizes: tuple[float, ...]) -> ImageFields:
    """Return the fields of an image whose pixel size is given by hand, without a unit."""
    if len(sizes) < ref.ndim:
        raise InputError(
            f"'{ref.name}' is a volume: give --pixel-size for z, y and x, or use it with --planes."
        )
    finest = min(sizes[-ref.ndim :])
    return {"pixel_size": tuple(size / finest for size in sizes[-ref.ndim :]), "unit": "px"}
