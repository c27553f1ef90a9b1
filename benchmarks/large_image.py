"""What 10,000 clicks on one large image take to be cut, masked and graded: seconds, peak memory.

The image is a mosaic of 4160x4176 pixels with 5,645 nuclei (``large_bbbc039_mosaic`` in the folder
named by SYNTHSEG_DATA). Each is clicked at its innermost point; clicks on random empty places make
up the number. Run it alone on the machine: ``python -m nox -s bench -- large_image``.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import tifffile
from numpy.typing import NDArray

from benchmarks.helpers.clicked_images import clicked_image, normalized
from benchmarks.helpers.memory import peak_memory_mib
from benchmarks.study.halved_data import data_root
from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.patches.build import build_library
from napari_synthseg.patches.simulated_clicks import click_masks


def click(ids: NDArray[np.int32], count: int) -> list[tuple[float, ...]]:
    """Return positions in the nuclei, then on empty places, `count` in all."""
    places = [c.position for c in click_masks(InstanceLabels(ids))][:count]
    rng = np.random.default_rng(0)
    empty = np.argwhere(ids == 0)
    more = empty[rng.choice(len(empty), count - len(places), replace=False)]
    return [*places, *(tuple(float(v) for v in p) for p in more)]


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clicks", type=int, default=10_000)
    parser.add_argument("--diameter", type=float, default=25.0)
    options = parser.parse_args()
    folder = data_root() / "large_bbbc039_mosaic"
    if not folder.exists():
        raise SystemExit(
            f"There is no folder {folder}: set the environment variable SYNTHSEG_DATA."
        )
    stored = tifffile.imread(folder / "mosaic_image.tif")[None]
    ids = tifffile.imread(folder / "mosaic_labels.tif").astype(np.int32)
    places = click(ids, options.clicks)
    image = clicked_image("mosaic", normalized(stored), dict(enumerate(places)))
    before = peak_memory_mib()
    started, worked = time.perf_counter(), time.process_time()
    work = build_library([image], [ObjectClass(name="nucleus", value=1, diameter=options.diameter)])
    longest, last = 0.0, started
    while True:
        try:
            next(work)
        except StopIteration as stop:
            library = stop.value
            break
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    size = sum(p.pixels.nbytes + p.mask.nbytes for p in library.patches)
    print(
        json.dumps(
            {
                "image": "4160x4176 mosaic of real fluorescence images",
                "clicks": len(library.patches),
                "seconds": round(time.perf_counter() - started, 1),
                "cpu_seconds": round(time.process_time() - worked, 1),
                "longest_without_progress_s": round(longest, 1),
                "peak_memory_mib": round(peak_memory_mib()),
                "peak_before_mib": round(before),
                "patches_mib": round(size / 2**20),
                "methods": sorted({p.method for p in library.patches}),
            }
        )
    )


if __name__ == "__main__":
    main()
