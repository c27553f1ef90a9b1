"""Networks by name. A network is a function (spec, channels in, channels out) -> module.

Of this package and of others. What other packages register is either such a function, which only
the tasks use that name it, or a `Network`, which the tasks use that take networks of its kind.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from napari_synthseg.core.plugins import Registry
from napari_synthseg.core.specs import ModelSpec

if TYPE_CHECKING:
    from torch import nn


NetworkBuilder = Callable[[ModelSpec, int, int], "nn.Module"]

Form = Literal["grid", "centers"]
"""How a detector says where boxes are: in the cells of a grid, or by a map of centers."""

NetworkKind = Literal["pixels", "detector", "classifier"]
"""What a network gives: maps of the extent of the image; what `networks.detectors` say; class
logits as a `networks.classifiers.PooledClassifier`."""


@dataclass(frozen=True)
class Network:
    """A network.

    Attributes
    ----------
    build
        Makes the module; imports torch only when it is called.
    title
        What users read.
    kind
        None: only tasks that name it use it.
    """

    build: NetworkBuilder
    title: str = ""
    kind: NetworkKind | None = None


def _accept(entry: object) -> tuple[Network, None]:
    if isinstance(entry, Network):
        return entry, None
    if not callable(entry):
        raise TypeError("it is no function and no Network")
    return Network(entry), None


NETWORKS: Registry[Network] = Registry("networks", "network", _accept)
"""Name -> network; look one up with `network_builder`, which loads our own first."""

drawing_weights = threading.RLock()
"""Held while weights are drawn: all threads draw from the one generator of torch, which one of them
may have seeded."""

BUILT_IN = ("unet", "classifiers", "detectors")
"""Modules of this package that register networks; they import torch."""


def register_network(name: str) -> Callable[[NetworkBuilder], NetworkBuilder]:
    """Register a network under `name`, for ``ModelSpec.name``."""

    def add(builder: NetworkBuilder) -> NetworkBuilder:
        NETWORKS.add(name, Network(builder), builder.__module__)
        return builder

    return add


def networks_of_kind(kind: NetworkKind) -> dict[str, str]:
    """Return name -> title of the networks of other packages that are of a kind."""
    return {name: net.title or name for name, net in NETWORKS.items() if net.kind == kind}


def network_builder(name: str) -> NetworkBuilder:
    """Return the network of a name.

    Raises
    ------
    InputError
        If there is none; the message names the networks.
    """
    for module in BUILT_IN:
        import_module(f"napari_synthseg.networks.{module}")
    return NETWORKS.lookup(name).build


def build_network(spec: ModelSpec, in_channels: int, out_channels: int) -> nn.Module:
    """Build the network that `spec` names, with fresh weights.

    The module maps (batch, in_channels, [z,] y, x) to (batch, out_channels, [z,] y, x); spatial
    extents are multiples of ``spec.multiple``. See `network_builder` for errors.
    """
    with drawing_weights:
        return network_builder(spec.name)(spec, in_channels, out_channels)


def multiple_of(network: nn.Module, spec: ModelSpec) -> tuple[int, ...]:
    """Return what the extents of a network's input must be multiples of, pixels along each axis."""
    own = getattr(network, "multiple", None)
    return (own,) * spec.spatial_dims if isinstance(own, int) else spec.multiple
