"""A table of all patches, for spreadsheets and scripts."""

from __future__ import annotations

import csv
from pathlib import Path

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.patch import PatchLibrary
from napari_synthseg.core.project import Project

COLUMNS = (
    "id", "image", "class", "z", "y", "x", "area", "quality", "method", "verdict", "reason",
    "doubtful", "findings",
)  # fmt: skip


def write_patch_table(path: Path, library: PatchLibrary, project: Project) -> None:
    """Write one row a patch: position in pixels, area in pixels, findings joined by semicolons.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    images = {i.id: i.name for i in project.images}
    classes = {c.value: c.name for c in project.classes}
    verdicts = {v.patch: v for v in project.verdicts}
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for patch in library.patches:
                position = [f"{o + c:.1f}" for o, c in zip(patch.origin, patch.center, strict=True)]
                verdict = verdicts.get(patch.id)
                writer.writerow(
                    [
                        patch.id,
                        images[patch.image],
                        classes[patch.cls],
                        *[""] * (3 - len(position)),
                        *position,
                        patch.area,
                        f"{patch.quality:.3f}",
                        patch.method,
                        verdict.state if verdict else "",
                        verdict.reason if verdict else "",
                        int(patch.doubtful),
                        "; ".join(f.kind for f in patch.findings),
                    ]
                )
    except OSError as error:
        raise InputError(f"The table '{path}' cannot be written: {error.strerror}.") from None
