"""Which device to compute on, and why, in words for the user."""

from __future__ import annotations

import sys

import torch

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.specs import Device

CPU_ONLY = "the installed PyTorch is for CPUs alone"

NAMES = {"cuda": "CUDA", "mps": "Apple GPU", "cpu": "CPU"}
"""Name of each device in a spec, the fastest first -> its name for people."""

HERE = tuple(name for name in NAMES if name != "mps" or sys.platform == "darwin")
"""Those that a computer of this kind may have."""


def find_devices() -> tuple[Device, ...]:
    """Return all kinds of device, the fastest first, each tried out; takes seconds with a GPU."""
    found = []
    for name in HERE:
        trouble = _trouble_with(name)
        found.append(Device(name, NAMES[name] if trouble else _title(name), trouble or ""))
    return tuple(found)


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
    if wanted not in ("auto", *NAMES):
        raise InputError(f"There is no device '{wanted}': choose auto, cpu, cuda or mps.")
    reasons: list[str] = []
    for name in HERE if wanted == "auto" else (wanted,):
        if (trouble := _trouble_with(name)) is None:
            why = f" ({', '.join(reasons)})" if reasons else ""
            return torch.device(name), f"{_title(name)}{why}"
        reasons.append(trouble)
        if wanted == name:
            raise InputError(
                f"The device '{name}' cannot be used: {trouble}. Choose 'auto' or 'cpu'."
            )
    raise AssertionError("a CPU is always there")


def _title(name: str) -> str:
    """Return what a device is: "CUDA: NVIDIA RTX A2000, 12 GB", "CPU, 4 threads"."""
    if name == "cuda":
        found = torch.cuda.get_device_properties(torch.cuda.current_device())
        return f"{NAMES[name]}: {found.name}, {found.total_memory / 2**30:.0f} GB"
    if name == "cpu":
        threads = torch.get_num_threads()
        return f"{NAMES[name]}, {threads} thread{'s' * (threads > 1)}"
    return NAMES[name]


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
        return CPU_ONLY if torch.version.cuda is None else "no CUDA device was found"
    if name == "mps" and not torch.backends.mps.is_available():
        return "no Apple GPU was found"
    try:
        image, kernel = torch.zeros(1, 1, 8, 8, device=name), torch.zeros(1, 1, 3, 3, device=name)
        torch.nn.functional.conv2d(image, kernel).sum().item()
    except RuntimeError as error:
        return str(error).splitlines()[0]
    return None
