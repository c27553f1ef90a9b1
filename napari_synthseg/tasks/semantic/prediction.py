"""The class of each pixel of an image of any size, block by block.

Each block is read with a margin as wide as the network can see, so that the outcome is that of the
whole image, and the memory that is needed that of a block.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from numpy.typing import NDArray

from napari_synthseg.core.pixels import PixelSource
from napari_synthseg.core.predictions import RegionPrediction
from napari_synthseg.core.progress import Progress
from napari_synthseg.networks.receptive_field import receptive_radius
from napari_synthseg.training.model import Predictor
from napari_synthseg.training.tiles import Tile, Tiler, run_network
from napari_synthseg.training.volumes import block_shape


def find_regions(
    predictor: Predictor, pixels: PixelSource, block: tuple[int, ...] | None
) -> Generator[Progress, None, RegionPrediction]:
    """Give each pixel of an image a class."""
    return RegionPrediction(values=(yield from class_values_of(predictor, pixels, block)))


def class_values_of(
    predictor: Predictor, pixels: PixelSource, block: tuple[int, ...] | None
) -> Generator[Progress, None, NDArray[np.uint8]]:
    """Return the class value of each pixel, uint8 ([z,] y, x)."""
    spec = predictor.spec
    table = torch.tensor([0, *predictor.rule.class_values], dtype=torch.uint8)
    edges = block or block_shape(spec, predictor.spacing)
    tiler = Tiler(pixels, edges, receptive_radius(spec), spec.multiple, predictor.device)

    def read(tile: Tile) -> torch.Tensor:
        return table[run_network(predictor.net, tile.images).argmax(dim=0, keepdim=True).cpu()]

    values: NDArray[np.uint8] = (yield from tiler.assemble(read))[0].numpy()
    return values
