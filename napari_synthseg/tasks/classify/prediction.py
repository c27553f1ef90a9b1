"""Which classes an image of any size shows, by a classifier that takes it tile by tile."""

from __future__ import annotations

from collections.abc import Generator
from functools import lru_cache

import torch
from torch import nn

from napari_synthseg.core.pixels import FloatImage, PixelSource
from napari_synthseg.core.predictions import ImageTagsPrediction
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.networks.classifiers import PooledClassifier
from napari_synthseg.networks.receptive_field import measure_radius
from napari_synthseg.networks.registry import build_network
from napari_synthseg.tasks.classify.fields import read_classes
from napari_synthseg.tasks.classify.rule import ClassifyRule
from napari_synthseg.training.model import Predictor
from napari_synthseg.training.tiles import Tile, Tiler

BLOCK_PX, VOLUME_BLOCK_PX, MAX_HALO_PX = 512, 128, 256
"""Edge of a tile without its halo, and the widest halo: very deep networks see farther, but
faintly."""


def classify_image(
    predictor: Predictor,
    pixels: PixelSource,
    *,
    image: str,
    run: str,
    block: tuple[int, ...] | None,
) -> Generator[Progress, None, ImageTagsPrediction]:
    """Say which classes an image shows.

    It shows what any field of it shows, of the size that the classifier learned from.
    """
    rule = predictor.rule
    assert isinstance(rule, ClassifyRule)
    probabilities = yield from find_probabilities(
        predictor.net, predictor.spec, rule, pixels, predictor.device, block
    )
    return ImageTagsPrediction(
        image=image,
        run=run,
        region_origin=tuple(start for start, _ in pixels.region),
        probabilities={
            v: round(float(p), 4) for v, p in zip(rule.class_values, probabilities, strict=True)
        },
        thresholds=dict(zip(rule.class_values, rule.thresholds, strict=True)),
    )


def find_probabilities(
    net: nn.Module,
    spec: ModelSpec,
    rule: ClassifyRule,
    pixels: PixelSource,
    device: torch.device,
    block: tuple[int, ...] | None = None,
) -> Generator[Progress, None, FloatImage]:
    """Return the probability (class,) that an image shows each class.

    Parameters
    ----------
    net
        In evaluation mode, on `device`.
    spec
        What it was built from.
    block
        Shape of a tile without its halo, pixels; default: by the kind of image.
    """
    assert isinstance(net, PooledClassifier)
    dims = spec.spatial_dims
    halo = [min(r, MAX_HALO_PX) for r in _sight(spec)]
    edges = block or (BLOCK_PX if dims == 2 else VOLUME_BLOCK_PX,) * dims
    tiler = Tiler(pixels, edges, halo, (net.stride,) * dims, device)

    def read(tile: Tile) -> torch.Tensor:
        with torch.inference_mode():
            return net.evidence(net.body(tile.images)[0])

    evidence = yield from tiler.assemble(read)
    with torch.inference_mode():
        return read_classes(net, evidence, rule.field)


@lru_cache(maxsize=32)
def _sight(spec: ModelSpec) -> tuple[int, ...]:
    """Return how far feature maps see, pixels along each axis."""
    net = build_network(spec, 1, 1)
    assert isinstance(net, PooledClassifier)
    return measure_radius(net.body, 1, (net.stride,) * spec.spatial_dims)
