"""Time outlines on a drawn image: ``python -m pretraining.time_clicks [--method net|patches]``.

Prints milliseconds by the clock for each click of 1, 12 and 1,000, best of three, and those of the
first click of a session, libraries and weights loaded. ``--method patches`` cuts the patches, too,
and estimates the background; in a checkout of another version it times that one.
"""

from __future__ import annotations

import time

BEGAN = time.perf_counter()

import argparse  # noqa: E402

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from scipy import ndimage  # noqa: E402

DIAMETER, PITCH = 20.0, 40
COUNTS = (1, 12, 1000)


def draw(count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return pixels (channel, y, x) with disks in a square, and their middles."""
    edge = int(np.ceil(np.sqrt(count)))
    rng = np.random.default_rng((count, seed))
    grid = np.stack(np.mgrid[:edge, :edge], -1).reshape(-1, 2)[:count]
    places = grid * PITCH + PITCH + rng.normal(0, 4, (count, 2))
    shape = (max(edge * PITCH + PITCH, 512),) * 2
    free = np.ones(shape, bool)
    free[tuple(np.round(places).astype(int).T)] = False
    disks = ndimage.distance_transform_edt(free) < DIAMETER / 2
    pixels = ndimage.gaussian_filter(disks.astype(np.float32), 1.5)
    pixels += rng.normal(0, 0.1, shape).astype(np.float32)
    return pixels[None], places


def outline(method: str, pixels: NDArray[np.float32], places: NDArray[np.float64]) -> None:
    if method == "net":
        from napari_synthseg.core.pixels import ArraySource
        from napari_synthseg.core.progress import exhaust
        from napari_synthseg.networks.click_net import outline_clicks

        classes = np.ones(len(places), np.int64)
        exhaust(outline_clicks(ArraySource(pixels), places, classes, {1: DIAMETER}))
    else:
        from benchmarks.helpers.clicked_images import clicked_image, cut

        positions = {str(n): place for n, place in enumerate(places)}
        cut(
            clicked_image(f"drawn{pixels.sum()}", pixels, positions, exhaustive=False),
            diameter=DIAMETER,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--method", choices=("net", "patches"), default="net")
    method = parser.parse_args().method
    outline(method, *draw(1, 0))
    print(f"first click of a session: {1000 * (time.perf_counter() - BEGAN):.0f} ms")
    for count in COUNTS:
        taken = []
        for seed in (1, 2, 3):
            pixels, places = draw(count, seed)
            start = time.perf_counter()
            outline(method, pixels, places)
            taken.append(time.perf_counter() - start)
        print(f"{count} clicked: {1000 * min(taken) / count:.1f} ms a click")


if __name__ == "__main__":
    main()
