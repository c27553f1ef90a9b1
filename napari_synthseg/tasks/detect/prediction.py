"""The boxes of the objects on an image of any size, tile by tile.

Each tile is read with a margin as wide as the network sees and as the largest boxes are, and a box
belongs to the tile that holds its middle.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.geometry import Region, divide_region, widen_region
from napari_synthseg.core.pixels import FloatImage, PixelSource
from napari_synthseg.core.predictions import BoxPrediction, FoundObject
from napari_synthseg.core.progress import Progress
from napari_synthseg.networks.detectors import Detector
from napari_synthseg.networks.receptive_field import measure_radius
from napari_synthseg.tasks.detect.heads import read_boxes
from napari_synthseg.tasks.detect.rule import DetectRule
from napari_synthseg.training.model import Predictor
from napari_synthseg.training.volumes import round_up

if TYPE_CHECKING:
    import torch
    from torch import nn

BLOCK = 832
"""Edge of a tile without its margin, pixels: twice 416."""

WIDEST = 512
"""Widest margin that the network's sight asks for, pixels."""

LEAST = 0.01
"""Smallest score of a candidate: average precision ranks them all."""


def detect_in_image(
    predictor: Predictor,
    pixels: PixelSource,
    *,
    image: str,
    run: str,
    block: tuple[int, ...] | None,
) -> Generator[Progress, None, BoxPrediction]:
    """Find the boxes of one image; yield the share done; return the prediction.

    See `predict_image` for the parameters.
    """
    net, rule = predictor.net, predictor.rule
    assert isinstance(net, Detector)
    assert isinstance(rule, DetectRule)
    radius = measure_radius(net, predictor.in_channels, (net.multiple, net.multiple))
    largest = 1.5 * float(rule.sizes.max())
    margin = [round_up(max(min(r, WIDEST), largest), net.multiple) for r in radius]
    edges = block or (BLOCK, BLOCK)
    cores = list(divide_region(pixels.region, edges))
    found: list[FoundObject] = []
    for number, core in enumerate(cores):
        seen = widen_region(core, margin, pixels.region)
        output = run_detector(net, pixels.read(seen), predictor.device, net.multiple)
        found += _own(read_boxes(output, rule, LEAST), seen, core, pixels.region)
        yield Progress((number + 1) / len(cores))
    found.sort(key=lambda o: -o.score)
    least = dict(zip(rule.class_values, rule.thresholds, strict=True))
    return BoxPrediction(
        image=image,
        run=run,
        region_origin=tuple(start for start, _ in pixels.region),
        objects=tuple(_numbered([o for o in found if o.score >= least[o.cls]])),
        candidates=tuple(_numbered(found)),
    )


def run_detector(
    net: nn.Module, image: FloatImage, device: torch.device, multiple: int
) -> FloatImage:
    """Return a detector's output for an image (channel, y, x), extended to a `multiple`."""
    import torch

    extra = [(0, 0)] + [(0, -n % multiple) for n in image.shape[1:]]
    padded = np.pad(image, extra, mode="edge")
    with torch.inference_mode():
        output = net(torch.from_numpy(np.ascontiguousarray(padded))[None].to(device))
        found: FloatImage = output[0].float().cpu().numpy()
    return found


def _own(boxes: Boxes, seen: Region, core: Region, whole: Region) -> list[FoundObject]:
    """Return the boxes whose middle lies in the core, cut at the border of the image."""
    start = np.array([a for a, _ in seen], float)
    low, high = np.array(whole, float).T
    objects = []
    for box, cls, score in zip(boxes.corners, boxes.classes, boxes.scores, strict=True):
        corners = box.reshape(2, 2) + start
        middle = corners.mean(axis=0)
        # what lies beyond the image has its middle moved onto it
        inside = np.clip(middle, low, high - 1e-6)
        if all(a <= m < b for (a, b), m in zip(core, inside, strict=True)):
            first, last = np.clip(corners, low, high)
            edges = tuple(
                (round(float(a), 2), round(float(b), 2)) for a, b in zip(first, last, strict=True)
            )
            center = tuple((a + b) / 2 - 0.5 for a, b in edges)  # pixel centers are whole numbers
            objects.append(FoundObject(0, int(cls), round(float(score), 4), center, edges))
    return objects


def _numbered(objects: list[FoundObject]) -> list[FoundObject]:
    return [replace(o, id=number) for number, o in enumerate(objects, start=1)]
