"""Painted regions: kept in the project's arrays, and put in place of those before."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef, RegionTruth, new_id
from napari_synthseg.core.geometry import full_region, region_slices
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.io.labels import UNKNOWN_VALUE
from napari_synthseg.storage.arrays import save_array


@dataclass(frozen=True, eq=False)
class PaintedRegions:
    """The truth of each part of a picture on which a class is painted.

    `counts` are the pixels of the whole picture that have each painted value, 256 entries.
    """

    truths: tuple[RegionTruth, ...]
    counts: NDArray[np.intp]


def keep_regions(
    refs: Sequence[ImageRef], values: NDArray[np.uint8], stored: NDArray[np.uint8], folder: Path
) -> Generator[Progress, None, PaintedRegions]:
    """Copy what is painted on the parts of a picture into the project's arrays.

    The values are copied first, as painting may go on. `stored` maps painted to stored values: see
    `Session.paint`.
    """
    values = np.array(values)
    yield Progress(0.0, "keeping the regions")
    made = []
    for ref in refs:
        part = stored[values[region_slices(ref.region or full_region(values.shape))]]
        if not np.isin(part, (0, UNKNOWN_VALUE)).all():
            ident = new_id()
            uri = save_array(part, "zyx"[-part.ndim :], folder, ident)
            made.append(RegionTruth(id=ident, image=ref.id, source=uri))
    return PaintedRegions(tuple(made), np.bincount(values.ravel(), minlength=256))


def with_regions(
    project: Project, refs: Sequence[ImageRef], made: Sequence[RegionTruth]
) -> Project:
    """Return a project in which these images have these regions, and no others."""
    painted, there = {ref.id for ref in refs}, {ref.id for ref in project.images}
    others = (t for t in project.truths if not isinstance(t, RegionTruth) or t.image not in painted)
    new = (*others, *(t for t in made if t.image in there))
    return project if new == project.truths else project.model_copy(update={"truths": new})
