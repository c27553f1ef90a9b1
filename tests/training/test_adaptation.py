"""Batch norms take the statistics of the images they are adapted to, and nothing else changes."""

import numpy as np
import pytest
import torch
from torch import nn

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.core.progress import exhaust
from napari_synthseg.core.runs import DecodingRule
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.networks.registry import build_network, multiple_of
from napari_synthseg.training.adaptation import adapt_batch_norms, adapt_predictor
from napari_synthseg.training.model import Predictor

CPU = torch.device("cpu")


def batches(count, shift, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(shift, 2, (4, 1, 32, 32)).astype(np.float32) for _ in range(count)]


def test_the_first_norm_has_the_statistics_of_its_input():
    net = nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    assert list(adapt_batch_norms(net, batches(5, 3.0), CPU)) == [1, 2, 3, 4, 5]
    seen = np.concatenate(batches(5, 3.0))
    assert float(net[0].get_buffer("running_mean")) == pytest.approx(seen.mean(), abs=1e-4)
    assert float(net[0].get_buffer("running_var")) == pytest.approx(seen.var(), rel=1e-2)
    assert not net.training
    assert net[0].momentum == 0.1


@pytest.mark.parametrize("name", ["unet", "small", "yolo"])
def test_weights_stay_and_outputs_no_longer_depend_on_brightness(name):
    net = build_network(ModelSpec(name=name, width=4, depth=2), 1, 14).eval()
    before = {k: v.clone() for k, v in net.named_parameters()}
    list(adapt_batch_norms(net, batches(3, 0.0), CPU))
    plain = net(torch.from_numpy(batches(1, 0.0)[0]))
    bright = [b * 5 for b in batches(3, 0.0)]
    list(adapt_batch_norms(net, bright, CPU))
    assert all(torch.equal(v, before[k]) for k, v in net.named_parameters())
    torch.testing.assert_close(net(torch.from_numpy(bright[0])), plain, atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize("edge", [224, 520])
@pytest.mark.parametrize(("name", "reduce"), [("yolo", 6), ("centers", 5)])
def test_windows_are_what_the_network_takes(name, reduce, edge):
    spec = ModelSpec(name=name, width=4, depth=2, reduce=reduce)
    net = build_network(spec, 1, 14).eval()
    predictor = Predictor(
        net, spec, 1, DecodingRule(kind="detect", class_values=(1,), diameter=10), CPU
    )
    multiple = multiple_of(net, spec)[0]
    assert 32 % multiple
    pixels = np.random.default_rng(0).random((1, edge, edge), np.float32)
    work = adapt_predictor(predictor, [ArraySource(pixels)])
    if edge >= multiple:
        assert exhaust(work) is None
        return
    with pytest.raises(InputError, match=f"narrower than {multiple} pixels"):
        exhaust(work)


def test_what_cannot_be_adapted_is_said():
    with pytest.raises(InputError, match="no batch norm"):
        list(adapt_batch_norms(nn.Conv2d(1, 1, 1), batches(1, 0.0), CPU))
    net = nn.BatchNorm2d(1)
    net.running_mean[:] = 7
    with pytest.raises(InputError, match="no image"):
        list(adapt_batch_norms(net, [], CPU))
    assert float(net.running_mean) == 7
