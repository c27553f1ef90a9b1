"""The quick figures of a crop are those that NumPy gives, and those of the plain formulas."""

from __future__ import annotations

import numpy as np
import pytest

from napari_synthseg.realism.clues import PERCENTILES, _moments, _percentiles


def plain_moments(values):
    """Return what `_moments` does, from values that are scaled before powers are taken."""
    low, quarter, middle, upper, high = np.percentile(values, (1, 25, 50, 75, 99))
    spread = float(values.std()) + 1e-6
    scaled = (values - values.mean()) / spread
    return [
        np.log(spread),
        np.log(upper - quarter + 1e-6),
        (high - middle) / spread,
        (low - middle) / spread,
        (scaled**3).mean(),
        np.log((scaled**4).mean() + 1e-6),
    ]


@pytest.mark.parametrize("edge", [24, 31])
@pytest.mark.parametrize("constant", [None, 0.0, 0.37])
def test_quick_figures_are_those_of_the_plain_formulas(edge, constant):
    crop = np.random.default_rng(edge).gamma(2.0, 0.1, (edge, edge)).astype(np.float32)
    if constant is not None:
        crop[:] = constant
    expected = np.percentile(crop, PERCENTILES)
    assert _percentiles(crop, PERCENTILES) == pytest.approx(expected, rel=1e-6)
    assert _moments(crop) == pytest.approx(plain_moments(crop), rel=1e-4, abs=1e-4)
