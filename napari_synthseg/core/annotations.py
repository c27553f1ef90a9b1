"""What the user says of images: classes, clicks, ground truth, verdicts and specimens."""

from __future__ import annotations

import math
import re
import shlex
import uuid
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from napari_synthseg.core.boxes import Boxes, BoxRow
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import (
    Mask,
    Region,
    fill_rings,
    in_rings,
    intersect,
    region_shape,
)

Role = Literal["train", "validate", "test"]

TruthKind = Literal["instance", "semantic", "boxes", "points", "image_labels"]
"""The kind of a truth, not a task: "semantic" is a `RegionTruth`, whichever task learns from it."""

VerdictState = Literal["accepted", "rejected"]

CLASS_COLORS = (
    "#e69f00", "#56b4e9", "#d55e00", "#009e73", "#0072b2", "#f0e442", "#cc79a7", "#bbbbbb",
)  # fmt: skip
"""Default class colors: those of Okabe and Ito (2008), which people with a color-vision deficiency
tell apart, without black, and gray in its place."""

MOST_CLASSES = 254
"""Highest value of a class: masks keep them in 8 bits, with 0 for the background and 255 for what
is not known."""


def class_color(value: int) -> str:
    """Return the default color of a class of this value."""
    return CLASS_COLORS[(value - 1) % len(CLASS_COLORS)]


def new_id() -> str:
    """Return a short random identifier for an image, a click or a run."""
    return uuid.uuid4().hex[:12]


class Frozen(BaseModel):
    """A validated value that cannot be changed in place."""

    # NaN, a score that does not exist, would be written as null otherwise
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


def how_to_resize(name: str = "NAME", diameter: str = "DIAMETER") -> str:
    """Say how the diameter of a class is changed: in the window, and on the command line."""
    typed = shlex.quote(f"{name}:{diameter}")
    return f"(step 1, or napari-synthseg edit PROJECT --class {typed})"


class ObjectClass(Frozen):
    """A kind of object that the user clicks.

    `diameter` is the typical diameter of one object, in `unit` ("px", or a length such as "um"
    that is turned into pixels with the image's pixel size). `mask_method` is how the object under
    a click is found: the name of a method in `patches.masks`. A name that is not installed is kept,
    and refused when patches are cut.
    """

    name: str = Field(min_length=1, max_length=64)
    value: int = Field(ge=1, le=MOST_CLASSES)
    color: str = Field(default=CLASS_COLORS[0], pattern=r"^#[0-9a-fA-F]{6}$")
    diameter: float = Field(default=24.0, gt=0, allow_inf_nan=False)
    unit: str = "px"
    mask_method: str = "network"

    def diameter_px(self, image: ImageRef) -> float:
        """Return the diameter in pixels of `image` (along its finest axis).

        Raises
        ------
        InputError
            If the diameter is physical and the image has no pixel size in that unit.
        """
        if self.unit == "px":
            return self.diameter
        if image.pixel_size is None or image.unit != self.unit:
            raise InputError(
                f"Class '{self.name}' has its diameter in {self.unit}, but image "
                f"'{image.name}' has no pixel size in {self.unit}: "
                "give the image a scale, or the class a diameter in pixels "
                f"{how_to_resize(self.name, 'DIAMETERpx')}."
            )
        return self.diameter / min(image.pixel_size)


Outline = tuple[tuple[tuple[float, float], ...], ...]
"""Rings of vertices (y, x), counted from the corner of the first pixel; see `fill_rings`."""


