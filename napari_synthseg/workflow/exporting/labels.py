"""Label images with pixel size and colors."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef, ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.predictions import (
    BoxPrediction,
    FoundPoint,
    InstancePrediction,
    Prediction,
    RegionPrediction,
)
from napari_synthseg.core.progress import Progress
from napari_synthseg.io.exports.label_colors import class_colors, id_colors
from napari_synthseg.io.exports.label_tiff import write_imagej_labels, write_ome_labels
from napari_synthseg.io.exports.label_zarr import write_zarr_labels
from napari_synthseg.io.images.lengths import UNIT_WORDS
from napari_synthseg.io.images.ome_zarr import is_zarr
from napari_synthseg.io.naming import unique_names
from napari_synthseg.io.result_files import (
    CLASSES_FILE,
    OBJECTS_FILE,
    ids_type,
    name_targets,
    refuse_existing,
    write_classes,
)
from napari_synthseg.tasks.results import ImageResult, write_object_table
from napari_synthseg.workflow.exporting.exported import Exported
from napari_synthseg.workflow.exporting.sources import ResultSource

LABEL_FORMATS = ("tiff", "ome-tiff", "ome-zarr")
"""For ImageJ (Fiji), and for what knows OME."""

_ENDINGS = {"tiff": ".tif", "ome-tiff": ".ome.tif", "ome-zarr": ".ome.zarr"}


def export_labels(
    out: Path,
    source: ResultSource,
    classes: Sequence[ObjectClass],
    folder: Path,
    format: str,
    overwrite: bool,
    inputs: Collection[Path],
) -> Generator[Progress, None, Exported]:
    """Write a label image for each image, and the table that says what labels mean."""
    names = {c.value: c.name for c in classes}
    file_names = unique_names(source.images)
    paths = [
        path.with_name(path.stem + _ENDINGS[format]) for path in name_targets(out, source.images)
    ]
    refuse_existing([*paths, out / OBJECTS_FILE, out / CLASSES_FILE], overwrite, inputs)
    for path in paths:
        if format == "ome-zarr" and path.exists() and not is_zarr(path):
            raise InputError(f"{path} is no OME-Zarr and is not replaced: give another --out.")
    found: list[tuple[ImageResult, Sequence[FoundPoint]]] = []

    def write(number: int, prediction: Prediction) -> Generator[Progress, None, None]:
        yield Progress(0.0, "writing its labels")
        ref, path = source.images[number], paths[number]
        match prediction:
            case InstancePrediction(ids=ids, objects=objects):
                labels: NDArray[Any] = ids.astype(ids_type(int(ids.max(initial=0))), copy=False)
                known = {o.id: {"class": names.get(o.cls, ""), "score": o.score} for o in objects}
                _write(path, labels, ref, classes, known, format)
                light = BoxPrediction(objects=objects)
                found.append((ImageResult(ref, light, file_name=file_names[number]), objects))
            case RegionPrediction(values=values):
                _write(path, values, ref, classes, None, format)
            case _:
                raise InputError(
                    f"{source.name[0].upper()}{source.name[1:]} has no masks: use --what objects."
                )

    yield from source.find_all(write)
    notes = [*source.notes, *(_lost_sizes(source.images) if format != "tiff" else ())]
    figures: dict[str, Any] = {"images": len(paths), "files": [str(path) for path in paths]}
    if found:
        results, objects_of = [one for one, _ in found], [objects for _, objects in found]
        write_object_table(out / OBJECTS_FILE, results, objects_of, names)
        figures["objects"] = sum(map(len, objects_of))
    if len(found) < len(paths):
        write_classes(out, names)
    counted = f" with {figures['objects']} objects" if found else ""
    words = f"{len(paths)} label image(s){counted} of {source.name} written to {out}."
    return Exported({**figures, "notes": notes}, " ".join((words, *notes)))


def _lost_sizes(images: Sequence[ImageRef]) -> list[str]:
    """Return what is told of pixel sizes whose unit OME has no word for."""
    lost = [i for i in images if i.pixel_size and i.unit != "px" and i.unit not in UNIT_WORDS]
    by_unit = {unit: [i.name for i in lost if i.unit == unit] for unit in {i.unit for i in lost}}
    return [
        f"The pixel size of {names[0]}{f' and {len(names) - 1} more' if names[1:] else ''} is in "
        f"'{unit}' and is not in the file(s), which take {', '.join(UNIT_WORDS)}: set the unit of "
        "the image's layer to one of these, or use --format tiff."
        for unit, names in sorted(by_unit.items())
    ]


def _write(
    path: Path,
    labels: NDArray[Any],
    ref: ImageRef,
    classes: Sequence[ObjectClass],
    objects: Mapping[int, Mapping[str, Any]] | None,
    format: str,
) -> None:
    """Write one label image: of objects, or where there are None, of classes."""
    palette = id_colors()
    if objects is None:
        palette = class_colors({c.value: c.color for c in classes})
    if format == "tiff":
        write_imagej_labels(path, labels, ref, palette)
    elif format == "ome-tiff":
        write_ome_labels(path, labels, ref)
    else:
        shown = () if objects is not None else [c.value for c in classes]
        colors = {value: palette[value].tolist() for value in shown}
        of_class = {c.value: {"class": c.name} for c in classes}
        write_zarr_labels(path, labels, ref, colors, of_class if objects is None else objects)
