"""Which device is chosen, in words."""

from __future__ import annotations

import pytest
import torch

from napari_synthseg.core.errors import InputError
from napari_synthseg.training import device
from napari_synthseg.training.device import channels_last, choose_device


@pytest.mark.parametrize(("threads", "words"), [(1, "CPU, 1 thread"), (2, "CPU, 2 threads")])
def test_threads_are_counted_in_words(threads, words, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert choose_device("cpu") == (torch.device("cpu"), words)


def test_without_a_gpu_the_reason_for_the_cpu_is_said(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(device, "HERE", ("cuda", "cpu"))
    chosen, words = choose_device()
    assert chosen.type == "cpu" and words.endswith("(no CUDA device was found)")
    cuda, cpu = device.find_devices()
    assert (cuda.name, cuda.problem) == ("cuda", "no CUDA device was found")
    assert (cpu.name, cpu.problem) == ("cpu", "")
    with pytest.raises(InputError, match=r"'cuda' cannot be used: no CUDA device was found"):
        choose_device("cuda")


@pytest.mark.parametrize("shape", [(2, 1, 8, 6), (2, 3, 8, 6), (2, 1, 4, 8, 6), (2, 3, 4, 8, 6)])
def test_layers_go_on_with_the_channels_side_by_side(shape):
    images = torch.randn(shape)
    ordered = channels_last(images)
    assert torch.equal(ordered, images)
    layer = (torch.nn.Conv2d if len(shape) == 4 else torch.nn.Conv3d)(shape[1], 5, 3, padding=1)
    assert layer(ordered).stride(1) == 1
    torch.testing.assert_close(layer(ordered), layer(images))
