"""How much memory a step needs at least."""

from __future__ import annotations

import gc
import weakref
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.networks.registry import build_network, multiple_of
from napari_synthseg.tasks.memory import check_memory, step_bytes

PAIR, HIGH = (16, 16), (8, 16, 16)


def test_what_is_kept_for_the_gradient_is_counted_once() -> None:
    def bytes_of(*layers: nn.Module) -> int:
        return step_bytes(nn.Sequential(*layers).train(), 3, 2, (256, 128), PAIR)

    conv = nn.Conv2d(2, 8, 3, padding=1)
    image, maps = (3 * channels * 256 * 128 * 4 for channels in (2, 8))
    assert bytes_of(conv) == image
    assert bytes_of(conv, nn.ReLU()) == image + maps
    for adding_nothing in (nn.ReLU(inplace=True), nn.Dropout(0.0), nn.Identity()):
        assert bytes_of(conv, nn.ReLU(), adding_nothing) == image + maps


def test_the_trial_changes_nothing() -> None:
    norm = nn.BatchNorm2d(2)
    net = nn.Sequential(norm).train()
    step_bytes(net, 1, 2, (64, 64), PAIR)
    assert net.training
    assert norm.running_mean is not None
    assert not norm.running_mean.any()
    assert norm.weight.grad is None


def test_nothing_of_the_trial_stays() -> None:
    net = build_network(ModelSpec(name="unet", width=4, depth=2), 1, 3)
    left = [weakref.ref(parameter) for parameter in net.parameters()]
    step_bytes(net, 1, 1, (64, 64), PAIR)
    del net
    gc.collect()
    assert not any(one() is not None for one in left)


@pytest.mark.parametrize("reduce", [None, 3, 6, 8])
@pytest.mark.parametrize("name", ["unet", "small", "yolo", "darknet19", "centers"])
def test_networks_of_all_tasks_are_tried(name: str, reduce: int | None) -> None:
    spec = ModelSpec(name=name, width=8, depth=4, reduce=reduce)
    net = build_network(spec, 1, 3)
    multiple = multiple_of(net, spec)
    one = step_bytes(net, 1, 1, [8 * edge for edge in multiple], multiple)
    assert one > 0
    larger = step_bytes(net, 4, 1, [16 * multiple[0], 8 * multiple[1]], multiple)
    assert larger == pytest.approx(8 * one, rel=0.1)


def test_volumes_are_tried_in_all_their_depth() -> None:
    net = build_network(ModelSpec(name="unet", width=4, depth=2, spatial_dims=3, flat=1), 1, 3)
    one = step_bytes(net, 1, 1, (8, 64, 64), HIGH)
    assert step_bytes(net, 2, 1, (8, 128, 128), HIGH) == 8 * one


def test_only_what_cannot_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    free = SimpleNamespace(available=2**30)
    monkeypatch.setattr("psutil.virtual_memory", lambda: free)
    check_memory(2**30, torch.device("cpu"))
    with pytest.raises(InputError, match=r"at least 2\.0 GB .* 1\.0 GB are free: choose"):
        check_memory(2**31, torch.device("cpu"))
