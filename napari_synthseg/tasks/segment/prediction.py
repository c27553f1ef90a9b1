"""The objects of a whole image of any size, block by block.

Each block is read with a margin. The margin's outer part is as wide as the network can see, so
that the network's output in the block is that of the whole image; its inner part is as wide as a
few objects, so that every object that has its core in the block is decided as in the whole image.
An object belongs to the block that holds its core.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from napari_synthseg.core.geometry import (
    Region,
    divide_region,
    region_shape,
    region_slices,
    widen_region,
)
from napari_synthseg.core.pixels import PixelSource
from napari_synthseg.core.predictions import FoundObject, InstancePrediction
from napari_synthseg.core.progress import Progress
from napari_synthseg.networks.receptive_field import receptive_radius
from napari_synthseg.tasks.segment.decoding import Decoded, decode
from napari_synthseg.tasks.segment.rule import SegmentRule
from napari_synthseg.training.inference import infer
from napari_synthseg.training.model import Predictor
from napari_synthseg.training.volumes import block_shape, round_up

OBJECT_MARGIN = 2.0
"""Width of the margin in which objects are decided, in typical diameters."""


def find_in_image(
    predictor: Predictor,
    pixels: PixelSource,
    *,
    image: str,
    run: str,
    block: tuple[int, ...] | None,
) -> Generator[Progress, None, InstancePrediction]:
    """Find the objects of one image; yield the share done; return the prediction.

    Parameters
    ----------
    pixels
        The image; its region is what is predicted.
    image, run
        Ids, for the record.
    block
        Shape of a block, pixels, a multiple of ``predictor.spec.multiple``; default: by the
        kind of image.
    """
    region = pixels.region
    origin = tuple(start for start, _ in region)
    ids = np.zeros(region_shape(region), np.int32)
    objects: list[FoundObject] = []
    edges = block or block_shape(predictor.spec, predictor.spacing)
    blocks = list(divide_region(region, edges))
    for number, core in enumerate(blocks):
        window, decided = _decide(predictor, pixels, core)
        _take_over(decided, window, core, region, ids, objects)
        yield Progress((number + 1) / len(blocks))
    return InstancePrediction(
        image=image, run=run, region_origin=origin, ids=ids, objects=tuple(objects)
    )


def _decide(predictor: Predictor, pixels: PixelSource, core: Region) -> tuple[Region, Decoded]:
    """Return a block's inner margin and the objects decided in it."""
    multiple = predictor.spec.multiple
    rule = predictor.rule
    assert isinstance(rule, SegmentRule)
    objects = [OBJECT_MARGIN * rule.diameter / s for s in predictor.spacing]
    inner = _rounded(objects, multiple)
    outer = _rounded(receptive_radius(predictor.spec), multiple)
    window = widen_region(core, inner, pixels.region)
    seen = widen_region(core, tuple(np.add(inner, outer).tolist()), pixels.region)
    maps = infer(predictor.net, pixels.read(seen), predictor.device, multiple)
    cut = region_slices(window, [start for start, _ in seen])
    return window, decode(maps[0][(slice(None), *cut)], maps[1][cut], rule)


def _rounded(lengths: Sequence[float], multiple: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(round_up(n, m) for n, m in zip(lengths, multiple, strict=True))


def _take_over(
    decided: Decoded,
    window: Region,
    core: Region,
    region: Region,
    ids: np.ndarray[Any, np.dtype[np.int32]],
    objects: list[FoundObject],
) -> None:
    """Write the objects whose core lies in the block into the whole image."""
    from scipy.ndimage import center_of_mass, find_objects

    starts = np.array([a for a, _ in window])
    boxes = find_objects(decided.ids)
    for index, box in enumerate(boxes):
        position = decided.cores[index] + starts
        if box is None or not _owns(core, position):
            continue
        mask = decided.ids[box] == index + 1
        offset = [s.start + w - r for s, w, (r, _) in zip(box, starts, region, strict=True)]
        target = ids[tuple(slice(o, o + n) for o, n in zip(offset, mask.shape, strict=True))]
        number = len(objects) + 1
        target[mask & (target == 0)] = number
        corner = np.array([s.start for s in box]) + starts
        center = np.asarray(center_of_mass(mask)) + corner
        objects.append(
            FoundObject(
                id=number,
                cls=int(decided.classes[index]),
                score=round(float(decided.scores[index]), 4),
                center=tuple(float(c) for c in center),
                box=tuple((int(c), int(c + n)) for c, n in zip(corner, mask.shape, strict=True)),
            )
        )


def _owns(core: Region, position: np.ndarray[Any, np.dtype[np.float64]]) -> bool:
    return all(a - 0.5 <= p < b - 0.5 for (a, b), p in zip(core, position, strict=True))
