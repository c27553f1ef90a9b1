"""True boxes in the formats of other programs."""

from __future__ import annotations

from collections.abc import Collection, Generator
from pathlib import Path

from napari_synthseg.core.annotations import BoxTruth, ImageRef
from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import boxes_of
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.io.boxes import box_format
from napari_synthseg.io.boxes.base import NamedBoxes
from napari_synthseg.io.naming import unique_names
from napari_synthseg.io.result_files import refuse_existing
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.storage.truths import open_labels
from napari_synthseg.workflow.exporting.exported import Exported


def export_boxes(
    out: Path,
    project: Project,
    folder: Path,
    format: str,
    overwrite: bool,
    inputs: Collection[Path],
) -> Generator[Progress, None, Exported]:
    """Write the true boxes of all images."""
    images = yield from _true_boxes(project, folder)
    kind = box_format(format)
    refuse_existing(kind.files(out, images), overwrite, inputs)
    kind.write(out, images, project.class_names)
    count = sum(len(image.boxes) for image in images)
    words = f"{count} boxes of {len(images)} image(s) written to {out} as {kind.title}."
    return Exported({"boxes": count, "images": len(images)}, words)


def _true_boxes(project: Project, folder: Path) -> Generator[Progress, None, list[NamedBoxes]]:
    """Return the true boxes of each image file, those of its regions together."""
    by_name: dict[str, list[ImageRef]] = {}
    for image, name in zip(project.images, unique_names(project.images), strict=True):
        if project.truth_of(image, "boxes", "instance") is not None:
            by_name.setdefault(name, []).append(image)
    if not by_name:
        raise InputError(
            "No image of the project has true boxes or masks: import them first, see 'import'."
        )
    found = []
    for number, (name, refs) in enumerate(by_name.items()):
        yield Progress(number / len(by_name), f"looking for the boxes of {name}")
        height, width = open_pixels(refs[0], folder).shape[-2:]
        boxes = Boxes.joined(_boxes_on(ref, project, folder) for ref in refs)
        found.append(NamedBoxes(name, (height, width), boxes))
    return found


def _boxes_on(image: ImageRef, project: Project, folder: Path) -> Boxes:
    truth = project.truth_of(image, "boxes", "instance")
    assert truth is not None
    if isinstance(truth, BoxTruth):
        return truth.as_boxes()
    labels = open_labels(truth, image, folder)
    if len(labels.shape) != 2:
        raise InputError(f"Image '{image.name}' is a volume: boxes are of flat images.")
    start = [first for first, _ in image.region] if image.region else [0, 0]
    return boxes_of(labels).shifted(start)