class ImageRef(Frozen):
    """One image, or one region of it, that takes part in the project.

    Attributes
    ----------
    uri
        A path (relative to the project folder where possible), or ``arrays:ID`` for pixels that
        had no file and were copied into the project.
    axes
        The meaning of the stored array's axes, from "tczyx" with each letter at most once. Axes
        other than c, z, y, x are fixed by `plane`.
    plane
        Index on each axis that is not part of the working image, as ``{"t": 3}`` or ``{"z": 5}``
        (a stack used plane by plane).
    channels
        Indices of the channels that are used, in this order, or None for all.
    region
        Part of the image that counts, or None for all of it. Two refs may share a uri with
        disjoint regions.
    roi, excluded
        Outlines of what counts inside of that, where there are any, and of what does not, on each
        plane.
    group
        Field of view or specimen; parts for training and validation never share a group.
    pixel_size, unit
        Size of a pixel along each spatial axis ([z,] y, x) in `unit`.
    exhaustive
        Every object on this image (inside `region`) is clicked.
    synthetic
        Made by a program, not by a microscope: what is measured on it is never called real.
    fingerprint
        Of the file, which tells whether it has changed.
    content
        Of the pixels, the same in whatever file they are; '' where it was not taken, as of further
        planes of a stack.
    as_stored
        Its numbers are read as they are in the file: not turned by an EXIF orientation, palettes
        of TIFF not looked up, alpha kept beside gray, white as zero not inverted. So were images
        before version 4 of the project's format, whose clicks and runs are of such pixels.
    """

    id: str = Field(default_factory=new_id)
    uri: str
    name: str = ""
    axes: str = "yx"
    plane: dict[str, int] = Field(default_factory=dict)
    channels: tuple[int, ...] | None = None
    region: Region | None = None
    roi: tuple[Outline, ...] = ()
    excluded: tuple[Outline, ...] = ()
    role: Role = "train"
    group: str = ""
    pixel_size: tuple[float, ...] | None = None
    unit: str = "px"
    exhaustive: bool = False
    synthetic: bool = False
    fingerprint: str = ""
    content: str = ""
    as_stored: bool = False

    @property
    def ndim(self) -> int:
        """Number of spatial axes that the working image has (2 or 3)."""
        return 3 if "z" in self.axes and "z" not in self.plane else 2

    @property
    def spacing(self) -> tuple[float, ...]:
        """Distance of pixels along each spatial axis ([z,] y, x), in units of the shortest.

        All ones where the pixel size is not known.
        """
        size = (self.pixel_size or (1.0,) * self.ndim)[-self.ndim :]
        return tuple(length / min(size) for length in size)

    @property
    def is_limited(self) -> bool:
        """Whether only a part of its region counts."""
        return bool(self.roi or self.excluded)

    def counts_at(self, position: Sequence[float]) -> bool:
        """Tell whether a position ([z,] y, x), pixel centers at whole numbers, counts."""
        point = [p + 0.5 for p in position[-2:]]
        if any(in_rings(rings, point) for rings in self.excluded):
            return False
        return not self.roi or any(in_rings(rings, point) for rings in self.roi)

    def box_that_counts(self, region: Region) -> Region:
        """Return the smallest part of a region ([z,] y, x) that holds all that counts of it.

        The whole region, where nothing of it does.
        """
        if not self.roi:
            return region
        extents = _extents([ring for rings in self.roi for ring in rings])
        box = tuple((math.floor(low), math.ceil(high)) for low, high in extents)
        return intersect(region, (*region[:-2], *box)) or region

    def counts_in(self, region: Region) -> bool:
        """Tell whether any pixel of a region ([z,] y, x) counts."""
        if not self.is_limited:
            return True
        first, last = zip(*region[-2:], strict=True)
        if self.roi and not any(_may_touch(rings, first, last) for rings in self.roi):
            return False  # at once: most parts of a slide lie far from a small one
        counted = self.counted(region[-2:])
        return counted is None or bool(counted.any())

    def counted(self, region: Region) -> Mask | None:
        """Return which pixels of a region ([z,] y, x) count; None where all do."""
        if not self.is_limited:
            return None
        *_, (top, bottom), (left, right) = region
        size = (bottom - top, right - left)

        def drawn(outlines: Iterable[Outline]) -> Mask:
            mask = np.zeros(size, bool)
            for rings in outlines:
                mask |= fill_rings([np.subtract(ring, (top, left)) for ring in rings], size)
            return mask

        counted = drawn(self.roi) if self.roi else np.ones(size, bool)
        return np.broadcast_to(counted & ~drawn(self.excluded), region_shape(region))

    def with_all_channels(self) -> ImageRef:
        """Return the image of which all channels are used."""
        return self if self.channels is None else self.model_copy(update={"channels": None})

    def without_limits(self) -> ImageRef:
        """Return the image of which all of the region counts."""
        return self.model_copy(update={"roi": (), "excluded": ()}) if self.is_limited else self


def _may_touch(rings: Outline, first: Sequence[float], last: Sequence[float]) -> bool:
    """Tell whether the box round an outline overlaps a region from `first` to `last`, (y, x)."""
    extents = zip(_extents(rings), first, last, strict=True)
    return all(low < stop and high > start for (low, high), start, stop in extents)


