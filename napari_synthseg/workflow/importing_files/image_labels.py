"""Importing tables that say which classes images show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from pathlib import Path

from napari_synthseg.core.annotations import ImageTagsTruth
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.io.class_tables import read_image_labels
from napari_synthseg.io.sniffing import SniffedFile
from napari_synthseg.workflow.importing import Imported
from napari_synthseg.workflow.importing_files.kinds import (
    NAMING_OPTIONS,
    FileKind,
    ImportOptions,
    narrowed,
    with_role,
)


def _is_image_labels(file: SniffedFile) -> bool:
    return set(file.header) == {"image", "class"}


def _read(
    path: Path, project: Project, folder: Path, options: ImportOptions
) -> Generator[Progress, None, Imported]:
    yield Progress(0.1, f"reading {path.name}")
    meant = narrowed(project, options)
    shown, unknown, notes = read_image_labels(path, meant, options)
    if not shown:
        raise InputError(f"{path.name}: no row of it is of an image of the project.")
    counts = Counter(project.object_class(v).name for values in shown.values() for v in values)
    words = ", ".join(f"{name} on {n}" for name, n in counts.items()) or "no class on any"
    return Imported(
        images=with_role(map(project.image, shown), options.role),
        truths=tuple(ImageTagsTruth.of(image, values) for image, values in shown.items()),
        figures={
            "image_labels": len(shown),
            "per_class": dict(counts),
            "unknown_images": unknown,
            "role": options.role,
        },
        message="; ".join([f"Image labels added to {len(shown)} image(s): {words}", *notes])
        + "."
        + (f" {unknown} row(s) are of images that are not in the project." if unknown else ""),
    )


IMAGE_LABELS = FileKind("image labels", "image labels", _is_image_labels, _read, NAMING_OPTIONS)
