"""What the network learns for each pixel.

The network has one output channel for the background and one for each class (a softmax over
them says what a pixel is), and one more for the *inner distance*: the distance to the object's
own edge, divided by the largest such distance in the object. It is 1 at an object's core and falls
to 0 at its edge, whatever its size, also where two objects touch; so the cores of touching objects
are separate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, find_objects

from napari_synthseg.core.labels import Labels, instances_of
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.training.targets import class_indices


def inner_distance(ids: NDArray[np.int32], spacing: tuple[float, ...] = ()) -> FloatImage:
    """Return each object pixel's distance to its object's edge, divided by the object's largest.

    Parameters
    ----------
    ids
        Instance ids, shape ([z,] y, x), 0 = background.
    spacing
        Distance of pixels along each axis, in units of the shortest; empty: all alike.

    Returns
    -------
    float32 in 0..1, the same shape; 0 on the background.
    """
    result = np.zeros(ids.shape, np.float32)
    # The border of the image is no edge of the object: it goes on there.
    around = np.pad(ids, 1, mode="edge")
    for instance, box in enumerate(find_objects(ids), start=1):
        if box is None:
            continue
        padded = around[tuple(slice(s.start, s.stop + 2) for s in box)] == instance
        mask = padded[(slice(1, -1),) * ids.ndim]
        if padded.all():  # it fills the image: it has no edge at all
            result[box] = 1.0
            continue
        distance = distance_transform_edt(padded, spacing or None)[(slice(1, -1),) * mask.ndim]
        result[box][mask] = distance[mask] / distance[mask].max()
    return result


def make_targets(
    labels: Labels, class_values: tuple[int, ...], spacing: tuple[float, ...] = ()
) -> tuple[NDArray[np.int64], FloatImage]:
    """Return the class index per pixel (0 = background, `UNKNOWN` kept) and the inner distance.

    `spacing` is the distance of pixels along each axis; see `inner_distance`.
    """
    known = np.maximum(instances_of(labels).ids, 0)
    return class_indices(labels, class_values), inner_distance(known, spacing)
