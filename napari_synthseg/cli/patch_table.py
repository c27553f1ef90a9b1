"""All patches, one by one, for spreadsheets and scripts."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.patch import PatchLibrary
from napari_synthseg.core.project import Project

COLUMNS = (
    "id", "image", "class", "z", "y", "x", "area", "intensity", "quality", "method", "state",
    "verdict", "reason", "findings",
)  # fmt: skip


def list_patches(library: PatchLibrary, project: Project) -> Iterator[dict[str, Any]]:
    """Yield what is known of each patch: position and area in pixels, findings as dictionaries.

    `verdict` is the user's, `reason` the reason kept with it, `state` the verdict or, where there
    is none, what the check says.
    """
    images = {i.id: i.name for i in project.images}
    classes = {c.value: c.name for c in project.classes}
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
            "quality": patch.quality,
            "method": patch.method,
            "state": library.state(patch),
            "verdict": verdict.state if verdict else "",
            "reason": verdict.reason if verdict else "",
            "findings": [
                {
                    "kind": f.kind,
                    "severity": f.severity,
                    "value": round(float(f.value), 3),
                    "reason": f.reason,
                }
                for f in patch.issues
            ],
        }


def write_patch_table(path: Path, library: PatchLibrary, project: Project) -> None:
    """Write one row a patch as CSV; kinds of findings are joined by semicolons.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, restval="")
            writer.writeheader()
            for row in list_patches(library, project):
                kinds = "; ".join(f["kind"] for f in row["findings"])
                writer.writerow({**row, "findings": kinds})
    except OSError as error:
        raise InputError(f"The table '{path}' cannot be written: {error.strerror}.") from None
