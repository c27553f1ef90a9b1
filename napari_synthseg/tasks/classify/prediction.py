"""Which classes an image of any size shows, by a classifier that takes it tile by tile."""

from __future__ import annotations

from collections.abc import Generator

from napari_synthseg.core.pixels import PixelSource
from napari_synthseg.core.predictions import ImageTagsPrediction
from napari_synthseg.core.progress import Progress
from napari_synthseg.tasks.classify.rule import ClassifyRule
from napari_synthseg.training.model import Predictor
from napari_synthseg.training.volumes import round_up

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
    import torch

    from napari_synthseg.networks.classifiers import PooledClassifier
    from napari_synthseg.networks.receptive_field import measure_radius
    from napari_synthseg.tasks.classify.fields import read_classes
    from napari_synthseg.training.tiles import Tiler

    net, rule = predictor.net, predictor.rule
    assert isinstance(net, PooledClassifier)
    assert isinstance(rule, ClassifyRule)
    dims = predictor.spec.spatial_dims
    multiple = (net.stride,) * dims
    radius = measure_radius(net.body, predictor.in_channels, multiple)
    edge = BLOCK_PX if dims == 2 else VOLUME_BLOCK_PX
    edges = block or [round_up(edge, m) for m in multiple]
    tiler = Tiler(pixels, edges, [min(r, MAX_HALO_PX) for r in radius], multiple, predictor.device)
    evidence = torch.empty(0)
    for tile in tiler:
        with torch.inference_mode():
            features = net.body(tile.images)[0]
            part = net.evidence(tile.cut(features, tile.core))
            if not evidence.numel():
                extents = [-(-n // s) for n, s in zip(tiler.shape, multiple, strict=True)]
                evidence = part.new_empty((len(part), *extents))
            evidence[(slice(None), *tile.places(features))] = part
        yield tiler.progress()
    with torch.inference_mode():
        probabilities = read_classes(net, evidence, rule.field)
    return ImageTagsPrediction(
        image=image,
        run=run,
        region_origin=tuple(start for start, _ in pixels.region),
        probabilities={
            v: round(float(p), 4) for v, p in zip(rule.class_values, probabilities, strict=True)
        },
        thresholds=dict(zip(rule.class_values, rule.thresholds, strict=True)),
    )
