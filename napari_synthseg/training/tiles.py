"""Feature maps of an image of any size, tile by tile, each as in the whole image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from napari_synthseg.core.geometry import (
    Region,
    divide_region,
    full_region,
    region_shape,
    widen_region,
)
from napari_synthseg.core.pixels import PixelSource
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.networks.classifiers import PooledClassifier
from napari_synthseg.networks.receptive_field import measure_radius, receptive_radius
from napari_synthseg.training.volumes import round_up

WIDEST = 256
"""Widest margin of a tile, pixels. Very deep networks see farther, if but faintly."""

BLOCK = 512
"""Edge of a tile without its margin, pixels along the finest axis."""


@dataclass(frozen=True, eq=False)
class ExplainedModel:
    """A network and what is asked of it.

    Attributes
    ----------
    net
        In evaluation mode, on `device`.
    classes
        Number of classes.
    layer
        Name of the module whose output is looked at, as in ``net.named_modules()``.
    multiple
        What extents of tiles ([z,] y, x) must be multiples of, pixels.
    margin
        How far beyond its tile the network looks, pixels along each axis, multiples of `multiple`.
    """

    net: nn.Module
    device: torch.device
    classes: int
    layer: str
    multiple: tuple[int, ...]
    margin: tuple[int, ...]


def prepare_subject(
    net: nn.Module, spec: ModelSpec, classes: int, device: torch.device, layer: str = ""
) -> ExplainedModel:
    """Return what maps are worked out from, with margins as wide as the network sees.

    `net` is in evaluation mode on `device`; `layer` defaults to the last before the classes.
    """
    if isinstance(net, PooledClassifier):
        multiple = (net.stride,) * spec.spatial_dims
        radius = measure_radius(net.body, next(net.parameters()).shape[1], multiple)
    else:
        multiple, radius = spec.multiple, receptive_radius(spec)
    # twice: a gradient in the tile comes from outputs that themselves see as far beyond it
    margin = tuple(round_up(min(2 * r, WIDEST), m) for r, m in zip(radius, multiple, strict=True))
    return ExplainedModel(net, device, classes, layer or default_layer(net), multiple, margin)


def default_layer(net: nn.Module) -> str:
    """Return the layer that is looked at where none is asked for: the last before the classes."""
    if isinstance(net, PooledClassifier):
        return "body"
    convolutions = (nn.Conv2d, nn.Conv3d)
    return [str(name) for name, part in net.named_modules() if isinstance(part, convolutions)][-2]


@dataclass(frozen=True, eq=False)
class Tile:
    """One tile: the image with its margin, padded, and which part is whose.

    `core` and `inside` (all but the padding) are pixels of the window.
    """

    images: torch.Tensor
    core: Region
    inside: Region
    place: Region

    def cut(self, maps: torch.Tensor, region: Region) -> torch.Tensor:
        """Return the part of maps (1, map, ...), of any resolution, that shows a region."""
        strides = self.strides(maps)
        where = [slice(a // s, -(-b // s)) for (a, b), s in zip(region, strides, strict=True)]
        cut: torch.Tensor = maps[0][(slice(None), *where)]
        return cut

    def places_of(self, strides: Sequence[int]) -> tuple[slice, ...]:
        """Return where the tile lies in a map of the whole image."""
        return tuple(
            slice(a // s, -(-b // s)) for (a, b), s in zip(self.place, strides, strict=True)
        )

    def strides(self, maps: torch.Tensor) -> list[int]:
        """Return the edge of a place of maps of some resolution, pixels along each axis."""
        extents = self.images.shape[2:]
        return [n // m for n, m in zip(extents, maps.shape[-len(extents) :], strict=True)]


class Tiles:
    """All tiles of an image, and how many are done in all passes."""

    def __init__(
        self,
        subject: ExplainedModel,
        pixels: PixelSource,
        block: tuple[int, ...] | None,
        passes: int = 1,
    ) -> None:
        self.subject = subject
        self.pixels = pixels
        self.cores = list(divide_region(pixels.region, block or _block(subject)))
        self.total = passes * len(self.cores)
        self.done = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape of the image."""
        return region_shape(self.pixels.region)

    def __iter__(self) -> Iterator[Tile]:
        """Read one tile after the other."""
        for core in self.cores:
            seen = widen_region(core, self.subject.margin, self.pixels.region)
            image, whole = self.pixels.read(seen), self.pixels.region
            place = tuple((a - s, b - s) for (a, b), (s, _) in zip(core, whole, strict=True))
            extents = image.shape[1:]
            extra = [(0, -n % m) for n, m in zip(extents, self.subject.multiple, strict=True)]
            padded = np.pad(image, [(0, 0), *extra], mode="edge")
            yield Tile(
                torch.from_numpy(padded)[None].to(self.subject.device),
                tuple((a - s, b - s) for (a, b), (s, _) in zip(core, seen, strict=True)),
                full_region(extents),
                place,
            )
            self.done += 1

    @property
    def share(self) -> float:
        """Share of all passes over all tiles that is done."""
        return self.done / self.total

    def features(self) -> Iterator[torch.Tensor]:
        """Yield the feature maps of each tile's core, shape (feature, ...)."""
        subject = self.subject
        for tile in self:
            with torch.no_grad(), capture_activations(subject.net, subject.layer) as kept:
                subject.net(tile.images)
            yield tile.cut(kept[0], tile.core)


@contextmanager
def capture_activations(
    net: nn.Module, layer: str, change: Callable[[torch.Tensor], torch.Tensor] | None = None
) -> Iterator[list[torch.Tensor]]:
    """Keep the last output of a layer; go on with a changed copy of it."""
    kept: list[torch.Tensor] = []

    def keep(module: nn.Module, inputs: object, output: torch.Tensor) -> torch.Tensor:
        kept[:] = [output]
        return output.clone() if change is None else change(output.clone())

    handle = net.get_submodule(layer).register_forward_hook(keep)
    try:
        yield kept
    finally:
        handle.remove()


def _block(subject: ExplainedModel) -> tuple[int, ...]:
    edge = BLOCK if len(subject.multiple) == 2 else BLOCK // 4
    return tuple(round_up(edge, m) for m in subject.multiple)
