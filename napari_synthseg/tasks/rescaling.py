"""Objects that were found on a resampled image, in pixels of the image itself."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import center_of_mass, find_objects, gaussian_filter

from napari_synthseg.core.geometry import intersect, region_at, region_shape, region_slices
from napari_synthseg.core.pixels import ScaledSource, resample, scaled_region
from napari_synthseg.core.predictions import FoundObject, InstancePrediction
from napari_synthseg.core.progress import Progress

SMOOTHING = 0.7
"""Standard deviation of the Gaussian that takes the steps off an outline that is enlarged, pixels
of the resampled image."""

PORTION = 200
"""Objects between two signs of progress."""


def at_full_size(
    found: InstancePrediction, pixels: ScaledSource
) -> Generator[Progress, None, InstancePrediction]:
    """Return objects in pixels of the image that was resampled, with smooth outlines.

    Of a pixel that two objects reach, the one that covers more of it has it. An object that covers
    no pixel by half is left out.
    """
    whole, corner = pixels.source.region, np.array([a for a, _ in pixels.region])
    starts = [a for a, _ in whole]
    ids = np.zeros(region_shape(whole), np.int32)
    covered = np.zeros(ids.shape, np.float32)
    by_id = {thing.id: thing for thing in found.objects}
    for number, box in enumerate(find_objects(found.ids), start=1):
        if number % PORTION == 0:
            yield Progress(1.0, f"enlarging outlines: object {number}")
        if box is None:
            continue
        share, place = _enlarged(found.ids[box] == number, box, corner, pixels.factors)
        common = intersect(region_at(place, share.shape), whole)
        if common is None:
            continue
        share = share[region_slices(common, place)]
        target = region_slices(common, starts)
        mine = (share >= 0.5) & (share > covered[target])
        ids[target][mine] = number
        covered[target][mine] = share[mine]
    table = np.zeros(int(ids.max(initial=0)) + 1, np.int32)
    objects: list[FoundObject] = []
    for number, box in enumerate(find_objects(ids), start=1):
        if box is None:
            continue
        table[number] = len(objects) + 1
        first = np.array([s.start for s in box]) + starts
        center = np.add(center_of_mass(ids[box] == number), first).tolist()
        sides = tuple((int(f), int(f + s.stop - s.start)) for f, s in zip(first, box, strict=True))
        objects.append(
            FoundObject(
                id=len(objects) + 1,
                cls=by_id[number].cls,
                score=by_id[number].score,
                center=tuple(center),
                box=sides,
            )
        )
    return InstancePrediction(ids=table[ids], objects=tuple(objects))


def _enlarged(
    mask: NDArray[np.bool_],
    box: tuple[slice, ...],
    corner: NDArray[np.int64],
    factors: Sequence[float],
) -> tuple[NDArray[np.float32], tuple[int, ...]]:
    """Return how far an object covers each pixel of a window of the image, and where that lies."""
    padded = np.pad(mask.astype(np.float32), 2)
    padded = gaussian_filter(padded, [SMOOTHING if f < 1 else 0.0 for f in factors])
    first = (np.array([s.start for s in box]) + corner - 2).tolist()
    back = [1 / f for f in factors]
    window = scaled_region(region_at(first, padded.shape), back)
    share = resample(padded[None], first, window, back)[0]
    return share, tuple(a for a, _ in window)
