"""Patches as a table, and their outlines as label images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from napari_synthseg.core.annotations import Click, ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.patch import PatchLibrary, paint_numbers
from napari_synthseg.core.project import Project
from napari_synthseg.io.naming import unique_names
from napari_synthseg.io.result_files import ids_type, write_labels
from napari_synthseg.io.tables import write_rows
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.workflow.exporting.exported import Exported

PATCH_COLUMNS = (
    "id", "image", "class", "z", "y", "x", "area", "intensity", "confidence", "quality",
    "method", "state", "verdict", "reason", "findings",
)  # fmt: skip


def list_patches(library: PatchLibrary, project: Project) -> Iterator[dict[str, Any]]:
    """Yield what is known of each patch: position and area in pixels, findings as dictionaries.

    `verdict` is the user's, `reason` the reason kept with it, `state` the verdict or, where there
    is none, what the check says.
    """
    names = unique_names([i.model_copy(update={"plane": {}}) for i in project.images])
    images = {i.id: name for i, name in zip(project.images, names, strict=True)}
    classes = project.class_names
    verdicts = {v.patch: v for v in project.verdicts}
    for patch in library.patches:
        place = [round(o + c, 2) for o, c in zip(patch.origin, patch.center, strict=True)]
        verdict = verdicts.get(patch.id)
        yield {
            "id": patch.id,
            "image": images[patch.image],
            "class": classes[patch.cls],
            **dict(zip("zyx"[-len(place) :], place, strict=True)),
            "area": patch.area,
            "intensity": round(patch.intensity, 4),
            "confidence": round(patch.confidence, 3),
            "quality": patch.quality,
            "method": patch.method,
            "state": library.state(patch),
            "verdict": verdict.state if verdict else "",
            "reason": verdict.reason if verdict else "",
            "findings": [{**asdict(f), "value": round(float(f.value), 3)} for f in patch.issues],
        }


def write_patch_table(path: Path, library: PatchLibrary, project: Project) -> None:
    """Write one row a patch as CSV; kinds of findings are joined by semicolons.

    Raises
    ------
    InputError
        If the file cannot be written.
    """

    def cells() -> Iterator[list[object]]:
        for row in list_patches(library, project):
            kinds = "; ".join(f["kind"] for f in row["findings"])
            yield [{**row, "findings": kinds}.get(name, "") for name in PATCH_COLUMNS]

    try:
        write_rows(path, PATCH_COLUMNS, cells())
    except OSError as error:
        raise InputError(f"The table '{path}' cannot be written: {error.strerror}.") from None


@dataclass(frozen=True)
class OutlineFile:
    """A label image to be written: of which image, and the click that each id stands for."""

    path: Path
    image: ImageRef
    clicks: tuple[Click, ...]
    """All on the image, whatever region of it they are in, in the order of exported clicks."""


def outline_files(out: Path, project: Project) -> tuple[OutlineFile, ...]:
    """Return the label images of the clicked training images, ``STEM.tif`` in a folder."""
    regions: dict[str, list[ImageRef]] = {}
    for image, name in zip(project.images, unique_names(project.images), strict=True):
        regions.setdefault(name, []).append(image)
    clicked = {click.image for click in project.clicks}
    files = []
    for name, refs in regions.items():
        if any(ref.role == "train" and ref.id in clicked for ref in refs):
            own = {ref.id for ref in refs}
            clicks = tuple(c for c in project.clicks if c.image in own)
            files.append(OutlineFile(out / f"{PurePosixPath(name).stem}.tif", refs[0], clicks))
    return tuple(files)


def write_outlines(files: Sequence[OutlineFile], library: PatchLibrary, folder: Path) -> Exported:
    """Write every patch's mask, whatever its grade, with the number of its click as id.

    Where masks overlap the smaller one is on top.

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    patches = {patch.id: patch for patch in library.patches if patch.area}
    for file in files:
        ids = np.zeros(
            open_pixels(file.image, folder).shape[-file.image.ndim :], ids_type(len(file.clicks))
        )
        found = [(patches[c.id], n) for n, c in enumerate(file.clicks, 1) if c.id in patches]
        paint_numbers(found, ids, (0,) * ids.ndim)
        try:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            write_labels(file.path, ids)
        except OSError as error:
            raise InputError(f"{file.path} cannot be written: {error.strerror}.") from None
    clicks = [click for file in files for click in file.clicks]
    outlined = sum(click.id in patches for click in clicks)
    missing = len(clicks) - outlined
    words = f"{outlined} outlines on {len(files)} image(s) written as labels."
    if missing:
        words += f" {missing} click(s) have no outline."
    figures = {"outlines": outlined, "without_outline": missing}
    return Exported({"files": [str(file.path) for file in files], **figures}, words)
