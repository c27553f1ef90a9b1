"""The weights of the click network that ship with the package: loaded, run, and calibrated."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.networks.click_windows import WINDOW_PX

if TYPE_CHECKING:
    from torch import nn

    from napari_synthseg.networks.click_unet import ClickUNet

WEIGHTS = Path(__file__).parent / "weights" / "click_net.safetensors"
CALIBRATION = WEIGHTS.with_suffix(".json")


@lru_cache(maxsize=1)
def shipped_network() -> ClickUNet:
    """Return the network with the weights that ship with the package."""
    return load_network(WEIGHTS)


def warm_up() -> None:
    """Load the network that ships with the package, and let it see one window."""
    run_network(shipped_network(), np.zeros((1, 5, WINDOW_PX, WINDOW_PX), np.float32))
    _calibration()


def load_network(path: Path) -> ClickUNet:
    """Read weights from a safetensors file, in half precision or more, for use."""
    import torch
    from safetensors.torch import load_file

    from napari_synthseg.networks.click_unet import ClickUNet

    with torch.device("meta"):  # whose weights are not drawn: no random number is used up
        net = ClickUNet()
    stored = {k: v.float() for k, v in load_file(path).items()}
    counters = {k for k in net.state_dict() if k.endswith("num_batches_tracked")}
    stored |= {k: torch.zeros((), dtype=torch.long) for k in counters - stored.keys()}
    net.load_state_dict(stored, assign=True)
    for parameter in net.parameters():
        parameter.requires_grad_(False)
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return net.eval()


def run_network(net: nn.Module, planes: FloatImage) -> FloatImage:
    """Return the logits (n, y, x) of windows (n, plane, y, x)."""
    import torch

    with torch.inference_mode():
        windows = torch.from_numpy(planes).contiguous(memory_format=torch.channels_last)
        logits: FloatImage = net(windows).float().numpy()
    return logits


@lru_cache(maxsize=1)
def _calibration() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points (sureness, IoU); weights that nobody calibrated yet are taken at their word."""
    if not CALIBRATION.exists():
        return np.array([0.0, 1.0]), np.array([0.0, 1.0])
    points = json.loads(CALIBRATION.read_text())
    return np.array(points["sureness"]), np.array(points["iou"])


def expected_iou(sureness: float) -> float:
    """Return the IoU that is to be expected of an outline of some sureness."""
    return float(np.interp(sureness, *_calibration()))
