"""The grain that is put back is like the grain that was lost."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from napari_synthseg.core.progress import exhaust
from napari_synthseg.synthesis.vqvae import noise_residual
from napari_synthseg.synthesis.vqvae.noise_residual import NoiseResidual
from napari_synthseg.synthesis.vqvae.views import MaskedView


def bank(spread=(0.05, 0.15), channels=1, shape=(96, 96), count=2):
    """Residuals that are stronger in class 1, and reach over two pixels in x."""
    rng = np.random.default_rng(0)
    mask = np.zeros((count, *shape), np.int8)
    mask[:, :, shape[1] // 2 :] = 1
    noise = rng.standard_normal((count, channels, *shape))
    noise = (noise + np.roll(noise, 1, axis=-1)) / np.sqrt(2)
    residual = noise * np.array(spread)[mask][:, None]
    decoded = (0.2 + 0.6 * mask[:, None, ::4, ::4]).repeat(channels, axis=1)
    return NoiseResidual(residual.astype(np.float16), decoded.astype(np.float16), mask, 2)


def target(shape=(128, 120), channels=1):
    mask = np.zeros(shape, np.int16)
    mask[: shape[0] // 2] = 1
    image = (0.2 + 0.6 * mask[None]).astype(np.float32).repeat(channels, axis=0)
    return MaskedView(image, mask)


def made(kind, seed=0, turns=False, grain=None, view=None):
    view = view or target()
    grain = grain or bank()
    return grain.make(kind, view.image, view.mask, np.random.default_rng(seed), turns)


@pytest.mark.parametrize("kind", ["quilted", "noise"])
def test_each_class_gets_its_own_strength_and_texture(kind):
    grain, mask = made(kind)[0], target().mask
    for number, spread in enumerate((0.05, 0.15)):
        inner = grain[40:56] if number else grain[80:120]
        assert np.std(inner) == pytest.approx(spread, rel=0.25)
        neighbors = np.corrcoef(inner[:, 1:].ravel(), inner[:, :-1].ravel())[0, 1]
        assert neighbors == pytest.approx(0.5, abs=0.15)
        assert abs(np.corrcoef(inner[1:].ravel(), inner[:-1].ravel())[0, 1]) < 0.15
    assert mask[40:56].all()


@pytest.mark.parametrize("kind", ["quilted", "noise"])
def test_grain_is_fixed_by_its_generator_alone(kind):
    grain = bank()
    one = made(kind, 3, grain=grain)
    made(kind, 4, grain=grain)
    np.testing.assert_array_equal(made(kind, 3, grain=grain), one)
    assert np.abs(made(kind, 4, grain=grain) - one).mean() > 0.01


@pytest.mark.parametrize("kind", ["quilted", "noise", "none"])
@pytest.mark.parametrize("shape", [(16, 20), (128, 36)])
def test_any_shape_and_channels(kind, shape):
    grain = bank(channels=3, shape=(20, 24), count=3)
    view = target(shape, 3)
    out = made(kind, turns=True, grain=grain, view=view)
    assert out.shape == (3, *shape)
    assert out.dtype == np.float32
    assert np.isfinite(out).all()
    assert (np.std(out) > 0.02) == (kind != "none")


def test_turning_and_back_puts_pieces_where_the_mask_is_alike():
    grain, view = bank((0.0, 0.2)), target()
    for seed in range(8):
        out = made("quilted", seed, turns=True, grain=grain, view=view)[0]
        assert out[:48].std() > 0.1
        assert out[80:].std() < 0.05


def test_seams_cross_over_without_a_change_in_strength():
    grain = bank((0.1, 0.1), shape=(256, 256))
    spread = [made("quilted", seed, grain=grain)[0] for seed in range(40)]
    local = np.std(spread, axis=0)
    assert local.mean() == pytest.approx(0.1, rel=0.05)
    columns = local.mean(axis=0)
    assert columns.max() / columns.min() < 1.35


def test_a_narrow_image_gives_crops_as_large_as_the_others(monkeypatch):
    monkeypatch.setattr(noise_residual, "encoded", lambda coder, view, device: view)
    monkeypatch.setattr(
        noise_residual, "decoded", lambda coder, view: (0 * view.image[None], view.mask[None])
    )
    coder: Any = SimpleNamespace(design=SimpleNamespace(classes=2))
    narrow = target((64, 20))
    work = noise_residual.measure_noise_residual(coder, [target((64, 64)), narrow], 32, None)
    grain = exhaust(work)
    assert grain.residual.shape[1:] == (1, 32, 32)
    mirrored = np.pad(narrow.image[:, :32], ((0, 0), (0, 0), (0, 12)), mode="symmetric")
    np.testing.assert_allclose(grain.residual[-2], mirrored, atol=1e-3)