def _extents(rings: Iterable[Sequence[tuple[float, float]]]) -> list[tuple[float, float]]:
    """Return the lowest and the highest of all corners, along y and along x."""
    corners = [point for ring in rings for point in ring]
    return [(min(along), max(along)) for along in zip(*corners, strict=True)]


NOT_AN_OBJECT = 0
"""Stands for the class of a negative click: a place that belongs to none of the clicked objects."""


NEGATIVE_NAME = "not an object"
"""What negative clicks are called where clicks on objects have the name of their class."""


class MendedOutline(Frozen):
    """The pixels of an object as the user mended or painted its outline.

    Attributes
    ----------
    origin
        Full-image pixel coordinates ([z,] y, x) of the first pixel of its box.
    shape
        Extent of the box.
    runs
        Numbers of pixels that are in turn outside and inside, along the rows of the box.
    """

    origin: tuple[int, ...] = Field(min_length=2, max_length=3)
    shape: tuple[Annotated[int, Field(ge=1)], ...]
    runs: tuple[Annotated[int, Field(ge=0)], ...]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.shape) != len(self.origin) or sum(self.runs) != math.prod(self.shape):
            raise ValueError("the runs of a mended outline do not fill its box")
        if not any(self.runs[1::2]):
            raise ValueError("a mended outline holds no pixel")
        return self

    @classmethod
    def of(cls, mask: Mask, origin: Sequence[int]) -> MendedOutline:
        """Return the outline of a mask that holds a pixel, cut to what it holds."""
        box = [np.flatnonzero(mask.any(axis=_other_axes(mask, a)))[[0, -1]] for a in _axes(mask)]
        inside = mask[tuple(slice(int(a), int(b) + 1) for a, b in box)].ravel()
        changes = np.flatnonzero(np.diff(inside.astype(np.int8))) + 1
        ends = [0, *([0] if inside[0] else []), *changes.tolist(), inside.size]
        return cls(
            origin=tuple(int(o + a) for o, (a, _) in zip(origin, box, strict=True)),
            shape=tuple(int(b - a) + 1 for a, b in box),
            runs=tuple(np.diff(ends).tolist()),
        )

    def mask(self) -> Mask:
        """Return which pixels of the box it holds."""
        inside = np.arange(len(self.runs)) % 2 == 1
        return np.repeat(inside, self.runs).reshape(self.shape)

    def covers(self, position: Sequence[float]) -> bool:
        """Tell whether the pixel at a position ([z,] y, x) is one of its own."""
        place = tuple(round(p) - o for p, o in zip(position, self.origin, strict=True))
        inside = all(0 <= p < n for p, n in zip(place, self.shape, strict=True))
        return inside and bool(self.mask()[place])


def _axes(mask: Mask) -> range:
    return range(mask.ndim)


def _other_axes(mask: Mask, axis: int) -> tuple[int, ...]:
    return tuple(a for a in _axes(mask) if a != axis)


class Click(Frozen):
    """The center of one object; `position` in pixels, order ([z,] y, x), `cls` a class value.

    Where `cls` is `NOT_AN_OBJECT`, it is a negative click; a project keeps these apart. Its `reach`
    is how far around it there is surely no object, in pixels along the image's finest axis: the
    radius of what the user rejected. 0 says only that no clicked object covers the place. `mended`
    is the outline of its object where the user mended the one that was found.
    """

    id: str = Field(default_factory=new_id)
    image: str
    position: tuple[FiniteFloat, ...] = Field(min_length=2, max_length=3)
    cls: int = Field(ge=NOT_AN_OBJECT)
    reach: float = Field(0.0, ge=0, allow_inf_nan=False)
    mended: MendedOutline | None = None

    def placed(self, image: str, position: tuple[float, ...], cls: int) -> Click:
        """Return the click at another place or of another class.

        What was mended stays as long as the click lies on it, and on an object.
        """
        mended = self.mended
        if mended and (image != self.image or not cls or not mended.covers(position)):
            mended = None
        return Click(id=self.id, image=image, position=position, cls=cls, mended=mended)


class _OfImage(Frozen):
    """What is known of one image. Truth never makes a training choice on its own."""

    id: str = Field(default_factory=new_id)
    image: str


