"""What a format of boxes is, and what it says before images and classes of a project are found.

A new format is a subclass of `BoxFormat`; nothing else needs to know it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
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


FORMATS: Registry[BoxFormat] = Registry("box_formats", "box format", _accept)
"""Name -> format; defining a subclass of `BoxFormat` adds it."""

SizeOf = Callable[[str, str], tuple[int, int]]
"""Takes a place for messages and the stem of an image file; returns its height and width."""


@dataclass(frozen=True)
class ListedBox:
    """One box in our convention (see `Boxes`); `where` is its place in the file, for messages."""

    where: str
    cls: str
    corners: Corners
    score: float = 1.0


@dataclass(frozen=True)
class ListedImage:
    """An image that a file names, with its boxes; without any it shows no object.

    `size` is height and width as the file says, or None. With `by_stem` the name is a file name
    without its extension.
    """

    where: str
    name: str
    boxes: tuple[ListedBox, ...] = ()
    size: tuple[int, int] | None = None
    by_stem: bool = False


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
        FORMATS.add(cls.name, cls(), cls.__module__)

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
    """Return a box that has a class and an area.

    Raises
    ------
    InputError
        If it has not.
    """
    ymin, xmin, ymax, xmax = corners
    if not cls:
        raise InputError(f"{where}: the box has no class.")
    if not (ymax > ymin and xmax > xmin):
        raise InputError(
            f"{where}: the box has no area (ymin {ymin:g}, xmin {xmin:g}, ymax {ymax:g}, xmax "
            f"{xmax:g}): delete it there."
        )
    return ListedBox(where, cls, corners, score)
