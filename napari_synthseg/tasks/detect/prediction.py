"""The boxes of the objects on an image of any size, tile by tile.

Each tile is read with a margin as wide as the network sees and as the largest boxes are, and a box
belongs to the tile that holds its middle.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from torch import nn

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.pixels import PixelSource
from napari_synthseg.core.predictions import BoxPrediction, FoundObject
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.networks.detectors import Detector
from napari_synthseg.networks.receptive_field import measure_radius
from napari_synthseg.networks.registry import build_network
from napari_synthseg.tasks.detect.heads import read_boxes
from napari_synthseg.tasks.detect.rule import DetectRule
from napari_synthseg.training.model import Predictor
from napari_synthseg.training.tiles import Tile, Tiler, run_network

BLOCK_PX = 832
"""Edge of a tile without its halo: twice 416."""

MAX_SIGHT_PX = 512
"""Widest halo that the network's sight asks for."""

MIN_SCORE = 0.01
"""Smallest score of a candidate: average precision ranks them all."""


def detect_in_image(
    predictor: Predictor,
    pixels: PixelSource,
    *,
    image: str,
    run: str,
    block: tuple[int, ...] | None,
) -> Generator[Progress, None, BoxPrediction]:
    """Find the boxes of one image, cut at its border.

    See `predict_image` for the parameters.
    """
    rule = predictor.rule
    assert isinstance(rule, DetectRule)
    boxes = yield from find_boxes_in(
        predictor.net, predictor.spec, rule, pixels, predictor.device, block or (BLOCK_PX, BLOCK_PX)
    )
    low, high = np.array(pixels.region, float).T
    found: list[FoundObject] = []
    for box, cls, score in zip(boxes.corners, boxes.classes, boxes.scores, strict=True):
        first, last = np.clip(box.reshape(2, 2), low, high).tolist()
        edges = tuple((round(a, 2), round(b, 2)) for a, b in zip(first, last, strict=True))
        center = tuple((a + b) / 2 - 0.5 for a, b in edges)  # pixel centers are whole numbers
        found.append(FoundObject(0, int(cls), round(float(score), 4), center, edges))
    found.sort(key=lambda o: -o.score)
    least = dict(zip(rule.class_values, rule.thresholds, strict=True))
    return BoxPrediction(
        image=image,
        run=run,
        region_origin=tuple(start for start, _ in pixels.region),
        objects=tuple(_numbered([o for o in found if o.score >= least[o.cls]])),
        candidates=tuple(_numbered(found)),
    )


def find_boxes_in(
    net: nn.Module,
    spec: ModelSpec,
    rule: DetectRule,
    pixels: PixelSource,
    device: torch.device,
    block: Sequence[int],
    min_score: float = MIN_SCORE,
) -> Generator[Progress, None, Boxes]:
    """Return the candidates on an image, in pixels of the whole image.

    Parameters
    ----------
    net
        In evaluation mode, on `device`.
    spec
        What it was built from.
    block
        Shape of a tile without its halo, pixels.
    """
    assert isinstance(net, Detector)
    largest = 1.5 * float(rule.sizes.max())
    halo = [max(min(r, MAX_SIGHT_PX), largest) for r in _sight(spec)]
    tiler = Tiler(pixels, block, halo, (net.multiple,) * 2, device)
    found: list[Boxes] = []
    for tile in tiler:
        output = run_network(net, tile.images).cpu().numpy()
        found.append(_own(read_boxes(output, rule, min_score), tile))
        yield tiler.progress()
    return Boxes.joined(found)


@lru_cache(maxsize=32)
def _sight(spec: ModelSpec) -> tuple[int, ...]:
    """Return how far a detector sees, pixels along each axis."""
    net = build_network(spec, 1, 1)
    assert isinstance(net, Detector)
    return measure_radius(net, 1, (net.multiple,) * 2)


def _own(boxes: Boxes, tile: Tile) -> Boxes:
    """Return the boxes whose middle lies in the tile's core, in pixels of the whole image."""
    moved = boxes.shifted([start for start, _ in tile.window])
    low, high = np.array(tile.whole, float).T
    first, last = np.array(tile.core, float).T
    # what lies beyond the image has its middle moved onto it
    middles = np.clip((moved.corners[:, :2] + moved.corners[:, 2:]) / 2, low, high - 1e-6)
    return moved.take(((first <= middles) & (middles < last)).all(axis=1))


def _numbered(objects: list[FoundObject]) -> list[FoundObject]:
    return [replace(o, id=number) for number, o in enumerate(objects, start=1)]
