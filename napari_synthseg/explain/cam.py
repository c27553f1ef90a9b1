"""Class activation maps: where in an image lies what speaks for a class.

A map is a weighted sum of the feature maps of one layer. The methods differ in the weights, which
are taken over the whole image, never over a tile: so a map of an image of any size, worked out tile
by tile, is the map of the whole image, and all of it has one scale. Maps are raw: nothing is cut
off at 0 or stretched.

- ``cam``: the weights of the class in the classifier's last layer (Zhou et al., "Learning deep
  features for discriminative localization", 2016). The mean of the map plus the bias is the logit.
- ``gradcam``: the mean gradient of the class's figure with respect to each feature map (Selvaraju
  et al., "Grad-CAM", 2017). From any layer, as all below.
- ``gradcam++``: positive gradients only, weighted by how alone each place is with its gradient
  (Chattopadhay et al., "Grad-CAM++", 2018).
- ``ablation``: how far the class's figure falls when a feature map is set to 0; needs no gradient,
  but one pass for each feature map (Ramaswamy and Desai, "Ablation-CAM", 2020).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from functools import partial

import torch
from torch import nn

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.pixels import FloatImage, PixelSource, ScaledSource, resample
from napari_synthseg.core.predictions import HeatMaps
from napari_synthseg.core.progress import Progress
from napari_synthseg.explain.model import ExplainedModel, capture_activations
from napari_synthseg.training.class_logits import ClassLogits
from napari_synthseg.training.model import Predictor
from napari_synthseg.training.tiles import Tile, Tiler

Weigher = Callable[[ExplainedModel, Tiler], Generator[Progress, None, torch.Tensor]]
"""Returns the weights (class, feature) of feature maps; yields at each tile."""


def explain_image(
    predictor: Predictor,
    logits: ClassLogits,
    pixels: PixelSource,
    *,
    image: str,
    run: str,
    method: str,
    layer: str = "",
) -> Generator[Progress, None, HeatMaps]:
    """Map where on an image a model finds what speaks for each class.

    Parameters
    ----------
    logits
        The predictor's class logits, from its task.
    pixels
        The image; its region is what is mapped.
    image, run
        Ids, for the record.
    method, layer
        How. No layer: the last one before the classes.

    Raises
    ------
    InputError
        If the image, method or layer do not go with the model.
    """
    predictor.check(pixels)
    values = predictor.rule.class_values
    model = ExplainedModel(logits, predictor.device, layer or logits.layer)
    maps = yield from map_classes(model, pixels, method)
    if isinstance(pixels, ScaledSource):
        corner, full = [a for a, _ in pixels.region], pixels.source
        back = [1 / f for f in pixels.factors]
        maps, pixels = resample(maps, corner, full.region, back), full
    return HeatMaps(
        image=image,
        run=run,
        maps=dict(zip(values, maps, strict=True)),
        method=method,
        layer=model.layer,
        region_origin=tuple(start for start, _ in pixels.region),
    )


def map_classes(
    model: ExplainedModel, pixels: PixelSource, method: str, block: tuple[int, ...] | None = None
) -> Generator[Progress, None, FloatImage]:
    """Return the class activation maps of an image.

    Parameters
    ----------
    model
        The network and the layer.
    pixels
        The image.
    method
        How feature maps are weighted: one of `METHODS`.
    block
        Shape of a tile without its halo, multiples of what the network takes.

    Returns
    -------
    float32, shape (class, [z,] y, x), at the image's own size.

    Raises
    ------
    InputError
        If there is no such method, or it cannot be used with the network or layer.
    """
    if method not in METHODS:
        raise InputError(f"There is no method '{method}': choose {', '.join(METHODS)}.")
    weigh, passes = METHODS[method]
    tiler = model.tile(pixels, block, passes + 1)
    weights = yield from weigh(model, tiler)
    strides = _strides(model, tiler, model.features)

    def read(tile: Tile) -> torch.Tensor:
        maps = model.features(tile.images)
        part: torch.Tensor = torch.tensordot(weights.to(maps.dtype).to(maps.device), maps, dims=1)
        return part.cpu()

    result = yield from tiler.assemble(read)
    mode = "bilinear" if len(strides) == 2 else "trilinear"
    size = [n * s for n, s in zip(result.shape[1:], strides, strict=True)]
    full = nn.functional.interpolate(result[None], size=size, mode=mode, align_corners=False)[0]
    return full[(slice(None), *(slice(0, n) for n in tiler.shape))].numpy()


# --- weights --------------------------------------------------------------------------------------


def weigh_by_class(model: ExplainedModel, tiler: Tiler) -> Generator[Progress, None, torch.Tensor]:
    """Take the weights of the classifier's last layer."""
    yield from ()
    if model.logits.weights is None:
        raise InputError("The method 'cam' is for classifiers only: choose gradcam or another one.")
    if model.layer != model.logits.layer:
        raise InputError(
            f"The method 'cam' looks at the layer '{model.logits.layer}', the last before the "
            "classes: leave the layer out, or choose gradcam."
        )
    return model.logits.weights.cpu().double()


