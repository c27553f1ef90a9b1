"""Real images with true masks, clicked as a user would: all objects, by a fixed rule.

Clicks are made from the true masks: the innermost point, moved at random by a tenth of the object's
diameter. Half of the images, fixed by a hash of the name, serve tuning ("tuning"); the other half
gives the closing figures ("closing").
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import imageio.v3 as iio
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from benchmarks.study.halved_data import data_root, is_for_tuning
from napari_synthseg.core.annotations import Click, ImageRef, ObjectClass
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.patch import ClickedImage, PatchLibrary
from napari_synthseg.core.pixels import ArraySource, FloatImage, Intensity
from napari_synthseg.core.progress import exhaust
from napari_synthseg.patches.build import build_library

DATASETS = {
    "fluorescence": ("dsb2018_nuclei_instances", "fluo"),
    "stained": ("dsb2018_nuclei_instances", "he_bright"),
    "bbbc039": ("bbbc039_nuclei_16bit", ""),
    "emps": ("emps_particles_instances", ""),
}
"""Name -> folder below the data folder, and what the names of the images begin with."""

HALVES = ("tuning", "closing")
LEAST_AREA = 12
"""Objects of fewer pixels are not clicked."""


@dataclass(frozen=True, eq=False)
class ClickedObjects:
    """An image, and a click on each of its objects.

    Attributes
    ----------
    name
        Of the image.
    stored
        Its pixels as they are in the file, (channel, y, x).
    ids
        True masks, (y, x).
    positions
        Id of each clicked object -> its click, (y, x).
    diameters
        Of the clicked objects, pixels.
    """

    name: str
    stored: NDArray[Any]
    ids: NDArray[np.int32]
    positions: Mapping[int, NDArray[np.float64]]
    diameters: tuple[float, ...]

    @property
    def half(self) -> str:
        return "tuning" if is_for_tuning(self.name) else "closing"

    @property
    def numbers(self) -> list[int]:
        return list(self.positions)

    @property
    def diameter(self) -> float:
        return float(np.median(self.diameters))

    @cached_property
    def pixels(self) -> FloatImage:
        return normalized(self.stored)


def read(dataset: str, half: str | None = None) -> Iterator[ClickedObjects]:
    """Yield the images of a data set, or of one half of it, by name."""
    folder_name, prefix = DATASETS[dataset]
    folder = data_root() / folder_name
    paths = sorted((folder / "images").glob(f"{prefix}*"))
    if not paths:
        raise SystemExit(f"No images in {folder / 'images'}: set SYNTHSEG_DATA.")
    for path in paths:
        if half is None or is_for_tuning(path.stem) is (half == "tuning"):
            ids = iio.imread(folder / "masks" / f"{path.stem}.png").astype(np.int32)
            yield click(path.stem, iio.imread(path), ids)


def click(name: str, stored: NDArray[Any], ids: NDArray[np.int32]) -> ClickedObjects:
    """Click every object of an image."""
    rng = np.random.default_rng(name_seed(name))
    channels = np.moveaxis(stored, -1, 0) if stored.ndim == 3 else stored[None]
    positions, diameters = {}, []
    for number, box in enumerate(ndimage.find_objects(ids), start=1):
        if box is None:
            continue
        mask = np.pad(ids[box] == number, 1)
        area = np.count_nonzero(mask)
        if area < LEAST_AREA:
            continue
        diameter = 2 * np.sqrt(area / np.pi)
        depth = ndimage.distance_transform_edt(mask)
        middle = np.array(np.unravel_index(depth.argmax(), mask.shape))
        for _ in range(50):
            moved = middle + rng.normal(0, 0.1 * diameter / np.sqrt(2), 2)
            nearest = np.clip(np.round(moved).astype(int), 0, np.array(mask.shape) - 1)
            if mask[tuple(nearest)]:
                break
        else:
            moved = middle.astype(float)
        positions[number] = moved - 1 + [s.start for s in box]
        diameters.append(float(diameter))
    return ClickedObjects(name, channels, ids, positions, tuple(diameters))


def name_seed(name: str) -> int:
    """Return a seed that depends on a name alone."""
    return int.from_bytes(hashlib.sha1(name.encode()).digest()[:4])


def normalized(stored: NDArray[Any]) -> FloatImage:
    """Return pixels (channel, y, x) as the program normalizes them."""
    return Intensity.measure(stored, joint=len(stored) == 3).normalize(stored)


def clicked_image(
    name: str, pixels: FloatImage, positions: Mapping[Any, ArrayLike], exhaustive: bool = True
) -> ClickedImage:
    """Return an image with clicks of one class; their ids are the keys of `positions`."""
    ref = ImageRef(id=name, uri=name, exhaustive=exhaustive)
    clicks = tuple(
        Click(id=str(key), image=name, position=tuple(np.asarray(place, float).tolist()), cls=1)
        for key, place in positions.items()
    )
    return ClickedImage(ref, ArraySource(pixels), clicks)


def cut(
    *images: ClickedImage, diameter: float, masks: InstanceLabels | None = None
) -> PatchLibrary:
    """Cut patches as the program does; `masks` are those that are brought along."""
    cls = ObjectClass(name="object", value=1, diameter=diameter)
    given = None if masks is None else {image.ref.id: masks for image in images}
    return exhaust(build_library(images, [cls], masks=given))
