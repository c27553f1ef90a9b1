"""What a format of boxes is, and what it says before images and classes of a project are found.

A new format is a subclass of `BoxFormat`; nothing else needs to know it.
"""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from napari_synthseg.core.boxes import Boxes, Corners
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.plugins import Registry


def _accept(entry: object) -> tuple[BoxFormat, str]:
    if not (isinstance(entry, type) and issubclass(entry, BoxFormat)):
        raise TypeError("it is no subclass of BoxFormat")
    return entry(), entry.name


BOX_FORMATS: Registry[BoxFormat] = Registry("box_formats", "box format", _accept)
"""Name -> format; defining a subclass of `BoxFormat` adds it."""

SizeOf = Callable[[str, str], tuple[int, int]]
"""Takes a place for messages and the stem of an image file, with folders before it where names
repeat; returns the height and width of the image."""

TURNED = "boxes that are turned became the upright boxes round them"
_TO_MASKS = "(--instance makes true masks of outlines)"
OUTLINED = f"what has an outline and no box got the box round its outline {_TO_MASKS}"
LEFT_OUTLINES = f"the outlines in the file were left out {_TO_MASKS}"
"""What `ListedImage.notes` say of such boxes."""

MAX_DEPTH = 4
"""How many folders deep the files of an export are looked for."""


@dataclass(frozen=True)
class ListedBox:
    """One box in our convention (see `Boxes`); `where` is its place in the file, for messages."""

    where: str
    cls: str
    corners: Corners
    score: float = 1.0

    @property
    def has_area(self) -> bool:
        """Whether it holds anything; programs write others where a click was not drawn out."""
        ymin, xmin, ymax, xmax = self.corners
        return ymax > ymin and xmax > xmin


@dataclass(frozen=True)
class KeyPoint:
    """The center of one object that has no box; position y, x, pixel centers at whole numbers."""

    where: str
    cls: str
    position: tuple[float, float]


@dataclass(frozen=True)
class ListedImage:
    """An image that a file names, with its objects; without any it shows none.

    Attributes
    ----------
    size
        Height and width as the file says, or None.
    by_stem
        Whether the name is a file name without its extension.
    points
        Objects of which the file gives the center alone.
    crowds
        Class of each region that holds several objects without a box of their own.
    notes
        What was changed or left out in reading, a sentence part each.
    """

    where: str
    name: str
    boxes: tuple[ListedBox, ...] = ()
    size: tuple[int, int] | None = None
    by_stem: bool = False
    points: tuple[KeyPoint, ...] = ()
    crowds: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def objects(self) -> tuple[ListedBox | KeyPoint, ...]:
        """All boxes, then all points."""
        return (*self.boxes, *self.points)


@dataclass(frozen=True, eq=False)
class NamedBoxes:
    """What is written: boxes of an image file with a name and a shape (y, x)."""

    name: str
    shape: tuple[int, int]
    boxes: Boxes


class BoxFormat(ABC):
    """One file format. Defining a subclass registers it.

    Attributes
    ----------
    name
        Its name on the command line.
    title
        Its full name, for help and messages.
    suffix
        What its files end in.
    writes_folder
        Whether it writes a folder with a file for each image.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    suffix: ClassVar[str] = ""
    writes_folder: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        BOX_FORMATS.add(cls.name, cls(), cls.__module__)

    @abstractmethod
    def recognizes(self, path: Path) -> bool:
        """Return whether a file or folder looks like this format; it is not read whole."""

    @abstractmethod
    def read(self, path: Path, size_of: SizeOf) -> tuple[ListedImage, ...]:
        """Read all boxes of a file or folder.

        Raises
        ------
        InputError
            At the first thing that makes no sense; the message names it and its place.
        """

    def files(self, out: Path, images: Sequence[NamedBoxes]) -> tuple[Path, ...]:
        """Return the files that `write` makes: `out`, or in that folder one for each image."""
        if not self.writes_folder:
            return (out,)
        return tuple(out / f"{Path(image.name).stem}{self.suffix}" for image in images)

    @abstractmethod
    def write(self, out: Path, images: Sequence[NamedBoxes], classes: Mapping[int, str]) -> None:
        """Write boxes; `classes` names the class values.

        Raises
        ------
        OSError
            If it cannot be written.
        """


def make_box(where: str, cls: str, corners: Corners, score: float = 1.0) -> ListedBox:
    """Return a box that has a class and no side below zero; one of no area is left out later.

    Raises
    ------
    InputError
        If it has not.
    """
    ymin, xmin, ymax, xmax = corners
    if not cls:
        raise InputError(f"{where}: the box has no class.")
    if ymax < ymin or xmax < xmin:
        raise InputError(
            f"{where}: the box ends before it starts (ymin {ymin:g}, xmin {xmin:g}, ymax {ymax:g}, "
            f"xmax {xmax:g}): check that its corners are not swapped, or delete it there."
        )
    return ListedBox(where, cls, corners, score)


def turned_box(center: tuple[float, float], size: tuple[float, float], angle: float) -> Corners:
    """Return the upright box round a rectangle that is turned by `angle` radians.

    `center` (y, x, pixel edges at whole numbers) and `size` (height, width) are pixels.
    """
    (y, x), (high, wide) = center, size
    cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
    half_y, half_x = (high * cos + wide * sin) / 2, (wide * cos + high * sin) / 2
    return y - half_y, x - half_x, y + half_y, x + half_x


def turn_box(corners: Corners, degrees: float) -> Corners:
    """Return the upright box round a box that is turned about its middle."""
    if degrees == 0:
        return corners
    ymin, xmin, ymax, xmax = corners
    center, size = ((ymin + ymax) / 2, (xmin + xmax) / 2), (ymax - ymin, xmax - xmin)
    return turned_box(center, size, math.radians(degrees))


def files_in(folder: Path, suffix: str) -> Iterator[Path]:
    """Yield the files with an ending in a folder and its folders, in order, none hidden."""
    top = len(folder.parts)
    for place, folders, files in os.walk(folder):
        here = Path(place)
        deep = len(here.parts) - top >= MAX_DEPTH
        folders[:] = [] if deep else sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.lower().endswith(suffix) and not name.startswith("."):
                yield here / name
