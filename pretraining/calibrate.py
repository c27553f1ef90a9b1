"""Fit what IoU to expect of an outline: ``python -m pretraining.calibrate WEIGHTS OUT.json``.

Half of the weight have outlines in drawn micrographs that no training has seen, clicked as users
do, with a diameter that is off as theirs are; half those in real images of the halves that serve
tuning, twelve clicked an image, one diameter a set, each set counting the same. The IoU of an
outline with the true one rises with the network's sureness; a rising curve through both (isotonic
regression) is saved, a few points of it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from napari_synthseg.core.geometry import region_slices
from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.core.progress import exhaust
from napari_synthseg.networks.click_net import outline_clicks
from napari_synthseg.networks.click_weights import load_network
from pretraining.evaluate import Found, fewer, measure_iou, read_set
from pretraining.micrograph import Micrograph, draw_micrograph
from pretraining.windows import SIZE_ERROR, click_object

FIRST_SEED = 2**63
"""Training draws seeds below this one."""

POINTS = np.linspace(0, 1, 21)

REAL_SETS = ("fluorescence", "stained", "bbbc039", "emps", "superalloy", "wbc-cell")
"""Nuclei in stained cells are left out: the network is sure of the cell, which nothing tells."""

REAL_IMAGES = 12
"""Of a set."""


def measure_drawn(
    net, micrograph: Micrograph, rng: np.random.Generator
) -> list[tuple[float, float]]:
    """Return sureness and IoU of the outlines of a micrograph's clicked objects."""
    kept = [o for o in micrograph.objects if rng.random() < 0.6]
    if not kept:
        return []
    diameters = {
        cls: micrograph.diameter(cls) * float(np.exp(rng.normal(0, SIZE_ERROR)))
        for cls in {o.cls for o in kept}
    }
    clicks = np.array([click_object(o, rng) for o in kept])
    classes = np.array([o.cls for o in kept])
    source = ArraySource(micrograph.pixels)
    outlines = exhaust(outline_clicks(source, clicks, classes, diameters, net=net))
    pairs = []
    for made, outline in zip(kept, outlines, strict=True):
        found, true = np.zeros((2, *micrograph.pixels.shape[1:]), bool)
        found[region_slices(outline.window)] = outline.mask
        bottom, right = np.add((made.row, made.column), made.mask.shape)
        true[made.row : bottom, made.column : right] = made.mask
        iou = np.count_nonzero(found & true) / np.count_nonzero(found | true)
        pairs.append((outline.sureness, float(iou)))
    return pairs


def measure_real(net, name: str) -> list[tuple[float, float]]:
    """Return sureness and IoU of outlines in the images of a set that serve tuning."""
    images = read_set(name, "tuning", REAL_IMAGES)
    common = float(np.median(np.concatenate([i.diameters for i in images])))
    pairs = []
    for image in map(fewer, images):
        positions, source = np.array(image.positions), ArraySource(image.pixels)
        classes = np.ones(len(positions), np.int64)
        outlines = exhaust(outline_clicks(source, positions, classes, {1: common}, net=net))
        for outline, number in zip(outlines, image.numbers, strict=True):
            found = Found(outline.mask, outline.origin, outline.confidence)
            pairs.append((outline.sureness, measure_iou(found, image, number)))
    return pairs


def fit_calibration(
    sureness: NDArray[np.float64], iou: NDArray[np.float64], shares: NDArray[np.float64]
) -> dict[str, list[float]]:
    """Return points of the rising curve that fits best; `shares` are the outlines' weights."""
    curve = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(sureness, iou, shares)
    wide = np.clip(POINTS[:, None] + np.linspace(-0.03, 0.03, 7), 0, 1)
    expected = curve.predict(wide.ravel()).reshape(wide.shape).mean(axis=1)
    return {"sureness": POINTS.round(3).tolist(), "iou": expected.round(3).tolist()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--micrographs", type=int, default=300)
    options = parser.parse_args()
    net = load_network(options.weights)
    drawn: list[tuple[float, float]] = []
    for number in range(options.micrographs):
        rng = np.random.default_rng((1, number))
        drawn += measure_drawn(net, draw_micrograph(FIRST_SEED + number), rng)
    real = [measure_real(net, name) for name in REAL_SETS]
    shares = [np.full(len(drawn), 1 / len(drawn))]
    shares += [np.full(len(pairs), 1 / (len(pairs) * len(real))) for pairs in real]
    sureness, iou = np.concatenate([drawn, *real]).T
    count = {"drawn": len(drawn), "real": sum(map(len, real))}
    calibration = {"outlines": count} | fit_calibration(sureness, iou, np.concatenate(shares))
    options.out.write_text(json.dumps(calibration, indent=1) + "\n")
    print(f"{count}, mean IoU {np.average(iou, weights=np.concatenate(shares)):.3f}")


if __name__ == "__main__":
    main()
