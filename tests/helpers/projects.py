"""Projects to save, and a look at the bytes of a folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

from napari_synthseg.core.annotations import Click, ImageRef, ObjectClass
from napari_synthseg.core.project import Project


def sample_project(clicks: int = 3) -> Project:
    return Project(
        images=(ImageRef(id="a", uri="../a.tif", name="a.tif", region=((0, 9), (2, 30))),),
        classes=(ObjectClass(name="nucleus", value=1), ObjectClass(name="zelle µ", value=2)),
        clicks=tuple(
            Click(id=f"c{n}", image="a", position=(n / 3, 0.1 + n), cls=1) for n in range(clicks)
        ),
    )


def digests(folder: Path) -> dict[str, str]:
    """Return the content of every file in a folder, by name, as digests."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
