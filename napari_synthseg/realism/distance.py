"""How far two sets of windows are apart, and how far two halves of the real ones are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.realism.quantities import ImageFeatures, Quantity, Values
from napari_synthseg.realism.report import Curve, DistanceUnit, Measure, Summary, Verdict
from napari_synthseg.realism.view import View

MAX_HALVINGS = 12
"""Ways to halve the real images that are tried."""

MIN_VALUES = 2

MIN_RELATIVE_SPREAD = 0.05
"""Smallest spread that distances are divided by, as a share of the values' median."""

NEGLIGIBLE_DISTANCE = {"real spreads": 0.1, "dB": 0.5}
"""Unit -> distances that no one would see, however alike the real images are."""

CURVE_POINTS = 96

FREQUENCIES = np.linspace(0.0, 0.5, 33)
"""Edges of the rings over which spectra are averaged, cycles per pixel."""

SPECTRUM = Quantity(
    "spectrum", "power spectrum", "dB", "how much coarse and fine detail there is; 3 dB are twice "
    "the power", lambda features, channel: spectrum(features.view.image[channel]),
)  # fmt: skip


def halvings(groups: Sequence[str], seed: int) -> list[frozenset[str]]:
    """Return ways to halve a set of groups, as the one half of each; none of fewer than two."""
    names = sorted(set(groups))
    half = len(names) // 2
    if not half:
        return []
    if comb(len(names), half) <= 2 * MAX_HALVINGS:
        found = [frozenset(chosen) for chosen in combinations(names, half)]
        if len(names) == 2 * half:  # the other half of each is in the list, too
            found = [chosen for chosen in found if names[0] in chosen]
        return found[:: max(1, len(found) // MAX_HALVINGS)]
    rng = np.random.default_rng(seed)
    return [frozenset(rng.permutation(names)[:half].tolist()) for _ in range(MAX_HALVINGS)]


def compare_quantity(
    quantity: Quantity,
    channel: int | None,
    real: Sequence[ImageFeatures],
    synthetic: Sequence[ImageFeatures],
    seed: int,
) -> Measure | None:
    """Compare the distributions of a quantity; None where either side has too few values.

    Their distance is the first Wasserstein distance in units of the real values' standard
    deviation: how far a value has to be moved, on average, to turn one into the other.
    """
    if quantity.complete:
        real = [w for w in real if w.view.complete]
    mine = [quantity.measure(w, channel or 0) for w in real]
    theirs = np.concatenate([np.zeros(0), *(quantity.measure(w, channel or 0) for w in synthetic)])
    ours = np.concatenate([np.zeros(0), *mine])
    if min(len(ours), len(theirs)) < MIN_VALUES:
        return None
    spread = max(float(ours.std()), MIN_RELATIVE_SPREAD * abs(float(np.median(ours))), 1e-6)
    floors = []
    for half in halvings([w.view.group for w in real], seed):
        sides: tuple[list[Values], list[Values]] = ([], [])
        for window, values in zip(real, mine, strict=True):
            sides[window.view.group in half].append(values)
        one, other = (np.concatenate([np.zeros(0), *side]) for side in sides)
        if min(len(one), len(other)):
            floors.append(_shift(one, other) / spread)
    return _measure(
        quantity, channel, _summarize(ours), _summarize(theirs), _shift(ours, theirs) / spread,
        floors, "real spreads", _densities(ours, theirs), _compare_medians(ours, theirs),
    )  # fmt: skip


def compare_spectra(
    channel: int, real: Sequence[View], synthetic: Sequence[View], seed: int
) -> Measure:
    """Compare radially averaged power spectra: the mean absolute difference in decibels."""
    mine = np.array([spectrum(v.image[channel]) for v in real])
    theirs = np.array([spectrum(v.image[channel]) for v in synthetic])
    floors = []
    for half in halvings([v.group for v in real], seed):
        side = np.array([v.group in half for v in real])
        one, other = (_decibels(mine[chosen].mean(0)) for chosen in (side, ~side))
        floors.append(float(np.abs(one - other).mean()))
    ours, others = _decibels(mine.mean(0)), _decibels(theirs.mean(0))
    places = (FREQUENCIES[1:] + FREQUENCIES[:-1]) / 2
    curve = Curve(places=_floats(places), real=_floats(ours), synthetic=_floats(others))
    difference = others - ours
    fine, coarse = float(difference[places > 0.25].mean()), float(difference[places < 0.06].mean())
    return _measure(
        SPECTRUM, channel, _summarize(_decibels(mine.mean(1))),
        _summarize(_decibels(theirs.mean(1))), float(np.abs(difference).mean()), floors, "dB",
        curve, f"fine detail {fine:+.1f} dB, coarse {coarse:+.1f} dB against real",
    )  # fmt: skip


def spectrum(image: NDArray[np.float32]) -> Values:
    """Return the power at each frequency ring of a ([z,] y, x) image, mean over planes."""
    planes = image.reshape(-1, *image.shape[-2:]).astype(np.float64)
    height, width = planes.shape[-2:]
    taper = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    planes = (planes - planes.mean((1, 2), keepdims=True)) * taper
    power = (np.abs(np.fft.fft2(planes)) ** 2).mean(0) / (taper**2).sum()
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    ring = np.digitize(radius.ravel(), FREQUENCIES) - 1
    inside = (ring < len(FREQUENCIES) - 1) & (radius.ravel() > 0)
    total = np.bincount(ring[inside], power.ravel()[inside], len(FREQUENCIES) - 1)
    count = np.bincount(ring[inside], minlength=len(FREQUENCIES) - 1)
    filled: Values = np.interp(
        np.arange(len(total)), np.flatnonzero(count), total[count > 0] / count[count > 0]
    )
    return filled


def judge(distance: float, high: float | None, negligible: float) -> Verdict:
    """Say what a distance means, given the largest distance of two real halves."""
    limit = max(high or 0.0, negligible)
    if distance <= limit:
        return "alike"
    return "a little different" if distance <= 2 * limit + negligible else "clearly different"


def _measure(
    quantity: Quantity, channel: int | None, real: Summary, synthetic: Summary, distance: float,
    floors: Sequence[float], unit: DistanceUnit, curve: Curve, finding: str,
) -> Measure:  # fmt: skip
    high = max(floors, default=None)
    return Measure(
        name=quantity.name, title=quantity.title, meaning=quantity.meaning, unit=quantity.unit,
        channel=channel, real=real, synthetic=synthetic, distance=distance, distance_unit=unit,
        floor=float(np.mean(floors)) if floors else None, floor_high=high,
        verdict=judge(distance, high, NEGLIGIBLE_DISTANCE[unit]), finding=finding, curve=curve,
    )  # fmt: skip


def _shift(one: Values, other: Values) -> float:
    from scipy.stats import wasserstein_distance

    return float(wasserstein_distance(one, other))


def _decibels(powers: Values) -> Values:
    level: Values = 10 * np.log10(np.maximum(powers, 1e-12))
    return level


def _summarize(values: Values) -> Summary:
    return Summary(count=len(values), median=float(np.median(values)), spread=float(values.std()))


def _compare_medians(real: Values, synthetic: Values) -> str:
    ours, theirs = float(np.median(real)), float(np.median(synthetic))
    percent = f" ({theirs / ours - 1:+.0%})".replace("%", " %") if ours > 0 else ""
    spreads = float(np.std(synthetic)) / max(float(np.std(real)), 1e-9)
    return f"median {theirs:.3g}, real {ours:.3g}{percent}; spread {spreads:.2f} times real"


def _densities(real: Values, synthetic: Values) -> Curve:
    """Return both distributions as smooth densities over common places.

    Smoothed by Silverman's rule of the smaller side, so that few values, or those of an image with
    few gray levels, do not make a comb.
    """
    from scipy.ndimage import gaussian_filter1d

    both = np.concatenate([real, synthetic])
    low, high = np.percentile(both, (0.5, 99.5)) if len(both) > 200 else (both.min(), both.max())
    fewer = min(len(real), len(synthetic))
    width = 0.9 * max(_robust_spread(both), 0.02 * (high - low)) * fewer**-0.2
    margin = 2 * width + 1e-6
    edges = np.linspace(low - margin, high + margin, CURVE_POINTS + 1)
    step = float(edges[1] - edges[0])
    curves = []
    for values in (real, synthetic):
        counts = np.histogram(values, edges)[0] / (len(values) * step)
        curves.append(gaussian_filter1d(counts, max(width / step, 1.0), mode="constant"))
    places = (edges[1:] + edges[:-1]) / 2
    return Curve(places=_floats(places), real=_floats(curves[0]), synthetic=_floats(curves[1]))


def _robust_spread(values: Values) -> float:
    low, high = np.percentile(values, (25, 75))
    return float(min(values.std(), (high - low) / 1.34))


def _floats(values: Values) -> tuple[float, ...]:
    return tuple(float(f"{v:.5g}") for v in values)
