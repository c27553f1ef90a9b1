"""How many objects that nobody clicked get into the canvas, where only some are clicked.

Run ``python -m benchmarks.leaks [DATASET ...] [--clicks N] [--half tuning|closing]``. The folder
of the data is named by the environment variable SYNTHSEG_DATA. Of each image `N` objects are
clicked at random, and the user says that not every object is clicked. What the program then takes
for background is compared with the true masks. Printed, as means over images: the share of the
unclicked objects of which more than half counts as background ("leaked"), the share of their
pixels, the share of the true background that is kept, and the estimated number of unclicked
objects over the true one.
"""

from __future__ import annotations

import argparse
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from benchmarks.helpers.clicked_images import (
    DATASETS,
    HALVES,
    ClickedObjects,
    clicked_image,
    cut,
    read,
)
from napari_synthseg.core.progress import exhaust
from napari_synthseg.patches.canvas_parts import estimate_backgrounds

MORE = 3
"""Images with fewer unclicked objects than this are left out."""


def measure(image: ClickedObjects, chosen: NDArray[np.intp]) -> tuple[float, float, float, float]:
    """Return what `main` prints, for one image."""
    clicks = [image.numbers[place] for place in chosen]
    positions = {number: image.positions[number] for number in clicks}
    clicked = clicked_image(image.name, image.pixels, positions, exhaustive=False)
    library = cut(clicked, diameter=image.diameter)
    (background,) = exhaust(estimate_backgrounds(library))
    valid = background.valid
    others = [n for n in image.numbers if n not in positions]
    counts = np.bincount(image.ids[valid], minlength=image.ids.max() + 1)
    shares = counts[others] / np.bincount(image.ids.ravel())[others]
    kept = valid[image.ids == 0].mean()
    guess = background.unclicked * len(clicks) / len(others)
    return float((shares > 0.5).mean()), float(shares.mean()), float(kept), guess


def main() -> None:
    """Measure and print a row for each dataset."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", nargs="*", default=list(DATASETS))
    parser.add_argument("--clicks", type=int, default=12)
    parser.add_argument("--images", type=int, default=20, help="most images of a dataset")
    parser.add_argument("--half", choices=HALVES, default="closing")
    options = parser.parse_args()
    print(
        f"{'dataset':14}{'images':>7}{'leaked':>9}{'worst':>8}{'pixels':>8}{'kept':>7}{'guess':>7}"
    )
    for dataset in options.datasets:
        enough = (i for i in read(dataset, options.half) if len(i.numbers) >= options.clicks + MORE)
        images = list(islice(enough, options.images))
        rng = np.random.default_rng(0)
        rows = np.array(
            [measure(i, rng.choice(len(i.numbers), options.clicks, replace=False)) for i in images]
        )
        leaked, pixels, kept, _ = rows.mean(axis=0)
        print(f"{dataset:14}{len(rows):7}{leaked:9.3f}{rows[:, 0].max():8.2f}{pixels:8.3f}"
              f"{kept:7.2f}{np.median(rows[:, 3]):7.2f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
