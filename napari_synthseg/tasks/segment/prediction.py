"""The objects of a whole image of any size, block by block.

Each block is read with a margin. The margin's outer part is as wide as the network can see, so
that the network's output in the block is that of the whole image; its inner part is as wide as a
few objects, so that every object that has its core in the block is decided as in the whole image.
An object belongs to the block that holds its core.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial

import numpy as np
import torch
from scipy.ndimage import find_objects
from torch import nn

from napari_synthseg.core.geometry import Region, contains, widen_region
from napari_synthseg.core.pixels import FloatImage, PixelSource
from napari_synthseg.core.predictions import InstancePrediction
from napari_synthseg.core.progress import Progress
from napari_synthseg.networks.receptive_field import receptive_radius
from napari_synthseg.tasks.canvas import Canvas, canvas_for
from napari_synthseg.tasks.segment import SegmentRule
from napari_synthseg.tasks.segment.decoding import Decoded, decode
from napari_synthseg.training.model import Predictor
from napari_synthseg.training.tiles import Tile, Tiler, run_network
from napari_synthseg.training.volumes import block_shape, round_up

OBJECT_MARGIN_DIAMETERS = 2.0
"""Width of the margin in which objects are decided, typical diameters."""


def find_in_image(
    predictor: Predictor, pixels: PixelSource, block: tuple[int, ...] | None
) -> Generator[Progress, None, InstancePrediction]:
    """Find the objects of one image; of a resampled one, in pixels of the image itself."""
    rule = predictor.rule
    assert isinstance(rule, SegmentRule)
    spec, region = predictor.spec, pixels.region
    inner = [
        round_up(OBJECT_MARGIN_DIAMETERS * rule.diameter / s, m)
        for s, m in zip(predictor.spacing, spec.multiple, strict=True)
    ]
    outer = [round_up(r, m) for r, m in zip(receptive_radius(spec), spec.multiple, strict=True)]
    halo = [i + o for i, o in zip(inner, outer, strict=True)]
    edges = block or block_shape(spec, predictor.spacing)
    canvas = canvas_for(pixels)
    tiler = Tiler(pixels, edges, halo, spec.multiple, predictor.device)
    for tile in tiler:
        window = widen_region(tile.core, inner, region)
        maps = tile.cut(read_output(predictor.net, tile), window).numpy()
        decided = decode(maps[:-1], maps[-1], rule)
        _take_over(decided, window, tile.core, canvas)
        yield tiler.progress()
    return (yield from canvas.finish())


def predict_maps(
    predictor: Predictor, pixels: PixelSource, block: tuple[int, ...]
) -> Generator[Progress, None, tuple[FloatImage, FloatImage]]:
    """Return the class probabilities and the inner distance of an image.

    Returns
    -------
    probabilities
        (1 + classes, [z,] y, x) float32.
    distance
        ([z,] y, x) float32 in 0..1.
    """
    spec = predictor.spec
    tiler = Tiler(pixels, block, receptive_radius(spec), spec.multiple, predictor.device)
    maps = (yield from tiler.assemble(partial(read_output, predictor.net))).numpy()
    return maps[:-1], maps[-1]


def read_output(net: nn.Module, tile: Tile) -> torch.Tensor:
    """Return class probabilities and inner distance (1 + classes + 1, ...) of a tile's images."""
    return activate(run_network(net, tile.images)[None])[0].cpu()


def activate(output: torch.Tensor) -> torch.Tensor:
    """Return class probabilities and inner distance from outputs, batch first."""
    return torch.cat([torch.softmax(output[:, :-1], dim=1), torch.sigmoid(output[:, -1:])], dim=1)


def _take_over(decided: Decoded, window: Region, core: Region, canvas: Canvas) -> None:
    """Put the objects whose core lies in the block on the canvas."""
    starts = np.array([a for a, _ in window])
    for index, box in enumerate(find_objects(decided.ids)):
        if box is None or not contains(core, decided.cores[index] + starts):
            continue
        corner = np.add([s.start for s in box], starts).tolist()
        cls, score = int(decided.classes[index]), round(float(decided.scores[index]), 4)
        canvas.put(decided.ids[box] == index + 1, corner, cls, score)
