"""What is suggested after a few clicks, before any training: how much of it is right, and how fast.

Some objects of real images are clicked at random; the others are to be found. A suggestion is right
where it overlaps (IoU) an object that is not clicked by more than 0.5. The last line is of a drawn
image of a megapixel with 100 objects, with time and memory. SYNTHSEG_DATA names the folder of the
real images.

``python -m benchmarks.suggesting [DATASET ...] [--half tuning] [--clicks 8] [--images 10]``
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.helpers.clicked_images import DATASETS, HALVES, clicked_image, read
from benchmarks.helpers.drawn_cases import Canvas, scatter, wavy_disk
from benchmarks.helpers.memory import peak_memory_mib
from napari_synthseg.core.progress import exhaust
from napari_synthseg.patches.suggesting.by_clicks import suggest_by_clicks
from napari_synthseg.patches.suggesting.suggestion import Suggestion

SURE = 0.5


def hits(found: Sequence[Suggestion], ids: NDArray[np.int32]) -> list[int]:
    """Return the id of the object that each suggestion is right about, 0 where it is wrong."""
    numbers = []
    for one in found:
        pixels = np.argwhere(one.outline.mask) + one.outline.origin
        counts = np.bincount(ids[tuple(pixels.T)], minlength=1)
        counts[0] = 0
        number = int(counts.argmax())
        union = len(pixels) + np.count_nonzero(ids == number) - counts[number]
        numbers.append(number if counts[number] > 0.5 * union else 0)
    return numbers


def measure(dataset: str, half: str, clicks: int, most: int) -> str:
    """Return a line on the images of half a data set."""
    rng = np.random.default_rng(0)
    images = [i for i in read(dataset, half) if len(i.positions) >= clicks + 8]
    right: list[bool] = []
    sure: list[float] = []
    left, cpu = 0, 0.0
    for index in rng.permutation(len(images))[:most].tolist():
        image = images[index]
        chosen = rng.choice(image.numbers, clicks, replace=False).tolist()
        places = {n: image.positions[n] for n in chosen}
        begun = time.process_time()
        source = clicked_image(image.name, image.pixels, places, exhaustive=False)
        found = exhaust(suggest_by_clicks(source, {1: image.diameter}))
        cpu += time.process_time() - begun
        right += [number > 0 and number not in chosen for number in hits(found, image.ids)]
        sure += [one.confidence for one in found]
        left += len(image.numbers) - clicks
    is_right, is_sure = np.array(right, bool), np.array(sure) > SURE
    count = min(most, len(images))
    return (
        f"{dataset:14}{half:9}{clicks:7}{count:8}{left:8}{len(right):8}"
        f"{is_right.mean():8.2f}{is_right.sum() / left:8.2f}{is_right[is_sure].mean():9.2f}"
        f"{is_right[is_sure].sum() / left:8.2f}{np.mean(sure):8.2f}{cpu / count:8.1f}"
    )


def draw(seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int32], list[tuple[float, float]]]:
    """Return an image of a megapixel with 100 cells, their masks, and their centers."""
    rng = np.random.default_rng(seed)
    canvas = Canvas((1024, 1024), 60)
    for place in scatter(rng, canvas.ids.shape, 100, gap=44, margin=30):
        cell = wavy_disk(canvas.ids.shape, place, 16 * rng.uniform(0.8, 1.2), rng)
        canvas.add(cell & (canvas.ids == 0))
        canvas.light[cell] += rng.uniform(50, 90)
    drawn = canvas.finish(rng, 1.2, 6)
    pixels = drawn.pixels[None].astype(np.float32) / np.float32(255)
    return pixels, drawn.ids.astype(np.int32), [o.click for o in drawn.objects]


def measure_megapixel() -> str:
    """Return a line on a drawn image, with wall time and memory."""
    pixels, ids, places = draw()
    source = clicked_image("drawn", pixels, dict(enumerate(places[:8])), exhaustive=False)
    before, begun = peak_memory_mib(), time.perf_counter()
    found = exhaust(suggest_by_clicks(source, {1: 32.0}))
    seconds = time.perf_counter() - begun
    right = sum(number > 0 for number in hits(found, ids))
    return (
        f"1 megapixel, 100 objects, 8 clicks: {right} of {len(places) - 8} found, "
        f"{len(found) - right} wrong, in {seconds:.1f} s, peak memory "
        f"{before:.0f} -> {peak_memory_mib():.0f} MiB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", nargs="*", default=list(DATASETS))
    parser.add_argument("--half", choices=HALVES, default="tuning")
    parser.add_argument("--clicks", type=int, default=8)
    parser.add_argument("--images", type=int, default=10, help="most images of each data set")
    options = parser.parse_args()
    print(f"{'dataset':14}{'half':9}{'clicks':>7}{'images':>8}{'left':>8}{'found':>8}{'right':>8}"
          f"{'recall':>8}{'sure ok':>9}{'recall':>8}{'mean p':>8}{'cpu s':>8}")  # fmt: skip
    for dataset in options.datasets:
        print(measure(dataset, options.half, options.clicks, options.images), flush=True)
    print(measure_megapixel())


if __name__ == "__main__":
    main()
