"""Which images and classes of a project boxes belong to, and what is left out and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.boxes import Boxes, BoxRow, center_of
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import contains, full_region
from napari_synthseg.core.project import Project
from napari_synthseg.io.boxes.base import ListedBox, ListedImage
from napari_synthseg.io.naming import ImageNames, ShapeOf, UnknownNameError, find_class


@dataclass(eq=False)
class PlacedBoxes:
    """Boxes by image id, and how much was left out.

    `rows` has an entry for each image that is listed, with its boxes; `unknown_images` counts
    listed images that the project lacks, `duplicates` boxes that were listed twice, `outside`
    those outside the regions that the project uses, `ignored` those of ignored classes.
    """

    rows: dict[str, list[BoxRow]] = field(default_factory=dict)
    unknown_images: int = 0
    duplicates: int = 0
    outside: int = 0
    ignored: int = 0

    def boxes_of(self, image: str) -> Boxes:
        """Return the boxes of an image."""
        return Boxes.of_rows(self.rows[image])


def place_boxes(
    listed: Sequence[ListedImage],
    project: Project,
    shape_of: ShapeOf,
    *,
    rename: Mapping[str, str] | None = None,
    ignored: Collection[str] = (),
    skip_unknown: bool = False,
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
    rename
        Class name in the file -> name in the project.
    ignored
        Class names, as in the file, whose boxes are left out.
    skip_unknown
        Whether images that the project lacks are left out instead of an error.

    Raises
    ------
    InputError
        If an image or class is unknown, an image had another size when its boxes were drawn, or a
        box is outside its image; the message names the place.
    """
    names = ImageNames(project.images)
    placed = PlacedBoxes()
    for image in listed:
        try:
            find = names.find_stem if image.by_stem else names.find
            refs = find(image.where, image.name)
        except UnknownNameError:
            if not skip_unknown:
                raise
            placed.unknown_images += 1
            continue
        _check_size(image, refs[0], shape_of(refs[0]))
        for ref in refs:
            placed.rows.setdefault(ref.id, [])
        for box in image.boxes:
            if box.cls in ignored:
                placed.ignored += 1
                continue
            cls = find_class(box.where, (rename or {}).get(box.cls, box.cls), project.classes)
            _place(box, cls, refs, shape_of, placed)
    return placed


def _place(
    box: ListedBox, cls: int, refs: Sequence[ImageRef], shape_of: ShapeOf, placed: PlacedBoxes
) -> None:
    """Add a box to the image, or the region of an image, that its center is in."""
    whole = full_region(shape_of(refs[0]))
    middle = center_of(box.corners)
    if not contains(whole, middle):
        raise InputError(
            f"{box.where}: the center of the box ({middle[0]:g}, {middle[1]:g}) lies outside image "
            f"'{refs[0].name}' ({whole[0][1]} x {whole[1][1]}): check that y and x are not swapped."
        )
    for ref in refs:
        if contains(ref.region or whole, middle):
            row: BoxRow = (*box.corners, cls)
            if row in placed.rows[ref.id]:
                placed.duplicates += 1
            else:
                placed.rows[ref.id].append(row)
            return
    placed.outside += 1


def _check_size(image: ListedImage, ref: ImageRef, shape: tuple[int, ...]) -> None:
    if ref.ndim != 2:
        raise InputError(
            f"{image.where}: '{ref.name}' is used as a volume, but boxes are of flat images: make "
            "the project with --planes."
        )
    if image.size is not None and image.size != shape:
        raise InputError(
            f"{image.where}: the boxes were drawn on {image.size[0]} x {image.size[1]} pixels (y, "
            f"x), but '{ref.name}' has {shape[0]} x {shape[1]}: export them for the same image."
        )
