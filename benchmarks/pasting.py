"""How fast dual images are pasted, as ratios within one run on one core (processor time).

Prints pairs per second at several sizes and object counts next to

- a straightforward reference that turns and scales each object with scikit-image when it is needed
  and does the same to the canvas: light level, soft rim, contrast, exact labels, no overlap;
- the floor: writing an image and a label array of that size once.

Then it tells what a second process gains next to what it gains plain NumPy work, how the time grows
with the number of objects, and what fitting to 10,000 patches takes. Objects are simulated. Run it
alone on the machine: ``python -m nox -s bench -- pasting``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.helpers.memory import peak_memory_mib
from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.labels import instances_of
from napari_synthseg.core.patch import Background, ClickedImage, Patch, PatchLibrary
from napari_synthseg.core.pixels import ArraySource, FloatImage
from napari_synthseg.core.progress import exhaust
from napari_synthseg.core.recipe import Synthesizer
from napari_synthseg.synthesis import PasteRecipe
from napari_synthseg.synthesis.paste.fitting import fit_to_backgrounds

DIAMETER = 22
WINDOW = 45
SIZES = (384, 512)
COUNTS = (20, 100)


def simulate_library(objects: int, edge: int, seed: int = 0) -> tuple[PatchLibrary, Background]:
    """Return a library of blurred ellipses with grain on one image of `edge` x `edge` pixels."""
    rng = np.random.default_rng(seed)
    light = ndimage.gaussian_filter(rng.standard_normal((edge, edge)), 40, mode="wrap")
    pixels = (0.2 + light + 0.03 * rng.standard_normal((edge, edge))).astype(np.float32)[None]
    valid = np.ones((edge, edge), bool)
    grid = np.indices((WINDOW, WINDOW)) - WINDOW // 2
    patches = []
    for number in range(objects):
        corner = rng.integers(0, edge - WINDOW, 2)
        turn, axes = rng.uniform(0, np.pi), rng.uniform(0.8, 1.2, 2) * DIAMETER / 2
        v, u = (
            np.cos(turn) * grid[0] - np.sin(turn) * grid[1],
            np.sin(turn) * grid[0] + np.cos(turn) * grid[1],
        )
        mask = (v / axes[0]) ** 2 + (u / axes[1]) ** 2 < 1
        where = tuple(slice(c, c + WINDOW) for c in corner)
        cut = pixels[(slice(None), *where)] + 0.5 * ndimage.gaussian_filter(mask * 1.0, 1.0)
        center = (WINDOW // 2.0, WINDOW // 2.0)
        patches.append(
            Patch(str(number), "image", 1, cut.astype(np.float32), mask, tuple(map(int, corner)),
                  center)
        )  # fmt: skip
    level, noise = np.array([0.2], np.float32), np.array([0.03], np.float32)
    background = Background("image", pixels, valid, level, noise, (0, 0))
    image = ClickedImage(ImageRef(id="image", uri="image"), ArraySource(pixels), ())
    return PatchLibrary(tuple(patches), (image,), {1: float(DIAMETER)}), background


def fit(
    source: tuple[PatchLibrary, Background], size: int, objects: float, **fields: Any
) -> Synthesizer:
    """Fit so that a dual image shows about `objects` objects."""
    library, background = source
    edge = background.valid.shape[0]
    here = len(library.patches) * min(size / edge, 1) ** 2
    recipe = PasteRecipe(
        size=size, density=objects / here, density_spread=0, clustering=0, **fields
    )
    return exhaust(fit_to_backgrounds(recipe, library, [background]))


def mean_count(synthesizer: Synthesizer, pairs: int) -> float:
    """Return the mean number of objects on the first pairs."""
    return float(np.mean([instances_of(synthesizer.pair(i).labels).count for i in range(pairs)]))


@dataclass(frozen=True)
class Reference:
    """Pastes each object straight from its patch, turned and scaled by scikit-image."""

    library: PatchLibrary
    background: Background
    base: FloatImage
    size: int
    objects: int

    def pair(self, index: int) -> tuple[FloatImage, NDArray[np.int32]]:
        rng = np.random.default_rng(index)
        background = self.background.pixels
        y, x = rng.integers(0, background.shape[1] - self.size + 1, 2)
        cut = (slice(None), slice(y, y + self.size), slice(x, x + self.size))
        image, base = background[cut].copy(), self.base[cut]
        labels = np.zeros((self.size, self.size), np.int32)
        for number in range(1, self.objects + 1):
            patch = self.library.patches[int(rng.integers(len(self.library.patches)))]
            self._paste(rng, image, base, labels, patch, number)
        return image, labels

    def _paste(
        self,
        rng: np.random.Generator,
        image: FloatImage,
        base: FloatImage,
        labels: NDArray[np.int32],
        patch: Patch,
        number: int,
    ) -> None:
        from skimage.transform import SimilarityTransform, warp

        here = tuple(slice(o, o + WINDOW) for o in patch.origin)
        difference = patch.pixels - self.base[(slice(None), *here)]
        away = ndimage.distance_transform_edt(~patch.mask)
        fall = np.clip(1 - (away - 1) / (0.15 * DIAMETER), 0, 1)
        alpha = np.where(patch.mask, 1, fall * fall * (3 - 2 * fall)).astype(np.float32)
        box = ndimage.find_objects((alpha > 0).astype(np.int8))[0]
        difference, alpha, mask = difference[(slice(None), *box)], alpha[box], patch.mask[box]
        edge = int(np.ceil(1.1 * np.hypot(*mask.shape)))
        middle, target = (np.array(mask.shape[::-1]) - 1) / 2, (edge - 1) / 2
        transform = (
            SimilarityTransform(translation=(-target, -target))
            + SimilarityTransform(
                rotation=rng.uniform(0, 2 * np.pi), scale=1 / rng.uniform(0.9, 1.1)
            )
            + SimilarityTransform(translation=middle)
        )

        def turn(plane: FloatImage, order: int, mode: str) -> FloatImage:
            turned: FloatImage = warp(
                plane, transform, output_shape=(edge, edge), order=order, mode=mode
            )
            return turned

        turned = np.stack([turn(plane, 3, "edge") for plane in difference])
        alpha, mask = turn(alpha, 1, "constant"), turn(mask.astype(np.float32), 1, "constant") > 0.5
        if rng.random() < 0.5:
            turned, alpha, mask = turned[..., ::-1], alpha[..., ::-1], mask[..., ::-1]
        for _ in range(12):
            y, x = rng.integers(0, self.size - edge, 2)
            window = (slice(y, y + edge), slice(x, x + edge))
            if not labels[window][mask].any():
                break
        else:
            return
        alpha = np.where(mask, 1, alpha) * (mask | (labels[window] == 0))
        below = image[(slice(None), *window)]
        gain = np.exp(0.1 * rng.standard_normal())
        below += alpha * (gain * turned + base[(slice(None), *window)] - below)
        labels[window][mask] = number


ROUNDS = 7
"""Stretches that a measurement is divided into."""


def rates(works: Sequence[Callable[[int], object]], seconds: float) -> NDArray[np.float64]:
    """Return calls per second of processor time, shape (round, work).

    All take turns in each round, so that a processor that changes its speed changes it for all.
    """
    for work in works:
        list(map(work, range(3)))
    found = np.empty((ROUNDS, len(works)))
    for round_ in range(ROUNDS):
        for column, work in enumerate(works):
            start, done = time.process_time(), 0
            while time.process_time() - start < seconds / ROUNDS:
                work(3 + done)
                done += 1
            found[round_, column] = done / (time.process_time() - start)
    return found


def compare(seconds: float) -> list[dict[str, Any]]:
    """Measure pairs per second next to the reference and to the floor."""
    source = simulate_library(60, 512)
    library, background = source
    base = np.stack([ndimage.gaussian_filter(c, 5.5) for c in background.pixels])
    rows = []
    for size in SIZES:
        for objects in COUNTS:
            synthesizer = fit(source, size, objects)
            list(map(synthesizer.pair, range(200)))  # every variant is made by now
            labelled = mean_count(synthesizer, 20)
            reference = Reference(library, background, base, size, objects)
            in_reference = np.mean([len(np.unique(reference.pair(i)[1])) - 1 for i in range(3)])

            def write(_: int, size: int = size) -> object:
                return np.full((1, size, size), 0.5, np.float32), np.full((size, size), 1, np.int32)

            found = rates((synthesizer.pair, reference.pair, write), seconds)
            ours, theirs, floor = found.T
            times = ours / theirs * labelled / in_reference
            rows.append(
                {
                    "size": size,
                    "objects": round(labelled, 1),
                    "reference_objects": round(float(in_reference), 1),
                    "pairs_per_second": round(float(np.median(ours)), 1),
                    "times_reference": round(float(np.median(times)), 1),
                    "lowest_to_highest": [round(float(f(times)), 1) for f in (np.min, np.max)],
                    "floor_share": round(float(np.median(ours / floor)), 4),
                }
            )
            print(json.dumps(rows[-1]), flush=True)
    return rows


def growth(seconds: float) -> dict[str, float]:
    """Fit a line to the time of a pair against the number of its objects."""
    source = simulate_library(60, 1024)
    counts, times = [], []
    for wanted in (10, 25, 50, 100, 200, 300):
        synthesizer = fit(source, 1024, wanted)
        list(map(synthesizer.pair, range(30)))
        counts.append(mean_count(synthesizer, 10))
        times.append(1e3 / rates([synthesizer.pair], seconds).max())
    slope, start = np.polyfit(counts, times, 1)
    rest = np.array(times) - np.polyval((slope, start), counts)
    return {
        "ms_per_object": round(float(slope), 4),
        "ms_per_empty_pair_1024": round(float(start), 3),
        "r_squared": round(1 - float(rest.var() / np.var(times)), 4),
    }


def _paste_for(start: Any, seconds: float) -> int:
    synthesizer = fit(simulate_library(60, 512), 512, 100)
    list(map(synthesizer.pair, range(200)))
    return _count(start, seconds, synthesizer.pair)


def _add_for(start: Any, seconds: float) -> int:
    array = np.ones((512, 512), np.float32)

    def add(_: int) -> None:
        result = array.copy()
        for _ in range(20):
            result += array

    return _count(start, seconds, add)


def _count(start: Any, seconds: float, work: Callable[[int], object]) -> int:
    start.wait()
    end, done = time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        work(done)
        done += 1
    return done


def _work(job: Callable[[Any, float], int], start: Any, seconds: float, results: Any) -> None:
    results.put(job(start, seconds))


def with_processes(job: Callable[[Any, float], int], number: int, seconds: float) -> float:
    """Return how often `number` processes together do a job per second."""
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(number), context.Queue()
    workers = [
        context.Process(target=_work, args=(job, start, seconds, results)) for _ in range(number)
    ]
    for worker in workers:
        worker.start()
    done: int = sum(results.get() for _ in workers)
    for worker in workers:
        worker.join()
    return done / seconds


def gains(seconds: float, repeats: int = 3) -> dict[str, float]:
    """Return what a second process gains: pasting, plain NumPy, and the ratio (medians)."""
    found: dict[str, list[float]] = {"pasting": [], "numpy": []}
    for _ in range(repeats):
        for name, job in (("pasting", _paste_for), ("numpy", _add_for)):
            alone = with_processes(job, 1, seconds)
            found[name].append(with_processes(job, 2, seconds) / alone)
    pasting, plain = (float(np.median(found[name])) for name in ("pasting", "numpy"))
    return {
        "gain_pasting": round(pasting, 2),
        "gain_numpy": round(plain, 2),
        "ratio": round(pasting / plain, 2),
    }


def many_patches(number: int = 10_000) -> dict[str, float]:
    """Fit to many patches, make pairs, and tell times and peak memory."""
    source = simulate_library(number, 4096)
    before = peak_memory_mib()
    start = time.perf_counter()
    synthesizer = fit(source, 384, 100)
    fitted = time.perf_counter() - start
    start = time.perf_counter()
    list(map(synthesizer.pair, range(200)))
    seconds = time.perf_counter() - start
    return {
        "patches": number,
        "fit_seconds": round(fitted, 2),
        "pairs_per_second_cold": round(200 / seconds, 1),
        "memory_mib": round(peak_memory_mib() - before, 1),
    }


def main() -> None:
    """Measure all, and print one JSON object at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="per figure")
    options = parser.parse_args()
    result = {
        "pairs": compare(options.seconds),
        "growth": growth(options.seconds / 2),
        "processes": gains(options.seconds),
        "many": many_patches(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
