"""Objects with their measures and outlines, in the formats of other programs."""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_synthseg.core.annotations import ImageRef, ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.predictions import (
    BoxPrediction,
    FoundObject,
    FoundPoint,
    InstancePrediction,
    ObjectPrediction,
    Prediction,
)
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.io.atomic import write_text
from napari_synthseg.io.boxes import box_format
from napari_synthseg.io.boxes.base import BOX_FORMATS
from napari_synthseg.io.boxes.yolo import NAME_FILES
from napari_synthseg.io.exports.coco_masks import write_coco_polygons, write_coco_runs
from napari_synthseg.io.exports.geojson import write_geojson
from napari_synthseg.io.exports.imagej_rois import write_imagej_rois
from napari_synthseg.io.exports.outlined import ExportedImage, OutlinedObject
from napari_synthseg.io.exports.yolo_segments import write_yolo_segments
from napari_synthseg.io.naming import unique_names
from napari_synthseg.io.result_files import name_targets, refuse_existing
from napari_synthseg.metrics.many_measurements import rows_of
from napari_synthseg.metrics.measurements import Measures
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.tasks.results import ImageResult, write_object_table
from napari_synthseg.workflow.exporting.exported import Exported
from napari_synthseg.workflow.exporting.sources import ResultSource
from napari_synthseg.workflow.found.measuring import measure_found

OBJECT_FORMATS = ("csv", "geojson", "imagej", "coco", "coco-rle", "yolo-segments")
"""Besides formats of boxes."""

PORTION = 100
"""Objects between two signs of progress."""

MEASURING = 0.8
"""Share of the work on an image that goes into its measures; its masks are cut out in the rest."""

_ENDINGS = {"geojson": ".geojson", "imagej": ".zip", "yolo-segments": ".txt"}
"""Of the files of formats that have one for each image."""

_MEASURED = ("csv", "geojson")
"""Formats that hold measures."""

_NEED_MASKS = ("coco-rle", "yolo-segments")


@dataclass(frozen=True, eq=False)
class _Seen:
    """One object as it was found, where its pixels lie, and what was measured."""

    thing: FoundPoint
    mask: np.ndarray[Any, np.dtype[np.bool_]] | None
    corner: tuple[int, ...]
    measures: Measures


def export_objects(
    out: Path,
    source: ResultSource,
    classes: Sequence[ObjectClass],
    folder: Path,
    format: str,
    overwrite: bool,
    inputs: Collection[Path],
) -> Generator[Progress, None, Exported]:
    """Write the objects of each image."""
    file_names = unique_names(source.images)
    targets = name_targets(out, source.images)
    refuse_existing(_files(out, targets, file_names, format), overwrite, inputs)
    names = {c.value: c.name for c in classes}
    outlined: list[ExportedImage] = []

    def take(
        number: int, found: Prediction
    ) -> Generator[Progress, None, list[tuple[FoundPoint, Measures]]]:
        ref = source.images[number]
        if not isinstance(found, ObjectPrediction):
            raise InputError(
                f"{source.name[0].upper()}{source.name[1:]} has no separate objects: use --what "
                "labels for regions."
            )
        gone = {thing.cls for thing in found.objects} - names.keys()
        if gone and format != "csv":
            raise InputError(
                f"Objects on '{ref.name}' are of class {min(gone)}, which the project no longer "
                "has: choose --format csv, or a run that learned its classes."
            )
        seen = yield from _look(found, ref, folder, format)
        if format != "csv":
            outlined.append(_outline(ref, file_names[number], seen, folder, format))
        return [(one.thing, one.measures) for one in seen]

    tables = yield from source.find_all(take)
    out.parent.mkdir(parents=True, exist_ok=True)
    if format == "csv":
        results = [
            ImageResult(ref, BoxPrediction(objects=()), file_name=name)
            for ref, name in zip(source.images, file_names, strict=True)
        ]
        found = [[thing for thing, _ in rows] for rows in tables]
        measures = [[measured for _, measured in rows] for rows in tables]
        write_object_table(out, results, found, names, measures)
        counts = {one.stem: len(rows) for one, rows in zip(results, tables, strict=True)}
    else:
        _write(out, targets, outlined, classes, format)
        counts = {t.stem: len(i.objects) for t, i in zip(targets, outlined, strict=True)}
    notes = list(source.notes)
    if empty := [stem for stem, count in counts.items() if count == 0]:
        notes.append(f"No object was found on {', '.join(empty)}.")
    total = sum(counts.values())
    words = f"{total} objects of {len(counts)} image(s), {source.name}, written to {out}."
    figures = {"objects": total, "images": len(counts), "per_image": counts, "notes": notes}
    return Exported(figures, " ".join((words, *notes)))