class ObjectTruth(_OfImage):
    """What is known of separate objects."""

    incomplete: tuple[int, ...] = ()
    """Class values of which not every object on the image is in the truth."""


class InstanceTruth(ObjectTruth):
    """Masks of objects; `source` is a path like `ImageRef.uri`, or ``arrays:ID``."""

    kind: Literal["instance"] = "instance"
    source: str
    as_stored: bool = False
    """Like that of `ImageRef`."""
    fingerprint: str = ""
    """Like that of `ImageRef`; of arrays of the project there is none."""
    classes: dict[int, int] = Field(default_factory=dict)
    """Instance id -> class value; ids that are missing belong to the first class that is named."""


class RegionTruth(_OfImage):
    """Masks of regions, with a class value per pixel; fields as for `InstanceTruth`."""

    kind: Literal["semantic"] = "semantic"
    source: str
    as_stored: bool = False
    fingerprint: str = ""


class BoxTruth(ObjectTruth):
    """Boxes of objects, pixels of the whole image."""

    kind: Literal["boxes"] = "boxes"
    boxes: tuple[BoxRow, ...] = ()

    @classmethod
    def of(cls, image: str, boxes: Boxes, incomplete: Iterable[int] = ()) -> BoxTruth:
        """Return the truth that an image shows these objects and none of other classes."""
        known = tuple(sorted(set(incomplete)))
        return cls(image=image, boxes=tuple(boxes.rows()), incomplete=known)

    def as_boxes(self) -> Boxes:
        """Return the rows as arrays."""
        return Boxes.of_rows(self.boxes)


class PointTruth(ObjectTruth):
    """Centers of objects: position ([z,] y, x), pixels of the whole image, and class value."""

    kind: Literal["points"] = "points"
    points: tuple[tuple[tuple[float, ...], int], ...] = ()


class ImageTagsTruth(_OfImage):
    """Which classes the image shows; it shows no others."""

    kind: Literal["image_labels"] = "image_labels"
    shown: tuple[int, ...] = ()
    """Class values."""

    @classmethod
    def of(cls, image: str, shown: Iterable[int]) -> ImageTagsTruth:
        """Return the truth that an image shows these classes and no others."""
        return cls(image=image, shown=tuple(sorted(set(shown))))


MaskTruth = InstanceTruth | RegionTruth
"""Ground truth that is a label image."""

Truth = Annotated[
    InstanceTruth | RegionTruth | BoxTruth | PointTruth | ImageTagsTruth,
    Field(discriminator="kind"),
]


class PatchMasks(_OfImage):
    """Masks of objects that the user gives for cutting patches: input like clicks, not truth."""

    source: str
    """Like that of `InstanceTruth`."""
    classes: dict[int, int] = Field(default_factory=dict)
    """Instance id -> class value, of all objects."""


def classes_in(known: Truth | PatchMasks) -> frozenset[int]:
    """Return the class values that truth or masks name, without those of pixels in their files."""
    match known:
        case InstanceTruth(classes=classes) | PatchMasks(classes=classes):
            named = set(classes.values())
        case BoxTruth(boxes=boxes):
            named = {row[4] for row in boxes}
        case PointTruth(points=points):
            named = {cls for _, cls in points}
        case ImageTagsTruth(shown=shown):
            named = set(shown)
        case _:
            named = set()
    return frozenset(named.union(getattr(known, "incomplete", ())))


class Verdict(Frozen):
    """What the user decided about one patch (`patch` is the id of its click)."""

    patch: str
    state: VerdictState
    reason: str = ""


def own_group(path: PurePath) -> str:
    """Return the group of images that are of one file and share it with no other: its name."""
    return f"{path.parent.name}/{path.name}"


def named_specimen(ref: ImageRef) -> str:
    """Return the specimen that the user named for an image, or ''."""
    name = re.split(r"[/\\]", ref.uri)[-1]
    return "" if ref.group.endswith(f"/{name}") else ref.group


def find_specimen(pattern: str, stem: str) -> str | None:
    """Return what a regular expression finds in a file's stem, or None if it finds nothing.

    Where the expression has brackets, it is what the first of them holds.
    """
    found = re.search(pattern, stem)
    if found is None:
        return None
    return found.group(1) if found.re.groups and found.group(1) else found.group(0)
