"""How fast networks learn while time goes by."""

import numpy as np

from napari_synthseg.training.schedule import WARM_UP, average_decay, rate_factor


def test_the_rate_rises_shortly_and_falls_to_nearly_nothing():
    rates = np.array([rate_factor(f) for f in np.linspace(0, 1, 201)])
    top = int(rates.argmax())
    assert np.isclose(top / 200, WARM_UP, atol=0.006)
    assert np.isclose(rates[top], 1, atol=0.01)
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) < 0).all()
    assert 0 < rates[-1] < 0.01
    assert (rates > 0).all()


def test_an_average_looks_back_farther_and_farther():
    kept = [average_decay(step, 0.99) for step in range(2000)]
    assert kept[0] == 0
    assert kept == sorted(kept)
    assert kept[-1] == 0.99
