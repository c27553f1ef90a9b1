"""Which images and classes of a project outlines belong to, and what is left out and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import Click, ImageRef
from napari_synthseg.core.boxes import center_of
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import Project
from napari_synthseg.io.image_parts import ImageParts
from napari_synthseg.io.left_out import LeftOut, Naming
from napari_synthseg.io.naming import (
    ImageNames,
    ShapeOf,
    UnknownNameError,
    find_class,
    image_in_file,
    without_mask_ending,
)
from napari_synthseg.io.outlines.areas import Area
from napari_synthseg.io.outlines.base import ListedOutline, ListedPoint, OutlinedImage
from napari_synthseg.io.plane_names import StackOf
from napari_synthseg.io.planes import choose_plane

ROI_ENDINGS = ("_rois", "_roiset", "-roiset", "_cp_outlines")
"""What ImageJ and Cellpose put behind the name of an image to name its outlines."""


Thing = TypeVar("Thing", ListedOutline, ListedPoint)


class PlacedArea(NamedTuple):
    """An outline on an image: its class value and, on a volume, the plane that it lies on."""

    area: Area
    value: int
    plane: int | None = None


@dataclass(eq=False)
class PlacedOutlines(LeftOut):
    """Outlines and clicks by image, and how much was left out.

    Attributes
    ----------
    areas
        Image id -> its outlines; of an image without any object, none.
    ids
        Image id -> a label image that stands in the file.
    clicks
        Of the points.
    incomplete
        Image id -> values of classes of which an object is left out.
    unseen_images
        Listed images of which nothing can be taken over.
    outside, cut
        Outlines and points outside the regions that are used, and outlines that reach beyond the
        image.
    left_out
        What else is not taken over -> how many.
    renamed
        Name of an image in the file -> name of the image that it was taken for: by the user, or
        because another program put something before it.
    """

    areas: dict[str, list[PlacedArea]] = field(default_factory=dict)
    ids: dict[str, NDArray[np.int32]] = field(default_factory=dict)
    clicks: list[Click] = field(default_factory=list)
    incomplete: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    unseen_images: int = 0
    outside: int = 0
    cut: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    renamed: dict[str, str] = field(default_factory=dict)

    @property
    def images(self) -> list[str]:
        """Ids of the images that anything was found for."""
        return list(dict.fromkeys([*self.areas, *self.ids, *(c.image for c in self.clicks)]))


@dataclass(frozen=True, kw_only=True)
class OutlineNaming(Naming):
    """How names in files of outlines are understood.

    Attributes
    ----------
    class_name
        Class of what has none in the file.
    is_told
        Whether the user said which image is meant: a single one in the file is it by any name.
    """

    class_name: str | None = None
    is_told: bool = False

    def name_of(self, thing: ListedOutline | ListedPoint, project: Project) -> str:
        """Return the name of the class of an object, before any renaming.

        Raises
        ------
        InputError
            If the file names none and the project has several.
        """
        known = [c.name for c in project.classes]
        is_titled = self.renamed(thing.title) in known
        name = thing.cls or (thing.title if is_titled else "") or self.class_name
        if not name and len(known) != 1:
            raise InputError(
                f"{thing.where}: it has no class, and the project has {len(known)} "
                f"({', '.join(known[:5])}): say which by --class."
            )
        return name or known[0]


def place_outlines(
    listed: Iterable[OutlinedImage],
    project: Project,
    shape_of: ShapeOf,
    stack_of: StackOf,
    naming: OutlineNaming,
) -> PlacedOutlines:
    """Find the images and classes that outlines and points belong to.

    Parameters
    ----------
    listed
        What files say.
    project
        Gives the images and classes.
    shape_of
        Returns the spatial shape of a whole image, pixels.
    stack_of
        Returns the stack that an image is of.
    naming
        How names in files are understood.

    Raises
    ------
    InputError
        If an image or class is unknown or not clear, an image had another size when it was drawn
        on, or something lies outside its image; the message names the place.
    """
    images = ImageNames(project.images)
    placed = PlacedOutlines()
    listed = list(listed)
    is_clear = len(listed) == 1 and len({image_in_file(ref) for ref in project.images}) == 1

    def find(image: OutlinedImage) -> list[ImageRef]:
        try:
            return images.find_of(with_name(image, project, images), all_planes=True)
        except UnknownNameError:
            if not (naming.is_told and is_clear):
                raise
        placed.renamed[image.name or ""] = project.images[0].name
        return list(project.images)

    for image in listed:
        if refs := placed.images_of(naming, find, image):
            on_planes = with_planes(image, refs[0], stack_of)
            _Placing(on_planes, refs, project, shape_of, naming, placed).place()
    placed.renamed |= images.renamed
    return placed


def with_name(image: OutlinedImage, project: Project, names: ImageNames) -> OutlinedImage:
    """Return what is said of an image with its name, which the name of the file may tell.

    `names` are those of the project's images.

    Raises
    ------
    UnknownNameError
        If neither the file nor its name names one of several images of the project.
    """
    if image.name is not None:
        return image
    for name in stems_of(image.where):
        try:
            names.find_stem(image.where, name, all_planes=True)
        except UnknownNameError:
            continue
        return replace(image, name=name, by_stem=True)
    if len({(ref.uri, ref.name) for ref in project.images}) == 1:
        return replace(image, name=project.images[0].name)
    raise UnknownNameError(
        f"{image.where}: the file names no image, and is not named as one of the "
        f"{len(project.images)} of the project: say which by --image, or name the file after it."
    )


def stems_of(where: str) -> tuple[str, ...]:
    """Return the stems of the image that a file which names none may be named after."""
    stem = PurePath(where).stem
    ending = next((e for e in ROI_ENDINGS if stem.lower().endswith(e)), "")
    return stem, stem[: len(stem) - len(ending)], without_mask_ending(stem)


class _Placing:
    """What one file says of one image."""

    def __init__(
        self,
        image: OutlinedImage,
        refs: Sequence[ImageRef],
        project: Project,
        shape_of: ShapeOf,
        naming: OutlineNaming,
        placed: PlacedOutlines,
    ) -> None:
        self.image, self.refs, self.placed = image, refs, placed
        self._project, self._naming = project, naming
        self._shape = shape_of(refs[0])
        self._parts = ImageParts(refs, self._shape)
        self._parts.check_drawn_size(image.where, image.size)

    def place(self) -> None:
        image, placed = self.image, self.placed
        missed = [each for each in image.left_out if each.cls is not None]
        placed.left_out.update(each.what for each in image.left_out)
        if image.ids is not None:
            self._place_ids(image.ids)
        elif not image.outlines and not image.points:
            if image.is_unclear or image.name is None:
                placed.unseen_images += 1
                return
            for ref in self.refs:
                placed.areas.setdefault(ref.id, [])
        for outline in image.outlines:
            self._place_outline(outline)
        for point in image.points:
            self._place_point(point)
        known = {c.name: c.value for c in self._project.classes}
        for each in missed:
            name = self._naming.renamed(each.cls or "")
            values = {known[name]} if name in known else set() if name else set(known.values())
            for ref in self.refs:
                placed.incomplete[ref.id] |= values

    def _place_ids(self, ids: NDArray[np.int32]) -> None:
        if ids.shape != self._shape:
            raise InputError(
                f"{self.image.where}: its masks have the shape {ids.shape}, image "
                f"'{self.refs[0].name}' has {self._shape}: save them for the same image."
            )
        for ref in self.refs:
            self.placed.ids[ref.id] = ids

    def _place_outline(self, outline: ListedOutline) -> None:
        refs = refs_on_plane(outline, self.refs)
        depth = self._depth_of(outline, refs[0])
        value = self._class_of(outline)
        if value is None:
            return
        *_, height, width = self._shape
        ymin, xmin, ymax, xmax = outline.area.bounds
        if ymin >= height or xmin >= width or ymax <= 0 or xmax <= 0:
            raise InputError(
                f"{outline.where}: the outline (y {ymin:g} to {ymax:g}, x {xmin:g} to {xmax:g}) "
                f"lies outside image '{refs[0].name}' ({height} x {width}): check that it is of "
                "this image."
            )
        inside = (max(ymin, 0.0), max(xmin, 0.0), min(ymax, height), min(xmax, width))
        self.placed.cut += inside != (ymin, xmin, ymax, xmax)
        middle = center_of(inside) if depth is None else (float(depth), *center_of(inside))
        ref = self._holding(refs, middle)
        if ref is not None:
            placed = PlacedArea(outline.area, value, depth)
            self.placed.areas.setdefault(ref.id, []).append(placed)

    def _depth_of(self, outline: ListedOutline, ref: ImageRef) -> int | None:
        """Return the plane of a volume that an outline lies on; None on a flat image."""
        if ref.ndim != 3:
            return None
        depth = outline.plane.get("z", outline.plane.get("slice"))
        if depth is None:
            raise InputError(
                f"{outline.where}: '{ref.name}' is used as a volume, but the outline is on no "
                "slice: draw objects on each slice that shows them, with ROIs that keep their "
                "position (ImageJ), shapes with an axis z (napari), or on pictures of the planes "
                "that are named as cells_z003.png; or make the project with --planes."
            )
        if not 0 <= depth < self._shape[0]:
            raise InputError(
                f"{outline.where}: it lies on slice {depth} (from 0), and '{ref.name}' has "
                f"{self._shape[0]}: check that it is of this image."
            )
        return int(depth)

    def _place_point(self, point: ListedPoint) -> None:
        refs = refs_on_plane(point, self.refs)
        value = self._class_of(point)
        if value is None:
            return
        position: tuple[float, ...] = self._parts.onto_border(point.position)
        if refs[0].ndim == 3:
            depth = point.plane.get("z", point.plane.get("slice"))
            if depth is None:
                raise InputError(
                    f"{point.where}: '{refs[0].name}' is a volume, but the point is on no slice: "
                    "place it on one."
                )
            position = (float(depth), *position)
        self._parts.check_inside(point.where, "the point", position)
        ref = self._holding(refs, position)
        if ref is not None:
            self.placed.clicks.append(Click(image=ref.id, position=position, cls=value))

    def _holding(self, refs: Sequence[ImageRef], position: Sequence[float]) -> ImageRef | None:
        """Return the image, or the region of it, that holds a position; count if none does."""
        found = self._parts.holding(position, refs)
        self.placed.outside += found is None
        return found

    def _class_of(self, thing: ListedOutline | ListedPoint) -> int | None:
        if self.placed.ignores(self._naming, thing.cls or thing.title):
            return None
        name = self._naming.name_of(thing, self._project)
        return find_class(thing.where, self._naming.renamed(name), self._project.classes)


def with_planes(image: OutlinedImage, ref: ImageRef, stack_of: StackOf) -> OutlinedImage:
    """Return what is said of an image with places along z and t for indices over all axes.

    Raises
    ------
    InputError
        If the stack has no such plane.
    """

    def placed(thing: Thing) -> Thing:
        index = thing.plane.get("index")
        if index is None:
            return thing
        stack = stack_of(ref)
        if index >= stack.planes:
            raise InputError(
                f"{thing.where}: it is on plane {index + 1} of a stack (from 1, channels counted), "
                f"and '{ref.name}' has {stack.planes}: check that it is of this image."
            )
        return replace(thing, plane=stack.place_of(index))

    outlines, points = map(placed, image.outlines), map(placed, image.points)
    return replace(image, outlines=tuple(outlines), points=tuple(points))


def refs_on_plane(thing: ListedOutline | ListedPoint, refs: Sequence[ImageRef]) -> list[ImageRef]:
    """Return those of the images of a stack that are of the plane that something was drawn on.

    Raises
    ------
    InputError
        If there is no such plane, or it is on none.
    """
    first, plane = refs[0], dict(thing.plane)
    along = plane.pop("slice", None)
    if along is not None:  # along whichever axis there is; it may also be the channel
        used = [axis for axis in "zt" if any(axis in ref.plane for ref in refs)]
        is_channel = not used and first.ndim == 2 and "c" in first.axes
        if not is_channel and len(used) < 2:
            plane.setdefault(used[0] if used else "z", along)
    return choose_plane(thing.where, refs, plane)
