"""Image labels in a table, ``image,class``: a row for each class that an image shows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from napari_synthseg.core.project import Project
from napari_synthseg.io.naming import ImageNames, UnknownNameError, find_class
from napari_synthseg.io.tables import Columns, read_rows

COLUMNS = Columns(
    required=("image", "class"), optional=(), numbers=frozenset(), header="image,class"
)


def read_image_labels(
    path: Path,
    project: Project,
    *,
    rename: Mapping[str, str] | None = None,
    ignored: Collection[str] = (),
    skip_unknown: bool = False,
) -> tuple[dict[str, set[int]], int]:
    """Read which classes images show.

    Parameters
    ----------
    path
        The table. A row with an empty class says that the image shows none.
    project
        Gives the images and classes that may be named.
    rename, ignored, skip_unknown
        See `place_boxes`.

    Returns
    -------
    shown
        Id of each listed image -> class values.
    unknown
        Number of rows of images that the project lacks.

    Raises
    ------
    InputError
        At the first row that cannot be meant.
    """
    names = ImageNames(project.images)
    shown: dict[str, set[int]] = {}
    unknown = 0
    for where, cells in read_rows(path, COLUMNS):
        try:
            refs = names.find(where, cells["image"])
        except UnknownNameError:
            if not skip_unknown:
                raise
            unknown += 1
            continue
        for ref in refs:
            values = shown.setdefault(ref.id, set())
            name = cells["class"]
            if name and name not in ignored:
                values.add(find_class(where, (rename or {}).get(name, name), project.classes))
    return shown, unknown
