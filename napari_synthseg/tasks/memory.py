"""How much memory a step of a training needs, told before it is taken.

Systems promise more memory than they have, and end the program that uses it: a window would be
gone without a word.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import psutil

from napari_synthseg.core.errors import InputError

if TYPE_CHECKING:
    import torch
    from torch import nn

REMEDY = "choose smaller crops or fewer crops in a batch under 'More settings'."

TRIAL_PX = 64
"""Edge of the crop on which a network is tried."""

SAID_BY_ALLOCATORS = ("out of memory", "allocate memory", "not enough memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that there was too little memory, on any device."""
    words = str(error).lower()
    return isinstance(error, MemoryError) or any(said in words for said in SAID_BY_ALLOCATORS)


def step_bytes(
    network: nn.Module, batch: int, channels: int, crop: Sequence[int], multiple: Sequence[int]
) -> int:
    """Return the bytes that a step takes at least, by a try on a small crop.

    It is what is kept for the gradient of a whole batch in float32.

    Parameters
    ----------
    crop
        Extents of a crop, pixels along each axis.
    multiple
        What extents must be multiples of.
    """
    import torch

    trial = [min(edge, -(-TRIAL_PX // of) * of) for edge, of in zip(crop, multiple, strict=True)]
    own = {tensor.data_ptr() for tensor in (*network.parameters(), *network.buffers())}
    kept = dict[int, torch.Tensor]()  # storages are held, so that no place is used twice

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        held = tensor.detach()  # what its own graph holds would never be freed
        kept[tensor.untyped_storage().data_ptr()] = held
        return held

    was_training = network.training
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    try:
        network.eval()  # the trial changes no statistics
        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
            network(torch.zeros(1, channels, *trial, device=device))
    finally:
        network.train(was_training)
    counted = sum(t.untyped_storage().nbytes() for place, t in kept.items() if place not in own)
    return round(batch * counted * math.prod(crop) / math.prod(trial))


def check_memory(needed: int, device: torch.device) -> None:
    """Refuse a training whose steps surely need more memory than is free.

    Parameters
    ----------
    needed
        Bytes that a step takes at least, in float32.

    Raises
    ------
    InputError
        If that is more than the device has left.
    """
    import torch

    if device.type == "cuda":
        needed //= 2  # half precision
        free = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
    elif device.type == "cpu":
        free = psutil.virtual_memory().available
    else:
        return
    if needed > free:
        raise InputError(
            f"A step of this training needs at least {needed / 2**30:.1f} GB of memory, and "
            f"{free / 2**30:.1f} GB are free: {REMEDY}"
        )
