"""Which classes an image of any size shows, by a classifier that takes it tile by tile.

An image shows what any field of it shows, of the size that the classifier learned from. Averaged
over the whole image, a few objects would count too little.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

import torch

from napari_synthseg.core.pixels import FloatImage, PixelSource, WantedSource
from napari_synthseg.core.predictions import ImageTagsPrediction
from napari_synthseg.core.progress import Progress
from napari_synthseg.networks.classifiers import PooledClassifier
from napari_synthseg.networks.receptive_field import receptive_radius
from napari_synthseg.tasks.classify import ClassifyRule
from napari_synthseg.training.model import Predictor
from napari_synthseg.training.tiles import Tile, Tiler

BLOCK_PX, VOLUME_BLOCK_PX, MAX_HALO_PX = 512, 128, 256
"""Edge of a tile without its halo, and the widest halo: very deep networks see farther, but
faintly."""


def classify_image(
    predictor: Predictor, pixels: PixelSource, block: tuple[int, ...] | None
) -> Generator[Progress, None, ImageTagsPrediction]:
    """Say which classes an image shows."""
    rule = predictor.rule
    assert isinstance(rule, ClassifyRule)
    found = (yield from find_probabilities(predictor, pixels, block)).tolist()
    return ImageTagsPrediction(
        probabilities={v: round(p, 4) for v, p in zip(rule.class_values, found, strict=True)},
        thresholds=dict(zip(rule.class_values, rule.thresholds, strict=True)),
    )


def find_probabilities(
    predictor: Predictor, pixels: PixelSource, block: tuple[int, ...] | None = None
) -> Generator[Progress, None, FloatImage]:
    """Return the probability (class,) that an image shows each class."""
    net, rule, dims = predictor.net, predictor.rule, predictor.spec.spatial_dims
    assert isinstance(net, PooledClassifier)
    assert isinstance(rule, ClassifyRule)
    if isinstance(pixels, WantedSource):  # what it shows is said of all of it
        pixels = pixels.source
    halo = [min(r, MAX_HALO_PX) for r in receptive_radius(predictor.spec)]
    edges = block or (BLOCK_PX if dims == 2 else VOLUME_BLOCK_PX,) * dims
    tiler = Tiler(pixels, edges, halo, (net.multiple,) * dims, predictor.device)

    def read(tile: Tile) -> torch.Tensor:
        with torch.inference_mode():
            return net.map_classes(net.body(tile.images)[0]).cpu()

    class_maps = yield from tiler.assemble(read)
    cells = [-(-n // net.multiple) for n in rule.field]
    with torch.inference_mode():
        logits = strongest_field(class_maps, cells) + net.head.bias.cpu()
        found: FloatImage = torch.sigmoid(logits.float()).numpy()
    return found


def strongest_field(class_maps: torch.Tensor, cells: Sequence[int]) -> torch.Tensor:
    """Return for each class the largest mean over fields that overlap by half.

    Parameters
    ----------
    class_maps
        What speaks for each class at each place, (class, [z,] y, x), on the CPU: Apple's GPUs know
        no double precision.
    cells
        Extents of a field in places, [z,] y, x; empty: the whole is one field. Where the whole is
        smaller, it is one field along that axis.
    """
    extents = list(class_maps.shape[1:])
    sizes = [min(c, n) for c, n in zip(cells or extents, extents, strict=True)]
    # sums of all before a place, so that a field of any size costs the same
    sums = class_maps.double()
    for axis, (size, extent) in enumerate(zip(sizes, extents, strict=True), start=1):
        before = torch.zeros_like(sums.narrow(axis, 0, 1))
        running = torch.cat([before, sums.cumsum(axis)], dim=axis)
        starts = torch.tensor(_starts(extent, size))
        ends = running.index_select(axis, starts + size)
        sums = (ends - running.index_select(axis, starts)) / size
    return sums.flatten(1).max(dim=1).values.to(class_maps.dtype)


def _starts(extent: int, size: int) -> list[int]:
    """Return where fields begin: every half of one, and one that ends at the end."""
    return [*range(0, extent - size, max(size // 2, 1)), extent - size]
