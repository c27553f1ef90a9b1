"""The prior sees all earlier codes in reach and nothing else; drawing computes nothing twice."""

import numpy as np
import pytest
import torch

from napari_synthseg.core.progress import exhaust
from napari_synthseg.synthesis.vqvae import sampling
from napari_synthseg.synthesis.vqvae.prior import DILATIONS, WIDE_DILATIONS, CodePrior, PriorDesign
from napari_synthseg.synthesis.vqvae.sampling import draw_codes

SHAPE = (12, 14)


def prior(**design):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        net = CodePrior(PriorDesign(**{"codes": 9, "width": 8, **design})).eval()
        for weight in net.parameters():  # far from zero, so that nothing is lost in rounding
            weight.data.mul_(2)
    return net


def drawn_with_scores(monkeypatch, net, shape, noise, **options):
    """Return codes, and the scores (n, codes, y, x) that each was drawn by."""
    seen, choose = [], sampling._choose

    def watched(scores, *rest):
        seen.append(scores)
        return choose(scores, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(sampling, "_choose", watched)
        codes = exhaust(draw_codes(net, shape, noise, **options))
    return codes, np.stack(seen, axis=-1).reshape(len(noise), -1, *shape)


def rngs(count, seed=0):
    return [np.random.default_rng((seed, n)) for n in range(count)]


@pytest.mark.parametrize("place", [(0, 0), (4, 7), (5, 0), (6, 13)])
@pytest.mark.parametrize("dilations", [(1, 1), DILATIONS, WIDE_DILATIONS])
def test_a_code_moves_every_later_score_in_reach_and_no_other(place, dilations):
    net = prior(dilations=dilations)
    codes = torch.from_numpy(np.random.default_rng(0).integers(9, size=(1, *SHAPE)))
    changed = codes.clone()
    changed[0, place[0], place[1]] = (codes[0, place[0], place[1]] + 1) % 9
    with torch.no_grad():
        moved = (net(codes) - net(changed)).abs().sum(dim=1)[0].numpy() > 0
    rows, columns = np.indices(SHAPE)
    order = rows * SHAPE[1] + columns
    later = order > place[0] * SHAPE[1] + place[1]
    assert not moved[~later].any()
    reach = net.design.reach
    down, across = rows - place[0], columns - place[1]
    seen = later & (down <= reach) & (np.abs(across) <= reach)
    seen &= (down > 0) | (across <= reach)
    if dilations == (1, 1):
        assert moved[seen & (np.abs(across) <= down + 2)].all()
    else:
        assert moved[seen].mean() > 0.95
    assert not moved[(down > reach) | (np.abs(across) > reach)].any()


def test_the_former_blind_spot_is_seen():
    # up and to the right, beyond what masked convolutions alone would reach
    net = prior(dilations=(1, 1))
    codes = torch.zeros((1, *SHAPE), dtype=torch.long)
    changed = codes.clone()
    changed[0, 5, 10] = 1
    with torch.no_grad():
        moved = (net(codes) - net(changed)).abs().sum(dim=1)[0].numpy() > 0
    assert moved[6, 6:].all()
    assert moved[7, 5:].all()


@pytest.mark.parametrize("dilations", [DILATIONS, WIDE_DILATIONS])
@pytest.mark.parametrize("conditions", [0, 2])
def test_drawing_gives_the_scores_of_the_plain_network(dilations, conditions, monkeypatch):
    net = prior(dilations=dilations, conditions=conditions)
    given = None
    if conditions:
        given = torch.from_numpy(np.random.default_rng(1).random((3, 2, *SHAPE), np.float32))
    codes, scores = drawn_with_scores(monkeypatch, net, SHAPE, rngs(3), conditions=given)
    with torch.no_grad():
        plain = net(torch.from_numpy(codes), given).numpy()
    assert plain.std() > 0.1
    np.testing.assert_allclose(scores, plain, atol=1e-4)


def test_a_grid_is_the_same_in_any_company():
    net = prior()
    together = exhaust(draw_codes(net, SHAPE, rngs(5)))
    alone = exhaust(draw_codes(net, SHAPE, rngs(5)[3:4]))
    np.testing.assert_array_equal(alone[0], together[3])
    assert not np.array_equal(together[0], together[1])


def test_codes_are_drawn_as_often_as_the_prior_says(monkeypatch):
    net = prior(codes=4)
    net.eval()
    codes, scores = drawn_with_scores(monkeypatch, net, (1, 1), rngs(4000))
    wanted = torch.softmax(torch.from_numpy(scores[0, :, 0, 0]), 0).numpy()
    found = np.bincount(codes.ravel(), minlength=4) / 4000
    np.testing.assert_allclose(found, wanted, atol=0.03)


def test_a_low_temperature_draws_the_likeliest(monkeypatch):
    net = prior(codes=4)
    codes, scores = drawn_with_scores(monkeypatch, net, (1, 1), rngs(200), temperature=0.1)
    best = scores[:, :, 0, 0].argmax(axis=1)
    assert np.mean(codes[:, 0, 0] == best) > 0.8