def _files(
    out: Path, targets: Sequence[Path], file_names: Sequence[str], format: str
) -> list[Path]:
    """Return the files that a format writes."""
    if format in _ENDINGS:
        files = [path.with_name(path.stem + _ENDINGS[format]) for path in targets]
        return [*files, out / NAME_FILES[0]] if format == "yolo-segments" else files
    if format in OBJECT_FORMATS:
        return [out]
    named = [ExportedImage(name, (1, 1), ()).as_boxes() for name in file_names]
    return list(box_format(format).files(out, named))


def _look(
    prediction: ObjectPrediction, ref: ImageRef, folder: Path, format: str
) -> Generator[Progress, None, list[_Seen]]:
    """Return the objects of an image, with their measures and pixels where a format has these."""
    things = prediction.objects
    measures: Sequence[Measures] = [{}] * len(things)
    if format in _MEASURED:
        columns = yield from subprogress(measure_found(prediction, ref, folder), 0.0, MEASURING)
        measures = rows_of(columns, len(things))
    if not isinstance(prediction, InstancePrediction):
        return [_Seen(o, None, (), own) for o, own in zip(things, measures, strict=True)]
    boxes = prediction.as_labels().slices()
    found: list[_Seen] = []
    for count, (thing, own) in enumerate(zip(things, measures, strict=True)):
        if count % PORTION == 0:
            share = MEASURING + (1 - MEASURING) * count / len(things)
            yield Progress(share, f"object {count + 1}")
        box = boxes.get(thing.id)
        if box is None:
            continue
        # a table needs no pixels, which would all be held until it is written
        mask = prediction.ids[box] == thing.id if format != "csv" else None
        found.append(_Seen(thing, mask, tuple(s.start for s in box), own))
    return found


def _outline(
    ref: ImageRef, name: str, seen: Sequence[_Seen], folder: Path, format: str
) -> ExportedImage:
    if ref.ndim != 2:
        raise InputError(
            f"'{ref.name}' is a volume, and {format} holds outlines of flat images: choose "
            "--format csv, or --what labels."
        )
    things = []
    for one in seen:
        if not isinstance(one.thing, FoundObject):
            raise InputError(
                f"Only the centers of the objects on '{ref.name}' are known: choose --format csv."
            )
        if one.mask is None and format in _NEED_MASKS:
            raise InputError(
                f"Only the boxes of the objects on '{ref.name}' are known: choose --format yolo, "
                "coco or voc."
            )
        (ymin, ymax), (xmin, xmax) = one.thing.box
        if one.mask is not None:
            (ymin, xmin), (height, width) = one.corner, one.mask.shape
            ymax, xmax = ymin + height, xmin + width
        things.append(
            OutlinedObject(
                one.thing.id, one.thing.cls, one.thing.score, (ymin, xmin, ymax, xmax), one.mask,
                one.measures,
            )
        )  # fmt: skip
    height, width = open_pixels(ref, folder).shape[-2:]
    return ExportedImage(name, (height, width), tuple(things), ref.plane)


def _write(
    out: Path,
    targets: Sequence[Path],
    images: Sequence[ExportedImage],
    classes: Sequence[ObjectClass],
    format: str,
) -> None:
    whole = {"coco": write_coco_polygons, "coco-rle": write_coco_runs}
    if format in whole and all(t.mask is not None for image in images for t in image.objects):
        whole[format](out, images, classes)
    elif format in BOX_FORMATS:
        names = {c.value: c.name for c in classes}
        box_format(format).write(out, [image.as_boxes() for image in images], names)
    else:
        numbers = {c.value: number for number, c in enumerate(classes)}
        for target, image in zip(targets, images, strict=True):
            path = target.with_name(target.stem + _ENDINGS[format])
            if format == "geojson":
                write_geojson(path, image, classes)
            elif format == "yolo-segments":
                write_yolo_segments(path, image, numbers)
            elif image.objects:
                write_imagej_rois(path, image, classes)
            else:
                path.unlink(missing_ok=True)  # ImageJ opens no empty set
        if format == "yolo-segments":
            write_text(out / NAME_FILES[0], "".join(f"{c.name}\n" for c in classes))
