"""Beginning a training with weights that were trained before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.runs import Weights
from napari_synthseg.core.specs import ModelSpec

if TYPE_CHECKING:
    from torch import nn

FOLDER = Path(__file__).parent / "weights"

SHIPPED = {ModelSpec(name="unet"): "unet.safetensors"}
"""Network -> file of weights that it can begin with, of one channel, background and one class."""


@dataclass(frozen=True, eq=False)
class StartWeights:
    """What a training begins with.

    Attributes
    ----------
    weights
        Of a network that differs in no more than its channels.
    class_values
        Its classes, in the order of its outputs.
    words
        What it is, for people.
    """

    weights: Weights
    class_values: tuple[int, ...]
    words: str


def shipped_file(spec: ModelSpec) -> Path | None:
    """Return the file of weights that ships for a network, or None."""
    name = SHIPPED.get(spec)
    return FOLDER / name if name else None


def shipped_weights(spec: ModelSpec) -> StartWeights | None:
    """Return the weights that ship for a network, or None."""
    from safetensors.numpy import load_file

    file = shipped_file(spec)
    return StartWeights(load_file(file), (1,), "the pretrained weights") if file else None


@dataclass(frozen=True)
class Adopted:
    """Names of parameters of a network that was given weights.

    Attributes
    ----------
    kept
        Those that are what they were in the other network.
    fresh
        Those that did not fit, and are as they were before.
    """

    kept: frozenset[str]
    fresh: tuple[str, ...]


def adopt_weights(net: nn.Module, start: Weights, outputs: Sequence[int]) -> Adopted:
    """Give a network weights of one that may have other channels in and out.

    Each channel of an image gets an equal share of what the channels before had; each output begins
    as the one of the other network that `outputs` names: where several begin as the same one, the
    last layer is not what it was. What differs in more stays as it is.
    """
    import torch
    from torch import nn

    kinds = nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d
    layers = {name: module for name, module in net.named_modules() if isinstance(module, kinds)}
    first, last = next(iter(layers), ""), next(reversed(layers), "")
    turned = last in layers and layers[last].transposed  # then outputs are the second axis
    output_axis = {f"{last}.weight": int(turned), f"{last}.bias": 0}
    own = net.state_dict()
    taken = {}
    for name, value in own.items():
        array = start.get(name)
        if array is not None and name == f"{first}.weight":
            array = _share_channels(array, value.shape[1])
        axis = output_axis.get(name)
        if array is not None and axis is not None and outputs and max(outputs) < array.shape[axis]:
            array = np.take(array, outputs, axis)
        if array is not None and array.shape == value.shape:
            taken[name] = torch.from_numpy(np.array(array)).to(value.dtype)
    net.load_state_dict({**own, **taken})
    names = [name for name, _ in net.named_parameters()]
    alike = set(output_axis) if len(set(outputs)) < len(outputs) else set()
    return Adopted(
        frozenset(taken).intersection(names) - alike, tuple(n for n in names if n not in taken)
    )


def like_classes(own: Sequence[int], others: Sequence[int]) -> tuple[int, ...]:
    """Return which output each class begins as, where output 0 is the background.

    A class that the other network does not have begins as its first.
    """
    return tuple(1 + (others.index(value) if value in others else 0) for value in own)


def _share_channels(weight: NDArray[np.generic], count: int) -> NDArray[np.generic]:
    """Return the weight (feature, channel, ...) of the first layer for other channels."""
    if weight.shape[1] == count:
        return weight
    mean = weight.astype(np.float32).sum(axis=1, keepdims=True) / count
    return np.repeat(mean, count, axis=1)
