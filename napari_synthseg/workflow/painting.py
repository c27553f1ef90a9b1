"""Painted regions: read for painting, saved, and imported from masks of the user.

While painting, 0 is what was not painted, and `GROUND` is background that was painted as such. What
the rest is, background or unknown, is decided when it is saved.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef, RegionTruth, new_id
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import full_region, region_shape, region_slices
from napari_synthseg.core.labels import UNKNOWN, regions_of
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.io.labels import UNKNOWN_VALUE, decode_regions, is_binary
from napari_synthseg.storage.arrays import save_array
from napari_synthseg.storage.truths import open_labels
from napari_synthseg.storage.uris import relative_uri
from napari_synthseg.workflow.jobs import Job

GROUND = 255
"""Painted value of background."""

MAX_REGION_VALUES = 30
"""Label images with more values hold ids of objects rather than classes."""

Slices = tuple[slice, ...]


@dataclass(frozen=True, eq=False)
class Painted:
    """The regions of a whole image.

    Attributes
    ----------
    values
        What the layer holds, uint8, shape ([z,] y, x).
    rest_unknown
        Whether the rest is unknown, rather than background.
    shares
        Class value -> share of the image's pixels, 0 for painted background.
    """

    values: NDArray[np.uint8]
    rest_unknown: bool
    shares: Mapping[int, float]

    def unknown_classes(self, project: Project) -> tuple[int, ...]:
        """Return the values that are no class of the project."""
        return tuple(sorted(set(self.shares) - {0, *project.class_values}))


def read_regions(
    project: Project, folder: Path, refs: Sequence[ImageRef], shape: Sequence[int]
) -> Job[Painted]:
    """Read what was painted on the parts of an image."""

    def work() -> Generator[Progress, None, Painted]:
        parts = []
        for number, ref in enumerate(refs):
            truth = project.truth_of(ref, "semantic")
            if truth is not None:
                yield Progress(number / len(refs), f"reading the regions of {ref.name}")
                labels = regions_of(open_labels(truth, ref.without_limits(), folder))
                parts.append((_place_of(ref, shape), labels.values))
        return _painted(parts, shape)

    return Job(work(), "read the regions")


def _place_of(ref: ImageRef, shape: Sequence[int]) -> Slices:
    return region_slices(ref.region or full_region(tuple(shape)))


def _painted(parts: Iterable[tuple[Slices, NDArray[np.integer]]], shape: Sequence[int]) -> Painted:
    """Return the class values of parts of an image, `UNKNOWN` among them, as they are painted."""
    values = np.zeros(tuple(shape), np.int16)
    ground = np.zeros(tuple(shape), bool)
    for place, known in parts:
        values[place] = known
        ground[place] = known == 0
    unknown = bool((values == UNKNOWN).any())
    values[values == UNKNOWN] = 0
    if unknown:
        values[ground] = GROUND
    counts = np.bincount(values.ravel(), minlength=256)
    return Painted(values.astype(np.uint8), unknown, shares_of(counts))


def shares_of(counts: NDArray[np.intp]) -> dict[int, float]:
    """Return value -> share of all pixels, for the classes and for painted background (0).

    `counts` are the pixels of each painted value (256 entries).
    """
    shares = counts / max(counts.sum(), 1)
    classes = {int(v): float(shares[v]) for v in np.flatnonzero(counts) if 0 < v < GROUND}
    return {0: float(shares[GROUND]), **classes} if counts[GROUND] else classes


@dataclass(frozen=True, eq=False)
class SavedRegions:
    """The truth of each part of an image on which a class is painted.

    `counts` are the pixels of the whole image that have each painted value, 256 entries.
    """

    truths: tuple[RegionTruth, ...]
    counts: NDArray[np.intp]


def save_regions(
    refs: Sequence[ImageRef],
    values: NDArray[np.uint8],
    rest_unknown: bool,
    classes: Collection[int],
    folder: Path,
) -> Generator[Progress, None, SavedRegions]:
    """Copy what is painted on the parts of an image into the project's arrays.

    The values are copied first, as painting may go on; see `Session.paint`.
    """
    kept = np.zeros(256, np.uint8)
    kept[[*classes, GROUND]] = [*classes, GROUND]
    values = kept[values]
    yield Progress(0.0, "saving the regions")
    stored = np.arange(256, dtype=np.uint8)
    stored[0] = UNKNOWN_VALUE if rest_unknown else 0
    stored[GROUND] = 0
    made = []
    for ref in refs:
        part = stored[values[_place_of(ref, values.shape)]]
        if not np.isin(part, (0, UNKNOWN_VALUE)).all():
            ident = new_id()
            uri = save_array(part, "zyx"[-part.ndim :], folder, ident)
            made.append(RegionTruth(id=ident, image=ref.id, source=uri))
    return SavedRegions(tuple(made), np.bincount(values.ravel(), minlength=256))


def with_regions(
    project: Project, refs: Sequence[ImageRef], made: Sequence[RegionTruth]
) -> Project:
    """Return a project in which these images have these regions, and no others."""
    painted, there = {ref.id for ref in refs}, {ref.id for ref in project.images}
    others = (t for t in project.truths if not isinstance(t, RegionTruth) or t.image not in painted)
    new = (*others, *(t for t in made if t.image in there))
    return project if new == project.truths else project.model_copy(update={"truths": new})


def masks_from_array(
    read: Callable[[], NDArray[np.generic]],
    name: str,
    refs: Sequence[ImageRef],
    shape: Sequence[int],
) -> Job[Painted]:
    """Read class values, put them on the image or the part that they fit.

    The job fails with an `InputError` if they do not fit, or are no class values.
    """

    def paint() -> Painted:
        array = read()
        _check_class_values(array, name)
        for region in (full_region(shape), *(ref.region for ref in refs)):
            if region is not None and array.shape == region_shape(region):
                values = decode_regions(array.astype(np.int64), is_binary(array), name).values
                return _painted([(region_slices(region), values)], shape)
        raise InputError(
            f"The masks {name} have the shape {array.shape}, the image has {tuple(shape)}: give "
            "masks of the same shape."
        )

    return Job.of(f"read the masks {name}", paint)


def masks_from_file(
    path: Path, folder: Path, refs: Sequence[ImageRef], shape: Sequence[int]
) -> Job[Painted]:
    """Read class values from a label image, for the parts of the image that it fits.

    The job fails with an `InputError` if it is no label image, does not fit, or holds no class
    values.
    """
    name, uri = f"'{path.name}'", relative_uri(path, folder)

    def paint() -> Painted:
        parts = []
        for ref in refs:
            truth = RegionTruth(image=ref.id, source=uri)
            labels = open_labels(truth, ref.without_limits(), folder)
            parts.append((_place_of(ref, shape), labels.values))
        known = [np.maximum(values, 0).ravel() for _, values in parts]  # unknown is no class
        _check_class_values(np.concatenate(known), name)
        return _painted(parts, shape)

    return Job.of(f"read the masks {name}", paint)


def _check_class_values(array: NDArray[np.generic], name: str) -> None:
    found = [int(v) for v in np.unique(array)]
    if not any(found):
        raise InputError(
            f"The masks {name} hold nothing but 0 or unknown pixels: choose others, or paint them."
        )
    if found[0] < 0 or found[-1] > UNKNOWN_VALUE or len(found) > MAX_REGION_VALUES:
        raise InputError(
            f"The masks {name} hold {len(found)} values from {found[0]} to {found[-1]}, it seems "
            "one for each object. Give masks of regions, whose values are those of their classes "
            "(1, 2, 3 …), or use masks of objects in step 2, 'Use my own masks'."
        )