def weigh_by_gradient(
    model: ExplainedModel, tiler: Tiler
) -> Generator[Progress, None, torch.Tensor]:
    """Take the mean gradient of each class's figure."""
    total, places = torch.zeros(()), 0
    for maps, gradients in _gradients(model, tiler):
        total = total + gradients.flatten(2).sum(dim=2)
        places += math.prod(maps.shape[1:])
        yield tiler.progress()
    return total / places


def weigh_by_positive_gradients(
    model: ExplainedModel, tiler: Tiler
) -> Generator[Progress, None, torch.Tensor]:
    """Take positive gradients only, weighted by how alone each place is with its gradient."""
    sums = torch.zeros(())
    for tile in tiler:
        maps = tile.cut(model.features(tile.images), tile.core)
        sums = sums + maps.cpu().double().flatten(1).sum(dim=1)
        yield tiler.progress()
    weights = torch.zeros(())
    for _, gradients in _gradients(model, tiler):
        flat = gradients.flatten(2)
        alone = 1 / (2 + flat * sums[:, None])
        weights = weights + (alone * flat.clamp(min=0)).sum(dim=2)
        yield tiler.progress()
    return weights


def weigh_by_ablation(
    model: ExplainedModel, tiler: Tiler
) -> Generator[Progress, None, torch.Tensor]:
    """Measure how far each class's figure falls without each feature map."""
    net, number = model.logits.net, _count_places(model, tiler)
    falls = torch.zeros(())
    for tile in tiler:
        features = len(model.features(tile.images))
        with torch.no_grad():
            logits, counts = model.logits.measure(tile.images)
        found = []
        for feature in range(features):
            change = partial(_without, feature=feature)
            with torch.no_grad(), capture_activations(net, model.layer, change):
                less, _ = model.logits.measure(tile.images)
            fall = tile.cut(((logits - less) * counts)[0], tile.core).cpu().double()
            found.append(fall.flatten(1).sum(dim=1) / number)
            yield tiler.progress()
        falls = falls + torch.stack(found, dim=1)
    return falls


def _without(maps: torch.Tensor, feature: int) -> torch.Tensor:
    maps[:, feature] = 0
    return maps


def _gradients(model: ExplainedModel, tiler: Tiler) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield the feature maps of each tile's core and the gradients of each class's figure.

    Shapes (feature, ...) and (class, feature, ...), double precision. The figure is the mean over
    all places of the image.
    """
    number = _count_places(model, tiler)
    for tile in tiler:
        with capture_activations(model.logits.net, model.layer) as kept:
            logits, counts = model.logits.measure(tile.images)
        (maps,) = kept
        # all places of the window count, so that each gradient in the core is whole
        inside = tile.cut((logits * counts)[0], tile.window)
        figures = inside.flatten(1).sum(dim=1) / number
        found = [
            tile.cut(torch.autograd.grad(figure, maps, retain_graph=True)[0][0], tile.core)
            for figure in figures
        ]
        # Apple's GPUs know no double precision
        yield (
            tile.cut(maps.detach()[0], tile.core).cpu().double(),
            torch.stack(found).cpu().double(),
        )


def _count_places(model: ExplainedModel, tiler: Tiler) -> int:
    """Return the number of places of the network's last maps, all tiles together."""
    strides = _strides(model, tiler, lambda images: model.logits.measure(images)[0][0])
    return math.prod(-(-n // s) for n, s in zip(tiler.shape, strides, strict=True))


def _strides(
    model: ExplainedModel, tiler: Tiler, map_images: Callable[[torch.Tensor], torch.Tensor]
) -> list[int]:
    """Return the edge of a place of maps (map, ...) of images, pixels along each axis."""
    multiple = model.logits.multiple
    probe = torch.zeros((1, tiler.pixels.shape[0], *multiple), device=model.device)
    with torch.no_grad():
        return [m // n for m, n in zip(multiple, map_images(probe).shape[1:], strict=True)]


METHODS: dict[str, tuple[Weigher, int]] = {
    "cam": (weigh_by_class, 0),
    "gradcam": (weigh_by_gradient, 1),
    "gradcam++": (weigh_by_positive_gradients, 2),
    "ablation": (weigh_by_ablation, 1),
}
"""Name -> what weights feature maps, and how often it goes over all tiles."""
