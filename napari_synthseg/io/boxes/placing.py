"""Which images and classes of a project boxes belong to, and what is left out and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.boxes import Boxes, BoxRow, center_of
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import Project
from napari_synthseg.io.boxes.base import KeyPoint, ListedBox, ListedImage
from napari_synthseg.io.image_parts import ImageParts
from napari_synthseg.io.left_out import AS_WRITTEN, LeftOut, Naming
from napari_synthseg.io.naming import ImageNames, ShapeOf, find_class


@dataclass(eq=False)
class PlacedBoxes(LeftOut):
    """Boxes by image id, and how much was left out.

    Attributes
    ----------
    rows
        Boxes of each image that is listed; not of one of which there are only points or crowds.
    points
        Position (y, x) and class value of each object that has no box, by image.
    crowds
        Class values of the regions of several objects, and of boxes without an area, by image: an
        object of theirs is missed.
    duplicates, outside, flat
        How many objects were listed twice, lie outside the regions that the project uses, and have
        a box without an area.
    notes
        What was changed in reading, and which images were found by another name.
    """

    rows: dict[str, list[BoxRow]] = field(default_factory=dict)
    points: dict[str, list[tuple[tuple[float, float], int]]] = field(default_factory=dict)
    crowds: dict[str, set[int]] = field(default_factory=dict)
    crowd_count: int = 0
    notes: list[str] = field(default_factory=list)
    duplicates: int = 0
    outside: int = 0
    flat: int = 0

    @property
    def images(self) -> list[str]:
        """Ids of the images of which something is known."""
        return list(dict.fromkeys([*self.rows, *self.points]))

    def boxes_of(self, image: str) -> Boxes:
        """Return the boxes of an image."""
        return Boxes.of_rows(self.rows.get(image, ()))


def place_boxes(
    listed: Sequence[ListedImage],
    project: Project,
    shape_of: ShapeOf,
    naming: Naming = AS_WRITTEN,
) -> PlacedBoxes:
    """Find the images and classes that boxes belong to.

    Parameters
    ----------
    listed
        What a file says.
    project
        Gives the images and classes.
    shape_of
        Returns the spatial shape of a whole image, pixels.
    naming
        How names in the file are understood.

    Raises
    ------
    InputError
        If an image or class is unknown, an image had another size when its boxes were drawn, or a
        box is outside its image; the message names the place.
    """
    names = ImageNames(project.images)
    placed = PlacedBoxes()
    seen: set[tuple[str, BoxRow]] = set()
    for image in listed:
        refs = placed.images_of(naming, names.find_of, image)
        if not refs:
            continue
        placed.notes += [note for note in image.notes if note not in placed.notes]
        parts = ImageParts(refs, shape_of(refs[0]))
        _check_flat(image, refs[0])
        parts.check_drawn_size(image.where, image.size)

        def class_of(where: str, name: str) -> int:
            return find_class(where, naming.renamed(name), project.classes)

        crowds = [cls for cls in image.crowds if cls not in naming.ignored]
        for ref in refs:
            if crowds:
                placed.crowds.setdefault(ref.id, set()).update(
                    class_of(image.where, cls) for cls in crowds
                )
            is_empty = not (image.boxes or image.points or crowds)
            if is_empty or any(box.has_area for box in image.boxes):  # or nothing is said of boxes
                placed.rows.setdefault(ref.id, [])
            if image.points:
                placed.points.setdefault(ref.id, [])
        placed.crowd_count += len(crowds)
        for thing in image.objects:
            if placed.ignores(naming, thing.cls):
                continue
            value = class_of(thing.where, thing.cls)
            if isinstance(thing, KeyPoint):
                _place_point(thing, value, parts, placed)
            elif not thing.has_area:
                placed.flat += 1
                for ref in refs:
                    placed.crowds.setdefault(ref.id, set()).add(value)
            else:
                _place(thing, value, parts, placed, seen)
    placed.notes += names.notes()
    return placed


def _place(
    box: ListedBox, cls: int, parts: ImageParts, placed: PlacedBoxes, seen: set[tuple[str, BoxRow]]
) -> None:
    """Add a box to the image, or the region of an image, that its center is in."""
    middle = center_of(box.corners)
    parts.check_inside(box.where, "the center of the box", middle)
    ref = parts.holding(middle)
    if ref is None:
        placed.outside += 1
        return
    row: BoxRow = (*box.corners, cls)
    if (ref.id, row) in seen:
        placed.duplicates += 1
        return
    seen.add((ref.id, row))
    placed.rows.setdefault(ref.id, []).append(row)


def _place_point(point: KeyPoint, cls: int, parts: ImageParts, placed: PlacedBoxes) -> None:
    """Add a point to the image, or the region of an image, that it is in."""
    y, x = parts.onto_border(point.position)
    parts.check_inside(point.where, "the point", (y, x))
    ref = parts.holding((y, x))
    if ref is None:
        placed.outside += 1
    else:
        placed.points.setdefault(ref.id, []).append(((y, x), cls))


def _check_flat(image: ListedImage, ref: ImageRef) -> None:
    if ref.ndim != 2:
        raise InputError(
            f"{image.where}: '{ref.name}' is used as a volume, but boxes are of flat images: make "
            "the project with --planes, or import outlines by --instance."
        )
