import numpy as np
import pytest

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.networks.click_edges import follow_brightness


def disk(radius: float) -> np.ndarray:
    y, x = np.mgrid[:64, :64] - 31.5
    return np.hypot(y, x) < radius


def logits_of(mask: np.ndarray) -> FloatImage:
    return np.where(mask, 1.0, -1.0).astype(np.float32)


@pytest.mark.parametrize("found", [9.6, 12.4])
@pytest.mark.parametrize("sign", [-1, 1])
def test_an_outline_a_pixel_off_moves_to_where_brightness_changes(found: float, sign: int) -> None:
    brightness = sign * logits_of(disk(11))
    moved = follow_brightness(logits_of(disk(found)), disk(found), brightness)
    assert np.array_equal(moved > 0, disk(11))


def test_nothing_changes_away_from_the_outline() -> None:
    """A bright neighbor is not added, nor is a dark spot inside taken away."""
    brightness = logits_of(disk(11))
    brightness[:8] = 1
    brightness[31:33, 31:33] = -1
    moved = follow_brightness(logits_of(disk(12)), disk(12), brightness)
    assert not (moved > 0)[:8].any()
    assert (moved > 0)[31:33, 31:33].all()


def test_outlines_without_clear_contrast_stay() -> None:
    noise: FloatImage = np.random.default_rng(0).normal(0, 1, (64, 64)).astype(np.float32)
    logits = logits_of(disk(12))
    faint = (noise + logits_of(disk(11)) / 4).astype(np.float32)
    for brightness in (noise, np.zeros_like(noise), faint):
        assert follow_brightness(logits, disk(12), brightness) is logits


@pytest.mark.parametrize("mask", [np.zeros((64, 64), bool), np.ones((64, 64), bool), disk(1)])
def test_outlines_of_nothing_or_all_stay(mask: np.ndarray) -> None:
    logits = logits_of(mask)
    assert follow_brightness(logits, mask, logits_of(disk(11))) is logits
