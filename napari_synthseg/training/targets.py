"""Class values as class indices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.labels import UNKNOWN, Labels


def class_indices(labels: Labels, class_values: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the class index per pixel: 0 = background, `UNKNOWN` kept."""
    table = np.zeros(int(labels.ids.max(initial=0)) + 1, np.int64)
    for instance, cls in labels.classes.items():
        if instance < table.size:
            table[instance] = class_values.index(cls) + 1
    return np.where(labels.ids == UNKNOWN, UNKNOWN, table[np.maximum(labels.ids, 0)])
