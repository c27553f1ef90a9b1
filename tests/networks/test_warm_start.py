import numpy as np
import pytest
import torch

from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.networks.registry import build_network
from napari_synthseg.networks.warm_start import (
    Adopted,
    adopt_weights,
    like_classes,
    shipped_weights,
)
from napari_synthseg.training.model import weights_of

SPEC = ModelSpec(name="unet", width=4, depth=2)


def test_a_network_of_the_same_channels_becomes_the_other() -> None:
    old, new = build_network(SPEC, 2, 3).eval(), build_network(SPEC, 2, 3).eval()
    names = {name for name, _ in new.named_parameters()}
    assert adopt_weights(new, weights_of(old), (0, 1, 2)) == Adopted(frozenset(names), ())
    image = torch.randn(1, 2, 16, 16)
    torch.testing.assert_close(new(image), old(image))


def test_more_channels_share_what_one_had_and_outputs_follow_their_classes() -> None:
    old, new = build_network(SPEC, 1, 3).eval(), build_network(SPEC, 3, 4).eval()
    adopted = adopt_weights(new, weights_of(old), (0, 1, 1, 2))
    assert adopted.fresh == ()
    names = {name for name, _ in new.named_parameters()}
    assert names - adopted.kept == {"model.2.conv.weight", "model.2.conv.bias"}, "two begin alike"
    gray = torch.randn(1, 1, 16, 16)
    before, after = old(gray), new(gray.expand(1, 3, 16, 16))
    torch.testing.assert_close(after, before[:, [0, 1, 1, 2]])


def test_outputs_follow_their_classes_where_there_are_as_many() -> None:
    old, new = build_network(SPEC, 1, 3).eval(), build_network(SPEC, 1, 3).eval()
    assert adopt_weights(new, weights_of(old), (0, 2, 1)).fresh == ()
    image = torch.randn(1, 1, 16, 16)
    torch.testing.assert_close(new(image), old(image)[:, [0, 2, 1]])


def test_fewer_channels_see_the_sum_of_what_several_saw() -> None:
    old, new = build_network(SPEC, 3, 2).eval(), build_network(SPEC, 1, 2).eval()
    assert adopt_weights(new, weights_of(old), (0, 1)).fresh == ()
    gray = torch.randn(1, 1, 16, 16)
    torch.testing.assert_close(new(gray), old(gray.expand(1, 3, 16, 16)), rtol=1e-4, atol=1e-5)


def test_what_does_not_fit_is_named_and_stays_as_it_was() -> None:
    wide = build_network(ModelSpec(name="unet", width=8, depth=2), 1, 2)
    net = build_network(SPEC, 1, 2)
    before = weights_of(net)
    stayed = adopt_weights(net, weights_of(wide), (0, 1))
    assert "model.0.conv.weight" in stayed.fresh
    assert not stayed.kept.intersection(stayed.fresh)
    np.testing.assert_array_equal(
        net.state_dict()["model.0.conv.weight"], before["model.0.conv.weight"]
    )
    other = build_network(SPEC, 1, 3)
    last = ("model.2.conv.weight", "model.2.conv.bias")
    assert adopt_weights(other, weights_of(net), ()).fresh == last


@pytest.mark.parametrize(
    ("own", "others", "like"),
    [((1, 2), (1, 2), (1, 2)), ((1, 2, 5), (1, 5), (1, 1, 2)), ((7, 8), (1,), (1, 1))],
)
def test_classes_begin_as_they_were(own, others, like) -> None:
    assert like_classes(own, others) == like


def test_only_the_usual_network_has_weights_that_ship() -> None:
    assert shipped_weights(ModelSpec(name="unet", width=16)) is None
    assert shipped_weights(ModelSpec(name="unet", spatial_dims=3)) is None
