"""Heat maps are dark where nothing stands out, and bright where something does."""

from __future__ import annotations

import numpy as np
import pytest

from napari_synthseg.ui.presenters.results.heat_maps import shown_range


def test_what_speaks_for_a_class_everywhere_is_dark_and_what_stands_out_bright():
    heat = np.random.default_rng(0).normal(0.005, 0.0001, (100, 100)).astype(np.float32)
    heat[40:50, 40:50] = 0.006
    shown = shown_range(heat)
    shares = np.array([shown.share(v) for v in heat.ravel().tolist()])
    assert np.mean(shares > 0) < 0.05  # all was lit from 0 on
    assert shown.share(0.006) > 0.99


def test_what_speaks_against_a_class_is_never_shown():
    heat = np.full((50, 50), -3.0, np.float32)
    heat[:20] = 1.0
    assert shown_range(heat).low > 0
    nothing = shown_range(np.full((50, 50), -3.0, np.float32))
    assert (nothing.low, nothing.share(-3.0)) == (0.0, 0.0)


def test_tiny_places_are_seen_and_single_pixels_do_not_darken_the_rest():
    heat = np.zeros((100, 100), np.float32)
    heat[5, 5:8] = 2.0
    assert shown_range(heat).top == 2.0
    heat[20:40, 20:40], heat[5, 5:8] = 1.0, 90.0
    assert shown_range(heat).top == pytest.approx(1.0)
    assert shown_range(heat).lowered(0.5).top == pytest.approx(0.625)
