"""Which device to compute on, and why, in words for the user."""

from __future__ import annotations

import torch

from napari_synthseg.core.errors import InputError


def choose_device(wanted: str = "auto") -> tuple[torch.device, str]:
    """Return a device that was seen to work, and the reason for it.

    Parameters
    ----------
    wanted
        "auto" (the fastest that works), "cpu", "cuda" or "mps".

    Raises
    ------
    InputError
        If a device was asked for by name and does not work; the message says why.
    """
    if wanted not in ("auto", "cpu", "cuda", "mps"):
        raise InputError(f"There is no device '{wanted}': choose auto, cpu, cuda or mps.")
    reasons = []
    for name in ("cuda", "mps") if wanted == "auto" else (wanted,):
        if name == "cpu":
            break
        if (trouble := _trouble_with(name)) is None:
            label = torch.cuda.get_device_name() if name == "cuda" else "Apple GPU"
            return torch.device(name), f"{name} ({label})"
        reasons.append(f"{name}: {trouble}")
        if wanted == name:
            raise InputError(
                f"The device '{name}' cannot be used: {trouble}. Choose 'auto' or 'cpu'."
            )
    why = f" ({'; '.join(reasons)})" if reasons else ""
    threads = torch.get_num_threads()
    return torch.device("cpu"), f"cpu, {threads} thread{'s' * (threads > 1)}{why}"


def channels_last(images: torch.Tensor) -> torch.Tensor:
    """Return images (batch, channel, ...) on a CPU with the channels of a pixel side by side.

    The layers of a network go on with that order of memory, in which a CPU computes them faster.
    Of images of one channel, whose memory is the same in either order, torch tells it by the
    strides. What is on another device stays as it is.
    """
    if images.device.type != "cpu" or images.ndim < 4:
        return images
    last = images.movedim(1, -1).contiguous()
    batch, *others = last.stride()
    return last.as_strided(images.shape, (batch, 1, *others[:-1]))


def _trouble_with(name: str) -> str | None:
    """Return why a device cannot be used, or None after a small convolution ran on it."""
    if name == "cuda" and not torch.cuda.is_available():
        return "this torch has no CUDA" if torch.version.cuda is None else "no NVIDIA GPU is seen"
    if name == "mps" and not torch.backends.mps.is_available():
        return "no Apple GPU is seen"
    try:
        layer = torch.nn.Conv2d(1, 1, 3).to(name)
        layer(torch.zeros(1, 1, 8, 8, device=name)).sum().item()
    except RuntimeError as error:
        return str(error).splitlines()[0]
    return None
