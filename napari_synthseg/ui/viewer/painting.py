"""Painted regions between the project and a layer: how they are kept, read and counted.

In the layer, 0 is what was not painted, and `GROUND` is background that was painted as such. What
the rest is, background or unknown, is decided when it is kept. No Qt here: jobs do this work.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef, RegionTruth
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import full_region, region_slices
from napari_synthseg.core.labels import regions_of
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.io.labels import UNKNOWN_VALUE, encode_regions
from napari_synthseg.storage.truths import open_labels

GROUND = 255
"""Stands in the layer for background that was painted."""

MOST_VALUES = 30
"""More values than this are ids of objects rather than classes."""


@dataclass(frozen=True, eq=False)
class Painted:
    """The regions of a whole picture.

    Attributes
    ----------
    values
        What the layer holds, uint8, shape ([z,] y, x).
    rest_unknown
        Whether the rest is unknown, rather than background.
    shares
        Class value -> share of the picture's pixels, 0 for painted background.
    """

    values: NDArray[np.uint8]
    rest_unknown: bool
    shares: Mapping[int, float]


def read_regions(
    project: Project, folder: Path, refs: Sequence[ImageRef], shape: Sequence[int]
) -> Generator[Progress, None, Painted]:
    """Read what was painted on the parts of a picture."""
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


def stored_values(rest_unknown: bool) -> NDArray[np.uint8]:
    """Return what is stored for each painted value (256 entries)."""
    stored = np.arange(256, dtype=np.uint8)
    stored[0] = UNKNOWN_VALUE if rest_unknown else 0
    stored[GROUND] = 0
    return stored


def shares_of(counts: NDArray[np.intp]) -> dict[int, float]:
    """Return value -> share of all pixels, for the classes and for painted background (0).

    `counts` are the pixels of each painted value (256 entries).
    """
    shares = counts / max(counts.sum(), 1)
    classes = {int(v): float(shares[v]) for v in np.flatnonzero(counts) if 0 < v < GROUND}
    return {0: float(shares[GROUND]), **classes} if counts[GROUND] else classes


@dataclass(frozen=True, eq=False)
class Taken:
    """Masks that came from elsewhere: class values, 255 = unknown, and what they are called."""

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


def take_array(
    array: NDArray[np.generic], name: str, refs: Sequence[ImageRef], shape: Sequence[int]
) -> Generator[Progress, None, Taken]:
    """Check the values of a layer, and lay them on the picture.

    Raises
    ------
    InputError
        If they do not fit, or are no class values.
    """
    yield Progress(0.0, f"reading {name}")
    values = _class_values(np.asarray(array), name)
    if values.shape == tuple(shape):
        return Taken(values, name)
    for ref in refs:
        if ref.region is not None and values.shape == tuple(b - a for a, b in ref.region):
            whole = np.zeros(tuple(shape), np.uint8)
            whole[region_slices(ref.region)] = values
            return Taken(whole, name)
    raise InputError(
        f"The masks {name} have the shape {values.shape}, the image has {tuple(shape)}: give masks "
        "of the same shape."
    )


def take_file(
    path: Path, project_folder: Path, uri: str, refs: Sequence[ImageRef], shape: Sequence[int]
) -> Generator[Progress, None, Taken]:
    """Read class values from a label image, for the parts of the picture that it fits.

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
    return Taken(_class_values(whole, f"'{path.name}'"), f"'{path.name}'")


def _class_values(array: NDArray[np.generic], name: str) -> NDArray[np.uint8]:
    found = [int(v) for v in np.unique(array)]
    if not any(found):
        raise InputError(f"The masks {name} hold nothing but 0: choose others, or paint them.")
    if set(found) <= {0, UNKNOWN_VALUE}:  # a picture of black and white
        return (array != 0).astype(np.uint8)
    if found[0] < 0 or found[-1] > UNKNOWN_VALUE or len(found) > MOST_VALUES:
        raise InputError(
            f"The masks {name} hold {len(found)} values from {found[0]} to {found[-1]}, one for "
            "each object as it seems. Regions have the value of their class: 1, 2, 3 … Masks of "
            "objects are taken in step 2, 'Use my own masks'."
        )
    return array.astype(np.uint8)
