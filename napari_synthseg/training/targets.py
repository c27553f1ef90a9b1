"""Class values as class indices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.labels import UNKNOWN, Labels, regions_of


def class_indices(labels: Labels, class_values: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the class index per pixel: 0 = background, `UNKNOWN` kept."""
    values = regions_of(labels).values
    table = np.full(max(int(values.max(initial=0)), *class_values) + 2, len(class_values) + 1)
    table[0], table[UNKNOWN] = 0, UNKNOWN
    table[list(class_values)] = np.arange(1, len(class_values) + 1)
    indices = table[values]
    if (indices > len(class_values)).any():
        raise ValueError(f"labels hold other classes than {class_values}")
    return indices
