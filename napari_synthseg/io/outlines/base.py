"""What a format of outlines is, and what it says before images and classes of a project are found.

A new format is a subclass of `OutlineFormat`; nothing else needs to know it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.plugins import Registry
from napari_synthseg.io.outlines.areas import Area, Ring
from napari_synthseg.io.sniffing import SniffedFile
from napari_synthseg.io.tables import to_number


def _accept(entry: object) -> tuple[OutlineFormat, str]:
    if not (isinstance(entry, type) and issubclass(entry, OutlineFormat)):
        raise TypeError("it is no subclass of OutlineFormat")
    return entry(), entry.name


OUTLINE_FORMATS: Registry[OutlineFormat] = Registry("outline_formats", "outline format", _accept)
"""Name -> format; defining a subclass of `OutlineFormat` adds it."""

SizeOf = Callable[[str, str], tuple[int, int]]
"""Takes a place for messages and the stem of an image file; returns its height and width."""

MAX_PLACE = 1e7
"""No image has so many pixels along an edge."""

NO_AREA = "outline(s) without an area"
"""What is left out of every format."""


@dataclass(frozen=True, eq=False)
class ListedOutline:
    """One object.

    Attributes
    ----------
    where
        Its place in the file, for messages.
    cls
        Its class as the file says, or ''.
    area
        Its pixels.
    is_box
        It was drawn as an upright rectangle, and may be a box round an object.
    plane
        Index, from 0, of its plane in a stack, where the file says: along "z" and "t", along the
        only axis that is used ("slice"), or over all axes ("index": channels, z, t).
    title
        What the user called this one object; it is a class where the project has one of that name.
    """

    where: str
    cls: str
    area: Area
    is_box: bool = False
    plane: Mapping[str, int] = field(default_factory=dict)
    title: str = ""


@dataclass(frozen=True)
class ListedPoint:
    """The center of one object: `position` (y, x), pixel centers at whole numbers."""

    where: str
    cls: str
    position: tuple[float, float]
    plane: Mapping[str, int] = field(default_factory=dict)
    title: str = ""


@dataclass(frozen=True)
class LeftOut:
    """A thing in the file that is not taken over.

    `what` says what such things are, in the plural. `cls` is the class of an object that is missed
    by it, as in the file; None where none is.
    """

    what: str
    cls: str | None = None


Found = ListedOutline | ListedPoint | LeftOut
"""What a reader finds."""


@dataclass(frozen=True, eq=False)
class OutlinedImage:
    """An image with what is drawn on it; without anything, and not unclear, it shows no object.

    Attributes
    ----------
    where
        Its place in the file, for messages.
    name
        As the file says, or None where it does not name the image.
    outlines, points
        What is drawn on it.
    left_out
        What cannot be taken over.
    ids
        Where the file is a label image itself: its instance ids, shape ([z,] y, x).
    size
        Height and width of the image as the file says, or None.
    by_stem
        The name is a file name without its extension.
    """

    where: str
    name: str | None
    outlines: tuple[ListedOutline, ...] = ()
    points: tuple[ListedPoint, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    ids: NDArray[np.int32] | None = None
    size: tuple[int, int] | None = None
    by_stem: bool = False

    @property
    def is_unclear(self) -> bool:
        """Whether it shows nothing that is taken over, but something that may be an object."""
        if self.outlines or self.points or self.ids is not None:
            return False
        return any(each.cls is not None or each.what == NO_AREA for each in self.left_out)

    @classmethod
    def of(
        cls,
        where: str,
        name: str | None,
        found: Iterable[Found],
        size: tuple[int, int] | None = None,
        *,
        by_stem: bool = False,
    ) -> OutlinedImage:
        """Make one of what a reader finds in any order."""
        each = tuple(found)
        return cls(
            where,
            name,
            tuple(one for one in each if isinstance(one, ListedOutline)),
            tuple(one for one in each if isinstance(one, ListedPoint)),
            tuple(one for one in each if isinstance(one, LeftOut)),
            size=size,
            by_stem=by_stem,
        )


class OutlineFormat(ABC):
    """One file format. Defining a subclass registers it.

    Attributes
    ----------
    name
        Its name for programs.
    title
        Its full name, for help and messages.
    has_boxes
        Whether a box format reads its files, too, unless masks are asked for.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    has_boxes: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        OUTLINE_FORMATS.add(cls.name, cls(), cls.__module__)

    @abstractmethod
    def recognizes(self, file: SniffedFile) -> bool:
        """Return whether a file, or a folder that is read as a whole, looks like this format."""

    @abstractmethod
    def read(self, file: SniffedFile, size_of: SizeOf) -> tuple[OutlinedImage, ...]:
        """Read all that is drawn.

        Raises
        ------
        InputError
            At the first thing that makes no sense; the message names it and its place.
        """


def make_ring(where: str, points: Any) -> Ring | None:
    """Return the vertices (y, x) of a ring from a list of (x, y); None if it can have no area.

    Raises
    ------
    InputError
        If they are no such list.
    """
    ring = make_points(where, points)
    return ring if len(ring) > 2 else None


def make_points(where: str, points: Any) -> Ring:
    """Return points (y, x) from a list of (x, y), both counted from the first pixel's corner.

    Raises
    ------
    InputError
        If it is no such list, or one lies farther away than any pixel.
    """
    try:
        pairs = [(float(point[1]), float(point[0])) for point in points]
    except (TypeError, ValueError, IndexError, KeyError, OverflowError):
        raise InputError(f"{where}: its points are no list of pairs of numbers x, y.") from None
    return check_places(where, np.array(pairs).reshape(-1, 2))


def check_places(where: str, points: Ring) -> Ring:
    """Return points as they are.

    Raises
    ------
    InputError
        If one is not finite, or farther away than any pixel.
    """
    if not (np.abs(points) < MAX_PLACE).all():
        raise InputError(f"{where}: one of its points lies at no pixel: delete it there.")
    return points


def image_size(where: str, height: Any, width: Any) -> tuple[int, int] | None:
    """Return the size of an image that a file gives; None where it gives none.

    Raises
    ------
    InputError
        If it is no pair of numbers.
    """
    texts = {"height": height, "width": width}
    sides = [to_number(where, name, str(value or 0)) for name, value in texts.items()]
    if max(sides) > MAX_PLACE:
        raise InputError(f"{where}: no image is {max(sides):g} pixels wide or high.")
    return (int(sides[0]), int(sides[1])) if min(sides) > 0 else None


def center_of_pixel(point: Sequence[float]) -> tuple[float, float]:
    """Return a position from a point that is counted from the first pixel's corner."""
    y, x = point
    return float(y) - 0.5, float(x) - 0.5
