"""A mask method: a disk around each click, for round objects of one size."""

from collections.abc import Generator

import numpy as np

from napari_synthseg.core.patch import Outline
from napari_synthseg.core.progress import Progress
from napari_synthseg.patches.masks.clicked_objects import ClickedObjects
from napari_synthseg.patches.masks.registry import MaskMethod


def outline_disks(objects: ClickedObjects) -> Generator[Progress, None, list[Outline]]:
    """Return a disk of the class's diameter around each click."""
    yield Progress(0.0)
    limits = np.array(objects.pixels.region)
    outlines = []
    for position, value in zip(objects.positions, objects.classes.tolist(), strict=True):
        radius = objects.diameters[value] / 2
        low = np.maximum(np.floor(position - radius), limits[:, 0]).astype(int)
        high = np.minimum(np.ceil(position + radius) + 1, limits[:, 1]).astype(int)
        places = np.indices(high - low) + (low - position).reshape(-1, *[1] * len(low))
        disk = (places**2).sum(axis=0) < radius**2
        outlines.append(Outline(disk, tuple(low.tolist()), confidence=0.5))
    return outlines


DISK = MaskMethod("disk", "Disk", "A disk of the class's diameter around each click", outline_disks)
