"""A network to be explained: its class logits, and the layer whose feature maps are weighted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.pixels import PixelSource
from napari_synthseg.training.class_logits import ClassLogits
from napari_synthseg.training.tiles import Tiler
from napari_synthseg.training.volumes import round_up

MAX_HALO_PX = 256
"""Widest halo of a tile. Very deep networks see farther, but faintly."""

BLOCK_PX, VOLUME_BLOCK_PX = 512, 128
"""Edge of a tile without its halo."""


@dataclass(frozen=True, eq=False)
class ExplainedModel:
    """A network and the layer that is explained.

    Attributes
    ----------
    logits
        Its class logits.
    layer
        Name of the module whose output is weighted, as in ``net.named_modules()``.
    """

    logits: ClassLogits
    device: torch.device
    layer: str

    def __post_init__(self) -> None:
        """Check the layer; `InputError` if there is none."""
        names = dict(self.logits.net.named_modules())
        if self.layer not in names or not self.layer:
            raise InputError(
                f"The network has no layer '{self.layer}'. Some of its layers: "
                f"{', '.join(n for n in names if n and n.count('.') < 2)}."
            )

    def tile(
        self, pixels: PixelSource, block: Sequence[int] | None = None, passes: int = 1
    ) -> Tiler:
        """Return the tiles of an image, in which gradients of class logits are whole."""
        multiple = self.logits.multiple
        edge = BLOCK_PX if len(multiple) == 2 else VOLUME_BLOCK_PX
        block = block or [round_up(edge, m) for m in multiple]
        # twice: a gradient in the tile comes from outputs that themselves see as far beyond it
        halo = [min(2 * r, MAX_HALO_PX) for r in self.logits.radius]
        return Tiler(pixels, block, halo, multiple, self.device, passes)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Return the feature maps (feature, ...) of the layer, without gradients."""
        with torch.no_grad(), capture_activations(self.logits.net, self.layer) as kept:
            self.logits.measure(images)
        return kept[0][0]


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
