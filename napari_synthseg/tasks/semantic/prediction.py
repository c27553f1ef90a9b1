"""The class of each pixel of an image of any size, block by block.

Each block is read with a margin as wide as the network can see, so that the outcome is that of the
whole image, and the memory that is needed that of a block.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_synthseg.core.pixels import PixelSource
from napari_synthseg.core.predictions import RegionPrediction
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.networks.receptive_field import receptive_radius
from napari_synthseg.tasks.semantic.rule import SemanticRule
from napari_synthseg.training.model import Predictor
from napari_synthseg.training.tiles import Tile, Tiler, run_network
from napari_synthseg.training.volumes import block_shape


def find_regions(
    predictor: Predictor,
    pixels: PixelSource,
    *,
    image: str,
    run: str,
    block: tuple[int, ...] | None,
) -> Generator[Progress, None, RegionPrediction]:
    """Give each pixel of an image a class.

    See `predict_image` for the parameters.
    """
    rule = predictor.rule
    assert isinstance(rule, SemanticRule)
    values = yield from class_values_of(
        predictor.net, predictor.spec, rule, pixels, predictor.device, block
    )
    origin = tuple(start for start, _ in pixels.region)
    return RegionPrediction(image=image, run=run, region_origin=origin, values=values)


def class_values_of(
    net: nn.Module,
    spec: ModelSpec,
    rule: SemanticRule,
    pixels: PixelSource,
    device: torch.device,
    block: tuple[int, ...] | None = None,
) -> Generator[Progress, None, NDArray[np.uint8]]:
    """Return the class value of each pixel, uint8 ([z,] y, x).

    Parameters
    ----------
    net
        In evaluation mode, on `device`.
    spec
        What it was built from.
    rule
        How its outputs are read.
    pixels
        The image; its region is what is looked at.
    block
        Shape of a block, pixels; default: by the kind of image.
    """
    table = torch.tensor([0, *rule.class_values], dtype=torch.uint8)
    edges = block or block_shape(spec, rule.spacing)
    tiler = Tiler(pixels, edges, receptive_radius(spec), spec.multiple, device)

    def read(tile: Tile) -> torch.Tensor:
        return table[run_network(net, tile.images).argmax(dim=0, keepdim=True).cpu()]

    values: NDArray[np.uint8] = (yield from tiler.assemble(read))[0].numpy()
    return values
