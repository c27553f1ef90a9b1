"""What files say of boxes, before it is known which images and classes of a project are meant."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from napari_synthseg.core.boxes import Boxes, Corners
from napari_synthseg.core.errors import InputError

FORMATS: dict[str, BoxFormat] = {}
"""Name -> format. Importing `napari_synthseg.io.boxes.formats` fills it."""

SizeOf = Callable[[str, str], tuple[int, int]]
"""Returns height and width of the image of a file stem; takes where it stands, for messages."""


@dataclass(frozen=True)
class ListedBox:
    """One box in our convention (see `Boxes`), and where it stands, for messages."""

    where: str
    cls: str
    corners: Corners
    score: float = 1.0


@dataclass(frozen=True)
class ListedImage:
    """An image that a file names, with its boxes; without any it is said to hold no object.

    `size` is height and width as the file has them, None where it does not tell. With `by_stem`
    the name is a file name without its extension.
    """

    where: str
    name: str
    boxes: tuple[ListedBox, ...] = ()
    size: tuple[int, int] | None = None
    by_stem: bool = False


@dataclass(frozen=True, eq=False)
class NamedBoxes:
    """The boxes of an image file of a name and a shape (y, x), to be written."""

    name: str
    shape: tuple[int, int]
    boxes: Boxes


class BoxFormat(ABC):
    """A format: how it is recognized, read and written. Defining a subclass registers it.

    Attributes
    ----------
    name
        What the user calls it.
    title
        Its full name, for help and messages.
    writes_folder
        Whether what is written is a folder of files.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    writes_folder: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        """Register the subclass under its `name`."""
        FORMATS[cls.name] = cls()

    @abstractmethod
    def recognizes(self, path: Path) -> bool:
        """Return whether a file or folder looks like this format; it is not read whole."""

    @abstractmethod
    def read(self, path: Path, size_of: SizeOf) -> tuple[ListedImage, ...]:
        """Read all boxes of a file or folder.

        Raises
        ------
        InputError
            At the first thing that cannot be meant; the message names it and its place.
        """

    @abstractmethod
    def files(self, out: Path, images: Sequence[NamedBoxes]) -> tuple[Path, ...]:
        """Return the files that `write` would write."""

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
