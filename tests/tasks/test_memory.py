"""How much memory a step needs at least."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.networks.registry import build_network
from napari_synthseg.tasks.memory import check_memory, step_bytes


def test_what_all_layers_return_is_counted_for_the_whole_batch() -> None:
    net = nn.Sequential(nn.Conv2d(2, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()).train()
    assert step_bytes(net, 3, 2, (256, 128)) == 3 * 3 * 8 * 256 * 128 * 4
    assert net.training
    mean = net[1].running_mean
    assert isinstance(mean, torch.Tensor) and not mean.any(), "the trial changes no statistics"
    assert not any(module._forward_hooks for module in net.modules())


@pytest.mark.parametrize("name", ["unet", "small", "yolo"])
def test_networks_of_all_tasks_are_tried(name: str) -> None:
    net = build_network(ModelSpec(name=name, width=8, depth=4), 1, 3)
    one = step_bytes(net, 1, 1, (256, 256))
    assert one > 20 * 256 * 256 * 4
    assert step_bytes(net, 4, 1, (512, 256)) == 8 * one


def test_volumes_are_tried_in_all_their_depth() -> None:
    net = build_network(ModelSpec(name="unet", width=4, depth=2, spatial_dims=3, flat=1), 1, 3)
    assert step_bytes(net, 2, 1, (8, 128, 128)) == 8 * step_bytes(net, 1, 1, (8, 64, 64))


def test_only_what_cannot_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    free = SimpleNamespace(available=2**30)
    monkeypatch.setattr("psutil.virtual_memory", lambda: free)
    check_memory(2**30, torch.device("cpu"))
    with pytest.raises(InputError, match=r"at least 2\.0 GB .* 1\.0 GB are free: choose"):
        check_memory(2**31, torch.device("cpu"))
