"""Painted regions: read for painting, saved, and imported from masks of the user.

While painting, 0 is what was not painted, and `GROUND` is background that was painted as such. What
the rest is, background or unknown, is decided when it is saved.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef, RegionTruth, new_id
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import full_region, region_slices
from napari_synthseg.core.labels import regions_of
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.io.labels import UNKNOWN_VALUE, encode_regions
from napari_synthseg.storage.arrays import save_array
from napari_synthseg.storage.truths import open_labels

GROUND = 255
"""Painted value of background."""

MAX_REGION_VALUES = 30
"""Label images with more values hold ids of objects rather than classes."""


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


def read_regions(
    project: Project, folder: Path, refs: Sequence[ImageRef], shape: Sequence[int]
) -> Generator[Progress, None, Painted]:
    """Read what was painted on the parts of an image."""
    stored = np.zeros(tuple(shape), np.uint8)
    there = np.zeros(tuple(shape), bool)
    for number, ref in enumerate(refs):
        truth = project.truth_of(ref, "semantic")
        if truth is None:
            continue
        yield Progress(number / len(refs), f"reading the regions of {ref.name}")
        labels = open_labels(truth, ref, folder)
        place = region_slices(ref.region or full_region(tuple(shape)))
        stored[place] = encode_regions(regions_of(labels).values)
        there[place] = True
    return from_stored(stored, there)


def from_stored(stored: NDArray[np.uint8], there: NDArray[np.bool_] | None = None) -> Painted:
    """Return stored class values as they are painted; `there` is where any were stored."""
    unknown = bool((stored == UNKNOWN_VALUE).any())
    values = stored
    if unknown:
        ground = stored == 0 if there is None else (stored == 0) & there
        values = np.where(stored == UNKNOWN_VALUE, 0, stored).astype(np.uint8)
        values[ground] = GROUND
    counts = np.bincount(values.ravel(), minlength=256)
    return Painted(values, unknown, shares_of(counts))


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
    refs: Sequence[ImageRef], values: NDArray[np.uint8], rest_unknown: bool, folder: Path
) -> Generator[Progress, None, SavedRegions]:
    """Copy what is painted on the parts of an image into the project's arrays.

    The values are copied first, as painting may go on; see `Session.paint`.
    """
    values = np.array(values)
    yield Progress(0.0, "saving the regions")
    stored = np.arange(256, dtype=np.uint8)
    stored[0] = UNKNOWN_VALUE if rest_unknown else 0
    stored[GROUND] = 0
    made = []
    for ref in refs:
        part = stored[values[region_slices(ref.region or full_region(values.shape))]]
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


@dataclass(frozen=True, eq=False)
class ClassMasks:
    """Masks of the user: class values, 255 = unknown, and what they are called."""

    stored: NDArray[np.uint8]
    name: str

    def unknown_classes(self, project: Project) -> tuple[int, ...]:
        """Return the values that are no class of the project."""
        known = {c.value for c in project.classes}
        return tuple(sorted(self.values - known - {0, UNKNOWN_VALUE}))

    @cached_property
    def values(self) -> frozenset[int]:
        """The values that occur; takes a moment the first time."""
        return frozenset(int(v) for v in np.unique(self.stored))


def masks_from_array(
    array: NDArray[np.generic], name: str, refs: Sequence[ImageRef], shape: Sequence[int]
) -> Generator[Progress, None, ClassMasks]:
    """Check the values of a layer, and put them on the image.

    Raises
    ------
    InputError
        If they do not fit, or are no class values.
    """
    yield Progress(0.0, f"reading {name}")
    values = _class_values(np.asarray(array), name)
    if values.shape == tuple(shape):
        return ClassMasks(values, name)
    for ref in refs:
        if ref.region is not None and values.shape == tuple(b - a for a, b in ref.region):
            whole = np.zeros(tuple(shape), np.uint8)
            whole[region_slices(ref.region)] = values
            return ClassMasks(whole, name)
    raise InputError(
        f"The masks {name} have the shape {values.shape}, the image has {tuple(shape)}: give masks "
        "of the same shape."
    )


def masks_from_file(
    path: Path, project_folder: Path, uri: str, refs: Sequence[ImageRef], shape: Sequence[int]
) -> Generator[Progress, None, ClassMasks]:
    """Read class values from a label image, for the parts of the image that it fits.

    Raises
    ------
    InputError
        If it is no label image, does not fit, or holds no class values.
    """
    yield Progress(0.0, f"reading {path.name}")
    whole = np.zeros(tuple(shape), np.uint8)
    for ref in refs:
        labels = open_labels(RegionTruth(image=ref.id, source=uri), ref, project_folder)
        place = region_slices(ref.region or full_region(tuple(shape)))
        whole[place] = encode_regions(labels.values)
    return ClassMasks(_class_values(whole, f"'{path.name}'"), f"'{path.name}'")


def _class_values(array: NDArray[np.generic], name: str) -> NDArray[np.uint8]:
    found = [int(v) for v in np.unique(array)]
    if not any(found):
        raise InputError(f"The masks {name} hold nothing but 0: choose others, or paint them.")
    if set(found) <= {0, UNKNOWN_VALUE}:  # a picture of black and white
        return np.asarray(array != 0, np.uint8)
    if found[0] < 0 or found[-1] > UNKNOWN_VALUE or len(found) > MAX_REGION_VALUES:
        raise InputError(
            f"The masks {name} hold {len(found)} values from {found[0]} to {found[-1]}, it seems "
            "one for each object. Give masks of regions, whose values are those of their classes "
            "(1, 2, 3 …), or use masks of objects in step 2, 'Use my own masks'."
        )
    return array.astype(np.uint8)
