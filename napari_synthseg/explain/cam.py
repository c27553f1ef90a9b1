"""Class activation maps: where in an image the evidence for a class lies.

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
from collections.abc import Generator, Iterator
from functools import partial

import torch
from torch import nn

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.pixels import FloatImage, PixelSource
from napari_synthseg.explain.logits import class_logits_map
from napari_synthseg.networks.classifiers import PooledClassifier
from napari_synthseg.training.tiles import ExplainedModel, Tiles, capture_activations

METHODS = "cam", "gradcam", "gradcam++", "ablation"


def map_classes(
    subject: ExplainedModel,
    pixels: PixelSource,
    method: str,
    block: tuple[int, ...] | None = None,
) -> Generator[float, None, FloatImage]:
    """Return the class activation maps of an image; yield the share done.

    Parameters
    ----------
    subject
        The network and the layer.
    pixels
        The image.
    method
        How feature maps are weighted: one of `METHODS`.
    block
        Shape of a tile without its margin, multiples of ``subject.multiple``.

    Returns
    -------
    float32, shape (class, [z,] y, x), at the image's own size.

    Raises
    ------
    InputError
        If there is no such method or layer, or the method cannot be used with the network or layer.
    """
    _check(subject, method)
    tiles = Tiles(subject, pixels, block, PASSES[method])
    if method == "cam":
        assert isinstance(subject.net, PooledClassifier)
        weights = subject.net.head.weight.detach().double()
    elif method == "gradcam":
        weights = yield from _by_gradient(tiles)
    elif method == "gradcam++":
        weights = yield from _by_positive_gradients(tiles)
    else:
        weights = yield from _by_ablation(tiles)
    return (yield from _weigh(tiles, weights))


PASSES: dict[str, int] = {"cam": 1, "gradcam": 2, "gradcam++": 3, "ablation": 2}
"""How often each method goes over all tiles."""


def _check(subject: ExplainedModel, method: str) -> None:
    if method not in METHODS:
        raise InputError(f"There is no method '{method}': choose {', '.join(METHODS)}.")
    names = dict(subject.net.named_modules())
    if subject.layer not in names or not subject.layer:
        raise InputError(
            f"The network has no layer '{subject.layer}'. Some of its layers: "
            f"{', '.join(n for n in names if n and n.count('.') < 2)}."
        )
    if method == "cam" and not isinstance(subject.net, PooledClassifier):
        raise InputError("The method 'cam' is for classifiers only: choose gradcam or another one.")
    if method == "cam" and subject.layer != "body":
        raise InputError(
            "The method 'cam' looks at the layer 'body', the last before the classes: leave the "
            "layer out, or choose gradcam."
        )


# --- gradients ----------------------------------------------------------------------------------


def _gradients(tiles: Tiles, number: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield the feature maps of each tile's core and the gradients of each class's figure.

    Shapes (feature, ...) and (class, feature, ...), double precision. The figure is the mean over
    `number` places.
    """
    subject = tiles.subject
    for tile in tiles:
        with capture_activations(subject.net, subject.layer) as kept:
            said, counts = class_logits_map(subject.net, tile.images, subject.classes)
        (maps,) = kept
        # all places of the window count, so that each gradient in the core is whole
        figures = tile.cut(said * counts, tile.inside).flatten(1).sum(dim=1) / number
        found = [
            tile.cut(torch.autograd.grad(figure, maps, retain_graph=True)[0], tile.core)
            for figure in figures
        ]
        yield tile.cut(maps.detach(), tile.core).double(), torch.stack(found).double()


def _count_places(tiles: Tiles) -> int:
    """Return the number of places of the network's last maps, all tiles together."""
    subject = tiles.subject
    probe = torch.zeros((1, tiles.pixels.shape[0], *subject.multiple), device=subject.device)
    with torch.no_grad():
        said, _ = class_logits_map(subject.net, probe, subject.classes)
    strides = [m // n for m, n in zip(subject.multiple, said.shape[2:], strict=True)]
    return math.prod(-(-n // s) for n, s in zip(tiles.shape, strides, strict=True))


# --- weights --------------------------------------------------------------------------------------

Weigher = Generator[float, None, torch.Tensor]
"""Yields the share done, returns weights (class, feature)."""


def _by_gradient(tiles: Tiles) -> Weigher:
    total, places = torch.zeros(()), 0
    for maps, gradients in _gradients(tiles, _count_places(tiles)):
        total = total + gradients.flatten(2).sum(dim=2)
        places += math.prod(maps.shape[1:])
        yield tiles.share
    return total / places


def _by_positive_gradients(tiles: Tiles) -> Weigher:
    sums = torch.zeros(())
    for maps in tiles.features():
        sums = sums + maps.double().flatten(1).sum(dim=1)
        yield tiles.share
    weights = torch.zeros(())
    for _, gradients in _gradients(tiles, _count_places(tiles)):
        flat = gradients.flatten(2)
        alone = 1 / (2 + flat * sums[:, None])
        weights = weights + (alone * flat.clamp(min=0)).sum(dim=2)
        yield tiles.share
    return weights


def _by_ablation(tiles: Tiles) -> Weigher:
    subject, number = tiles.subject, _count_places(tiles)
    falls = torch.zeros(())
    for tile in tiles:
        with torch.no_grad():
            with capture_activations(subject.net, subject.layer) as kept:
                said, counts = class_logits_map(subject.net, tile.images, subject.classes)
            features = kept[0].shape[1]
            found = []
            for feature in range(features):
                with capture_activations(
                    subject.net, subject.layer, partial(_without, feature=feature)
                ):
                    less, _ = class_logits_map(subject.net, tile.images, subject.classes)
                fall = tile.cut((said - less) * counts, tile.core).double()
                found.append(fall.flatten(1).sum(dim=1) / number)
                yield tiles.share
        falls = falls + torch.stack(found, dim=1)
    return falls


def _without(maps: torch.Tensor, feature: int) -> torch.Tensor:
    maps[:, feature] = 0
    return maps


def _weigh(tiles: Tiles, weights: torch.Tensor) -> Generator[float, None, FloatImage]:
    """Add up the feature maps of each tile's core; bring the map to the image's size."""
    subject, result = tiles.subject, torch.empty(0)
    strides: list[int] = []
    for tile in tiles:
        with torch.no_grad():
            with capture_activations(subject.net, subject.layer) as kept:
                class_logits_map(subject.net, tile.images, subject.classes)
            (maps,) = kept
            core = tile.cut(maps, tile.core)
            part = torch.tensordot(weights.to(core.dtype), core, dims=1).cpu()
        if not strides:
            strides = tile.strides(maps)
            extents = [-(-n // s) for n, s in zip(tiles.shape, strides, strict=True)]
            result = torch.empty((len(part), *extents))
        result[(slice(None), *tile.places_of(strides))] = part
        yield tiles.share
    mode = "bilinear" if len(strides) == 2 else "trilinear"
    size = [n * s for n, s in zip(result.shape[1:], strides, strict=True)]
    full = nn.functional.interpolate(result[None], size=size, mode=mode, align_corners=False)[0]
    return full[(slice(None), *(slice(0, n) for n in tiles.shape))].numpy()
