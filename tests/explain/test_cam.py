"""Class activation maps equal the reference's, are the same by tiles, and add up to the logit."""

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from torch import nn

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.explain.cam import METHODS, map_classes
from napari_synthseg.explain.model import ExplainedModel
from napari_synthseg.networks.registry import build_network
from napari_synthseg.networks.warm_start import shipped_weights
from napari_synthseg.training.class_logits import (
    last_hidden_layer,
    pixel_class_logits,
    pooled_class_logits,
)
from napari_synthseg.training.model import load_weights
from tests.helpers.training import OnGpuWithoutDoubles

CLASSES = 2
LAYERS = {"small": "body.7", "unet": "model.1.submodule.1.submodule.0"}


def network(name, dims=2, seed=0):
    """Return a network whose batch norms do something."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        spec = ModelSpec(name=name, width=4, depth=2, spatial_dims=dims)
        net = build_network(spec, 1, CLASSES + 2 if name == "unet" else CLASSES)
        for key, buffer in net.named_buffers():
            if buffer.is_floating_point():
                buffer.copy_(torch.rand_like(buffer) + (0.5 if key.endswith("var") else -0.5))
    return net.eval(), spec


def logits_of(name, dims=2):
    net, spec = network(name, dims)
    if name == "unet":
        return pixel_class_logits(net, spec, 1, CLASSES)
    return pooled_class_logits(net, spec)


def subject(name, layer="", dims=2):
    logits = logits_of(name, dims)
    return ExplainedModel(logits, torch.device("cpu"), layer or logits.layer)


def image(shape, seed=0):
    return np.random.default_rng(seed).random((1, *shape), np.float32)


def turn(work):
    shares = []
    while True:
        try:
            shares.append(next(work).fraction)
        except StopIteration as stop:
            return shares, stop.value


def maps(subject, pixels, method, block=None):
    return turn(map_classes(subject, ArraySource(pixels), method, block))[1]


def test_the_mean_of_a_map_and_the_bias_are_the_logit():
    chosen, pixels = subject("small"), image((64, 96))
    found = maps(chosen, pixels, "cam")
    with torch.no_grad():
        logits = chosen.logits.net(torch.from_numpy(pixels)[None])[0].numpy()
        bias = chosen.logits.net.head.bias.numpy()
    # interpolation keeps the mean: at the border the outermost places are continued
    np.testing.assert_allclose(found.mean(axis=(1, 2)) + bias, logits, atol=1e-5)


def test_with_the_last_layer_gradients_give_the_plain_map():
    chosen, pixels = subject("small"), image((64, 96))
    plain, number = maps(chosen, pixels, "cam"), 16 * 24
    np.testing.assert_allclose(maps(chosen, pixels, "gradcam") * number, plain, atol=1e-4)


@pytest.mark.parametrize("layer", ["body", LAYERS["small"]])
def test_gradcam_equals_captums(layer):
    chosen, pixels = subject("small", layer), image((64, 96))
    theirs = LayerGradCam(chosen.logits.net, chosen.logits.net.get_submodule(layer))
    for number, ours in enumerate(maps(chosen, pixels, "gradcam")):
        raw = theirs.attribute(
            torch.from_numpy(pixels)[None], target=number, relu_attributions=False
        )
        full = torch.nn.functional.interpolate(raw, size=(64, 96), mode="bilinear")[0, 0]
        np.testing.assert_allclose(ours, full.detach().numpy(), atol=1e-6)


def test_gradcam_of_a_segmenting_network_equals_captums():
    layer = LAYERS["unet"]
    chosen, pixels = subject("unet", layer), image((64, 64))

    class Figures(torch.nn.Module):
        """The mean logit over the pixels that the network gives to each class."""

        def __init__(self):
            super().__init__()
            self.net = chosen.logits.net

        def forward(self, x):
            logits = self.net(x)[:, : CLASSES + 1]
            best = logits.argmax(dim=1)
            each = [(logits[:, c] * (best == c)).mean(dim=(1, 2)) for c in (1, 2)]
            return torch.stack(each, dim=1)

    model = Figures()
    theirs = LayerGradCam(model, model.net.get_submodule(layer))
    for number, ours in enumerate(maps(chosen, pixels, "gradcam")):
        raw = theirs.attribute(
            torch.from_numpy(pixels)[None], target=number, relu_attributions=False
        )
        full = torch.nn.functional.interpolate(raw, size=(64, 64), mode="bilinear")[0, 0]
        np.testing.assert_allclose(ours, full.detach().numpy(), atol=1e-6)


def test_positive_gradients_are_weighted_as_the_paper_says():
    chosen, pixels = subject("small", LAYERS["small"]), image((32, 32))
    kept = []

    def keep(module, inputs, output):
        kept.append(output)
        return output.clone()  # what follows may write into it

    hook = chosen.logits.net.get_submodule(chosen.layer).register_forward_hook(keep)
    score = chosen.logits.net(torch.from_numpy(pixels)[None])[0, 1]
    hook.remove()
    (gradient,) = torch.autograd.grad(score, kept[0])
    g, a = gradient[0].double().numpy(), kept[0][0].detach().double().numpy()
    below = 2 * g**2 + a.sum(axis=(1, 2), keepdims=True) * g**3
    alpha = np.divide(g**2, below, out=np.zeros_like(g), where=below != 0)
    weights = (alpha * np.maximum(g, 0)).sum(axis=(1, 2))
    raw = torch.from_numpy(np.tensordot(weights, a, axes=1))[None, None]
    full = torch.nn.functional.interpolate(raw, size=(32, 32), mode="bilinear")[0, 0]
    found = maps(chosen, pixels, "gradcam++")[1]
    np.testing.assert_allclose(found, full.numpy(), atol=1e-5 * float(full.abs().max()))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["small", "unet"])
def test_maps_by_tiles_are_those_of_the_whole(name, method):
    if (name, method) == ("unet", "cam"):
        pytest.skip("plain maps are for classifiers")
    layer = "" if method == "cam" else LAYERS[name]
    chosen, pixels = subject(name, layer), image((90, 113))
    whole, tiled = (maps(chosen, pixels, method, block) for block in ((128, 128), (32, 32)))
    assert whole.shape == (CLASSES, 90, 113)
    assert whole.dtype == np.float32
    scale = np.abs(whole).max()
    assert scale > 0
    np.testing.assert_allclose(tiled / scale, whole / scale, atol=1e-4)


def test_maps_of_volumes():
    chosen, pixels = subject("unet", dims=3), image((6, 24, 20))
    whole, tiled = (maps(chosen, pixels, "gradcam", block) for block in ((8, 32, 32), (4, 16, 16)))
    assert whole.shape == (CLASSES, 6, 24, 20)
    np.testing.assert_allclose(tiled, whole, atol=1e-4 * np.abs(whole).max())


def test_a_feature_map_without_weight_leaves_no_trace():
    chosen, pixels = subject("small"), image((64, 64))
    with torch.no_grad():
        chosen.logits.net.head.weight[:, 5] = 0
    by_ablation, plain = (maps(chosen, pixels, method) for method in ("ablation", "cam"))
    with torch.no_grad():
        means = chosen.logits.net.body(torch.from_numpy(pixels)[None])[0].mean(dim=(1, 2))
    with torch.no_grad():
        chosen.logits.net.head.weight *= means
    # what falls when a feature is set to 0 is its weight times its mean
    np.testing.assert_allclose(by_ablation, maps(chosen, pixels, "cam"), atol=1e-4)
    assert not np.allclose(by_ablation, plain, atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_progress_rises_to_one_and_gradients_are_left_alone(method):
    chosen = subject("small")
    shares, _ = turn(map_classes(chosen, ArraySource(image((70, 70))), method, (32, 32)))
    assert shares == sorted(shares)
    assert shares[-1] <= 1
    assert all(p.grad is None for p in chosen.logits.net.parameters())
    assert not chosen.logits.net.body._forward_hooks


@pytest.mark.parametrize(
    ("name", "layer", "method", "told"),
    [
        ("small", "", "lime", "choose cam, gradcam"),
        ("small", "nose", "gradcam", "no layer 'nose'. Some of its layers: body"),
        ("unet", "", "cam", "for classifiers only"),
        ("small", "body.3", "cam", "layer 'body'"),
    ],
)
def test_what_cannot_be_done_is_said(name, layer, method, told):
    with pytest.raises(InputError, match=told):
        maps(subject(name, layer), image((32, 32)), method)


def test_the_last_layer_before_the_classes_is_the_default():
    assert logits_of("small").layer == "body"
    logits = logits_of("unet")
    assert logits.layer.startswith("model.1.submodule.2.")  # of the last but one way up
    others = nn.Sequential(nn.Conv2d(1, 3, 1), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 2, 1))
    assert last_hidden_layer(others.eval(), 1, (1, 1)) == "2"
    assert not any(part._forward_hooks for part in others)


def test_what_a_segmenting_model_finds_is_where_it_looks():
    spec = ModelSpec(name="unet")
    net = build_network(spec, 1, 3)
    load_weights(net, shipped_weights(spec).weights)
    net.eval()
    y, x = np.mgrid[:128, :128]
    disc = (y - 40) ** 2 + (x - 70) ** 2 < 14**2
    pixels = (0.1 + 0.8 * disc[None] + image(disc.shape) * 0.05).astype(np.float32)
    logits = pixel_class_logits(net, spec, 1, 1)
    found = ExplainedModel(logits, torch.device("cpu"), logits.layer)
    heat = maps(found, pixels, "gradcam")[0]
    assert disc.flat[heat.argmax()]
    assert np.corrcoef(heat.ravel(), disc.ravel())[0, 1] > 0.4


@pytest.mark.parametrize(
    ("name", "method"),
    [(name, method) for name in LAYERS for method in METHODS if (name, method) != ("unet", "cam")],
)
def test_no_double_precision_is_asked_of_a_gpu(name, method):
    explained, pixels = subject(name), image((32, 32))
    known = maps(explained, pixels, method)
    with OnGpuWithoutDoubles():
        found = maps(explained, pixels, method)
    assert np.array_equal(found, known)
