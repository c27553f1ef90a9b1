"""The boxes of the objects on an image of any size, tile by tile.

Each tile is read with a margin as wide as the network sees and as the largest boxes are, and a box
belongs to the tile that holds its middle.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import numpy as np

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.pixels import PixelSource
from napari_synthseg.core.predictions import BoxPrediction, FoundObject
from napari_synthseg.core.progress import Progress
from napari_synthseg.networks.detectors import Detector
from napari_synthseg.networks.receptive_field import measure_radius
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
    """Find the boxes of one image.

    See `predict_image` for the parameters.
    """
    net, rule = predictor.net, predictor.rule
    assert isinstance(net, Detector)
    assert isinstance(rule, DetectRule)
    radius = measure_radius(net, predictor.in_channels, (net.multiple, net.multiple))
    largest = 1.5 * float(rule.sizes.max())
    halo = [max(min(r, MAX_SIGHT_PX), largest) for r in radius]
    edges = block or (BLOCK_PX, BLOCK_PX)
    multiple = (net.multiple, net.multiple)
    tiler = Tiler(pixels, edges, halo, multiple, predictor.device)
    found: list[FoundObject] = []
    for tile in tiler:
        output = run_network(net, tile.images).cpu().numpy()
        found += _own(read_boxes(output, rule, MIN_SCORE), tile)
        yield tiler.progress()
    found.sort(key=lambda o: -o.score)
    least = dict(zip(rule.class_values, rule.thresholds, strict=True))
    return BoxPrediction(
        image=image,
        run=run,
        region_origin=tuple(start for start, _ in pixels.region),
        objects=tuple(_numbered([o for o in found if o.score >= least[o.cls]])),
        candidates=tuple(_numbered(found)),
    )


def _own(boxes: Boxes, tile: Tile) -> list[FoundObject]:
    """Return the boxes whose middle lies in the tile's core, cut at the border of the image."""
    start = np.array([a for a, _ in tile.window], float)
    low, high = np.array(tile.whole, float).T
    objects = []
    for box, cls, score in zip(boxes.corners, boxes.classes, boxes.scores, strict=True):
        corners = box.reshape(2, 2) + start
        middle = corners.mean(axis=0)
        # what lies beyond the image has its middle moved onto it
        inside = np.clip(middle, low, high - 1e-6)
        if all(a <= m < b for (a, b), m in zip(tile.core, inside, strict=True)):
            first, last = np.clip(corners, low, high)
            edges = tuple(
                (round(float(a), 2), round(float(b), 2)) for a, b in zip(first, last, strict=True)
            )
            center = tuple((a + b) / 2 - 0.5 for a, b in edges)  # pixel centers are whole numbers
            objects.append(FoundObject(0, int(cls), round(float(score), 4), center, edges))
    return objects


def _numbered(objects: list[FoundObject]) -> list[FoundObject]:
    return [replace(o, id=number) for number, o in enumerate(objects, start=1)]
