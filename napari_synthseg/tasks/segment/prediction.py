"""The objects of a whole image of any size, block by block.

Each block is read with a margin. The margin's outer part is as wide as the network can see, so
that the network's output in the block is that of the whole image; its inner part is what objects
are decided in, see `blocks`.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from napari_synthseg.core.geometry import Region, region_slices, widen_region
from napari_synthseg.core.pixels import PixelSource, WantedSource, WindowSource
from napari_synthseg.core.predictions import InstancePrediction
from napari_synthseg.core.progress import Progress, subprogress, told_as
from napari_synthseg.networks.receptive_field import receptive_radius
from napari_synthseg.tasks.canvas import canvas_for
from napari_synthseg.tasks.segment import SegmentRule
from napari_synthseg.tasks.segment.blocks import BlockDecoder, OutputMaps
from napari_synthseg.training.model import Predictor
from napari_synthseg.training.tiles import Tile, Tiler, run_network
from napari_synthseg.training.volumes import block_shape, round_up


def find_in_image(
    predictor: Predictor, pixels: PixelSource, block: tuple[int, ...] | None
) -> Generator[Progress, None, InstancePrediction]:
    """Find the objects of one image; of a resampled one, in pixels of the image itself."""
    rule = predictor.rule
    assert isinstance(rule, SegmentRule)
    spec, whole = predictor.spec, pixels.region
    edges = block or block_shape(spec, predictor.spacing)
    canvas = canvas_for(pixels)
    source = pixels.source if isinstance(pixels, WantedSource) else pixels
    sight = [round_up(r, m) for r, m in zip(receptive_radius(spec), spec.multiple, strict=True)]

    def read(window: Region) -> Generator[Progress, None, OutputMaps]:
        around = WindowSource(source, widen_region(window, sight, whole))
        work = predict_maps(predictor, around, tile)
        maps = yield from told_as(lambda _: nullcontext(Progress(0.0)), work)
        inside = region_slices(window, [start for start, _ in around.region])
        return maps[0][(slice(None), *inside)], maps[1][inside]

    decoder = BlockDecoder(read, rule, whole, spec.multiple, canvas)
    halo = [m + s for m, s in zip(decoder.margin, sight, strict=True)]
    tile = tuple(edge + 2 * h for edge, h in zip(edges, halo, strict=True))
    blocks = Tiler(pixels, edges, halo, spec.multiple, predictor.device).cores
    for number, core in enumerate(blocks):
        share, words = number / len(blocks), f"tile {number + 1} of {len(blocks)}"
        yield from subprogress(decoder.decide(core), share, share, words)
        yield Progress((number + 1) / len(blocks), words)
    return replace((yield from canvas.finish()), notes=decoder.notes)


def predict_maps(
    predictor: Predictor, pixels: PixelSource, block: tuple[int, ...]
) -> Generator[Progress, None, OutputMaps]:
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
