"""The boxes of the objects on an image of any size, tile by tile.

Each tile is read with a margin as wide as the network sees and as the largest boxes are, and a box
belongs to the tile that holds its middle.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace

import numpy as np

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.pixels import PixelSource
from napari_synthseg.core.predictions import BoxPrediction, FoundObject
from napari_synthseg.core.progress import Progress
from napari_synthseg.networks.detectors import Detector
from napari_synthseg.networks.receptive_field import receptive_radius
from napari_synthseg.tasks.detect import DetectRule
from napari_synthseg.tasks.detect.heads import FORMS
from napari_synthseg.training.model import Predictor
from napari_synthseg.training.tiles import Tile, Tiler, run_network

BLOCK_PX = 832
"""Edge of a tile without its halo: twice 416."""

MAX_SIGHT_PX = 512
"""Widest halo that the network's sight asks for."""

MIN_SCORE = 0.01
"""Smallest score of a candidate: average precision ranks them all."""


def detect_in_image(
    predictor: Predictor, pixels: PixelSource, block: tuple[int, ...] | None
) -> Generator[Progress, None, BoxPrediction]:
    """Find the boxes of one image, cut at its border."""
    rule = predictor.rule
    assert isinstance(rule, DetectRule)
    boxes = yield from find_boxes_in(predictor, pixels, block or (BLOCK_PX, BLOCK_PX))
    low, high = np.array(pixels.region, float).T
    found: list[FoundObject] = []
    for box, cls, score in zip(boxes.corners, boxes.classes, boxes.scores, strict=True):
        first, last = np.clip(box.reshape(2, 2), low, high).tolist()
        edges = tuple((round(a, 2), round(b, 2)) for a, b in zip(first, last, strict=True))
        if any(start >= stop for start, stop in edges):  # it lies beyond the border
            continue
        center = tuple((a + b) / 2 - 0.5 for a, b in edges)  # pixel centers are whole numbers
        found.append(FoundObject(0, int(cls), round(float(score), 4), center, edges))
    found.sort(key=lambda o: -o.score)
    least = dict(zip(rule.class_values, rule.thresholds, strict=True))
    reported = [o for o in found if o.score >= least[o.cls]]
    return BoxPrediction(objects=_numbered(reported), candidates=_numbered(found))


def find_boxes_in(
    predictor: Predictor, pixels: PixelSource, block: Sequence[int], min_score: float = MIN_SCORE
) -> Generator[Progress, None, Boxes]:
    """Return the candidates on an image, in pixels of the whole image."""
    net, rule = predictor.net, predictor.rule
    assert isinstance(net, Detector)
    assert isinstance(rule, DetectRule)
    largest = 1.5 * float(rule.sizes.max())
    halo = [max(min(r, MAX_SIGHT_PX), largest) for r in receptive_radius(predictor.spec)]
    tiler = Tiler(pixels, block, halo, (net.multiple,) * 2, predictor.device)
    found: list[Boxes] = []
    for tile in tiler:
        output = run_network(net, tile.images).cpu().numpy()
        found.append(_own(FORMS[rule.form].read(output, rule, min_score), tile))
        yield tiler.progress()
    return Boxes.joined(found)


def _own(boxes: Boxes, tile: Tile) -> Boxes:
    """Return the boxes whose middle lies in the tile's core, in pixels of the whole image."""
    moved = boxes.shifted([start for start, _ in tile.window])
    low, high = np.array(tile.whole, float).T
    first, last = np.array(tile.core, float).T
    # what lies beyond the image has its middle moved onto it
    middles = np.clip((moved.corners[:, :2] + moved.corners[:, 2:]) / 2, low, high - 1e-6)
    return moved.take(((first <= middles) & (middles < last)).all(axis=1))


def _numbered(objects: list[FoundObject]) -> tuple[FoundObject, ...]:
    return tuple(replace(o, id=number) for number, o in enumerate(objects, start=1))
