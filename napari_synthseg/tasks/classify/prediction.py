"""Which classes an image of any size shows, by a classifier that takes it tile by tile."""

from __future__ import annotations

from collections.abc import Generator

from napari_synthseg.core.pixels import PixelSource
from napari_synthseg.core.predictions import ImageTagsPrediction
from napari_synthseg.core.progress import Progress
from napari_synthseg.tasks.classify.rule import ClassifyRule
from napari_synthseg.training.model import Predictor


def classify_image(
    predictor: Predictor,
    pixels: PixelSource,
    *,
    image: str,
    run: str,
    block: tuple[int, ...] | None,
) -> Generator[Progress, None, ImageTagsPrediction]:
    """Say which classes an image shows; yield the share done.

    It shows what any field of it shows, of the size that the classifier learned from.
    """
    import torch

    from napari_synthseg.networks.classifiers import PooledClassifier
    from napari_synthseg.tasks.classify.fields import strongest_field
    from napari_synthseg.training.tiles import Tiles, prepare_subject

    net, rule = predictor.net, predictor.rule
    assert isinstance(net, PooledClassifier)
    assert isinstance(rule, ClassifyRule)
    subject = prepare_subject(net, predictor.spec, len(rule.class_values), predictor.device)
    tiles = Tiles(subject, pixels, block)
    extents = [-(-n // net.stride) for n in tiles.shape]
    evidence = torch.empty((len(rule.class_values), *extents), device=predictor.device)
    strides = [net.stride] * len(extents)
    with torch.no_grad():
        for tile in tiles:
            core = tile.cut(net.body(tile.images), tile.core)
            evidence[(slice(None), *tile.places_of(strides))] = net.evidence(core)
            yield Progress(tiles.share)
        fields = [-(-n // net.stride) for n in rule.field]
        logits = strongest_field(evidence, fields) + net.head.bias
        shown = torch.sigmoid(logits).cpu().numpy()
    return ImageTagsPrediction(
        image=image,
        run=run,
        region_origin=tuple(start for start, _ in pixels.region),
        probabilities={
            v: round(float(p), 4) for v, p in zip(rule.class_values, shown, strict=True)
        },
        thresholds=dict(zip(rule.class_values, rule.thresholds, strict=True)),
    )
