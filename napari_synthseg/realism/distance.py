"""How far two sets of windows are apart, and how far two halves of the real ones are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.stats import wasserstein_distance

from napari_synthseg.realism.quantities import ImageFeatures, Quantity, Values
from napari_synthseg.realism.report import Curve, DistanceUnit, Judgment, Measure, Summary
from napari_synthseg.realism.view import FieldView

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
    ours = _joined(mine)
    theirs = _joined([quantity.measure(w, channel or 0) for w in synthetic])
    if min(len(ours), len(theirs)) < MIN_VALUES:
        return None
    spread = max(float(ours.std()), MIN_RELATIVE_SPREAD * abs(float(np.median(ours))), 1e-6)
    floors = []
    for one, other in _halves([w.view.group for w in real], mine, seed):
        if len(half := _joined(one)) and len(rest := _joined(other)):
            floors.append(wasserstein_distance(half, rest) / spread)
    distance = wasserstein_distance(ours, theirs) / spread
    return Measure(
        name=quantity.name, title=quantity.title, meaning=quantity.meaning, unit=quantity.unit,
        channel=channel, real=_summarize(ours), synthetic=_summarize(theirs),
        finding=_compare_medians(ours, theirs), curve=_densities(ours, theirs),
        **_judged(distance, floors, "real spreads"),
    )  # fmt: skip


def compare_spectra(
    channel: int, real: Sequence[FieldView], synthetic: Sequence[FieldView], seed: int
) -> Measure:
    """Compare radially averaged power spectra: the mean absolute difference in decibels."""
    mine = [spectrum(v.image[channel]) for v in real]
    theirs = [spectrum(v.image[channel]) for v in synthetic]
    floors = []
    for one, other in _halves([v.group for v in real], mine, seed):
        floors.append(float(np.abs(_mean_decibels(one) - _mean_decibels(other)).mean()))
    ours, others = _mean_decibels(mine), _mean_decibels(theirs)
    places = (FREQUENCIES[1:] + FREQUENCIES[:-1]) / 2
    difference = others - ours
    fine, coarse = float(difference[places > 0.25].mean()), float(difference[places < 0.06].mean())
    return Measure(
        name="spectrum", title="power spectrum", unit="dB", channel=channel,
        meaning="how much coarse and fine detail there is; 3 dB are twice the power",
        real=_summarize(_decibels(np.mean(mine, axis=1))),
        synthetic=_summarize(_decibels(np.mean(theirs, axis=1))),
        finding=f"fine detail {fine:+.1f} dB, coarse {coarse:+.1f} dB against real",
        curve=Curve(places=_floats(places), real=_floats(ours), synthetic=_floats(others)),
        **_judged(float(np.abs(difference).mean()), floors, "dB"),
    )  # fmt: skip


def _halves(
    groups: Sequence[str], values: Sequence[Values], seed: int
) -> Iterator[tuple[list[Values], list[Values]]]:
    """Yield the windows' values divided into two halves, groups kept together, in several ways."""
    for half in halvings(groups, seed):
        sides: tuple[list[Values], list[Values]] = ([], [])
        for group, mine in zip(groups, values, strict=True):
            sides[group in half].append(mine)
        yield sides


def _joined(values: Sequence[Values]) -> Values:
    return np.concatenate([np.zeros(0), *values])


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


def judge(distance: float, high: float | None, negligible: float) -> Judgment:
    """Say what a distance means, given the largest distance of two real halves."""
    limit = max(high or 0.0, negligible)
    if distance <= limit:
        return "alike"
    return "a little different" if distance <= 2 * limit + negligible else "clearly different"


def _judged(distance: float, floors: Sequence[float], unit: DistanceUnit) -> dict[str, Any]:
    """Return what a `Measure` holds of its distance."""
    high = max(floors, default=None)
    return {
        "distance": distance, "distance_unit": unit, "floor_high": high,
        "floor": float(np.mean(floors)) if floors else None,
        "verdict": judge(distance, high, NEGLIGIBLE_DISTANCE[unit]),
    }  # fmt: skip


def _mean_decibels(spectra: Sequence[Values]) -> Values:
    return _decibels(np.mean(spectra, axis=0))


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
