"""Objects of a whole image of any size, block by block.

Each block is read with a margin. The margin's outer part is as wide as the network can see, so
that the network's output in the block is that of the whole image; its inner part is as wide as a
few objects, so that every object that has its core in the block is decided as in the whole image.
An object belongs to the block that holds its core.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import Region, region_shape, region_slices
from napari_synthseg.core.pixels import PixelSource
from napari_synthseg.core.training import FoundObject, ModelSpec, Prediction, Weights
from napari_synthseg.learn.device import choose_device
from napari_synthseg.learn.models import build_model, receptive_radius
from napari_synthseg.learn.network import infer
from napari_synthseg.learn.targets import Decoded, DecodeRule, decode

if TYPE_CHECKING:
    import torch
    from torch import nn

BLOCK = 1024
"""Edge of a block without its margin, pixels (2D); what bounds the memory."""

OBJECT_MARGIN = 2.0
"""Width of the margin in which objects are decided, in typical diameters."""


@dataclass(frozen=True, eq=False)
class Predictor:
    """A trained network, ready to run."""

    net: nn.Module
    spec: ModelSpec
    in_channels: int
    rule: DecodeRule
    device: torch.device

    @property
    def multiple(self) -> int:
        """Extents and block borders must be multiples of this, pixels."""
        return int(2**self.spec.depth)


def load_predictor(model: Mapping[str, Any], weights: Weights, device: str = "auto") -> Predictor:
    """Build a predictor from what a run keeps.

    Parameters
    ----------
    model
        ``TrainingRun.model``: spec, in_channels, out_channels, task.
    weights
        Parameter name -> array.

    Raises
    ------
    InputError
        If another version of this program, with another network, made them.
    """
    import torch

    spec = ModelSpec(**model["spec"])
    net = build_model(spec, model["in_channels"], model["out_channels"])
    task = {k: v for k, v in model["task"].items() if k != "kind"}
    try:
        net.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in weights.items()})
        rule = DecodeRule(**task | {"class_values": tuple(task["class_values"])})
    except (RuntimeError, TypeError) as error:  # what torch and the data class raise on a mismatch
        raise InputError(
            "This model was made by another version of napari-synthseg, with another network: "
            "train it again, or install the version that the run's record names."
        ) from error
    where, _ = choose_device(device)
    return Predictor(net.to(where).eval(), spec, model["in_channels"], rule, where)


def predict_image(
    predictor: Predictor, pixels: PixelSource, *, image: str, run: str, block: int = BLOCK
) -> Generator[float, None, Prediction]:
    """Find the objects of one image; yield the share done; return the prediction.

    Parameters
    ----------
    pixels
        The image; its region is what is predicted.
    image, run
        Ids, for the record.
    block
        Edge of a block, pixels, a multiple of ``predictor.multiple``.

    Raises
    ------
    InputError
        If the image has another number of channels than the model was trained with.
    """
    if pixels.shape[0] != predictor.in_channels:
        raise InputError(
            f"The image has {pixels.shape[0]} channels, but the model was trained on "
            f"{predictor.in_channels}: choose the channels that it was trained on."
        )
    region = pixels.region
    origin = tuple(start for start, _ in region)
    ids = np.zeros(region_shape(region), np.int32)
    objects: list[FoundObject] = []
    blocks = list(_blocks(region, block))
    for number, core in enumerate(blocks):
        window, decided = _decide(predictor, pixels, core)
        _take_over(decided, window, core, region, ids, objects)
        yield (number + 1) / len(blocks)
    return Prediction(image, run, ids, tuple(objects), origin)


def _blocks(region: Region, edge: int) -> Iterator[Region]:
    """Divide a region into blocks; z is never divided."""
    ranges = [
        [(a, min(a + edge, stop)) for a in range(start, stop, edge)]
        if axis >= len(region) - 2
        else [(start, stop)]
        for axis, (start, stop) in enumerate(region)
    ]
    yield from product(*ranges)


def _decide(predictor: Predictor, pixels: PixelSource, core: Region) -> tuple[Region, Decoded]:
    """Return a block's inner margin and the objects decided in it."""
    step = predictor.multiple
    inner = _rounded(OBJECT_MARGIN * predictor.rule.diameter, step)
    outer = _rounded(receptive_radius(predictor.spec), step)
    window = _widened(core, inner, pixels.region)
    seen = _widened(core, inner + outer, pixels.region)
    maps = infer(predictor.net, pixels.read(seen), predictor.device, step)
    cut = region_slices(window, [start for start, _ in seen])
    return window, decode(maps[0][(slice(None), *cut)], maps[1][cut], predictor.rule)


def _rounded(length: float, multiple: int) -> int:
    return int(-(-length // multiple)) * multiple


def _widened(core: Region, margin: int, limit: Region) -> Region:
    return tuple(
        (max(a - margin, low), min(b + margin, high))
        for (a, b), (low, high) in zip(core, limit, strict=True)
    )


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
