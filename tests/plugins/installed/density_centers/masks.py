"""A mask method: a disk around each click, for round objects of one size."""

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.patches.masks.registry import MaskMethod
from napari_synthseg.patches.masks.seeded_foreground import SeededForeground


def find_disks(block: SeededForeground) -> NDArray[np.int32]:
    """Return ids 1..n in the order of the clicks; `nearest` knows the click next to each pixel."""
    return np.asarray(block.nearest.disks(1.0), np.int32)


DISK = MaskMethod("disk", "Disk", "A disk of the class's diameter around each click", find_disks)
