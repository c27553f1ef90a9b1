"""How well the masks found from clicks fit the true masks: mean IoU, dataset by dataset.

Run ``python -m benchmarks.click_masks [DATASET ...] [--per-set-diameter] [--scale 1.3]``. The data
folder is named by the environment variable SYNTHSEG_DATA.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from benchmarks.helpers.clicked_images import (
    DATASETS,
    HALVES,
    ClickedObjects,
    clicked_image,
    cut,
    read,
)
from napari_synthseg.core.patch import Patch


def measure(image: ClickedObjects, diameter: float) -> tuple[list[float], list[float]]:
    """Return the IoU of each click's mask with its object's, and the mask's quality."""
    clicked = clicked_image(image.name, image.pixels, image.positions)
    patches = cut(clicked, diameter=diameter).patches
    pairs = zip(patches, image.numbers, strict=True)
    return [overlap(p, image.ids, n) for p, n in pairs], [p.quality for p in patches]


def overlap(patch: Patch, ids: NDArray[np.int32], number: int) -> float:
    index = np.argwhere(patch.mask) + patch.origin
    found = ids[tuple(index.T)] == number
    union = len(index) + np.count_nonzero(ids == number) - np.count_nonzero(found)
    return float(np.count_nonzero(found) / union)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", nargs="*", default=list(DATASETS))
    parser.add_argument("--images", type=int, help="most images of a half")
    parser.add_argument("--per-set-diameter", action="store_true", help="one diameter for all")
    parser.add_argument("--scale", type=float, default=1.0, help="use a diameter this much off")
    options = parser.parse_args()
    print(f"{'dataset':14}{'half':10}{'images':>7}{'clicks':>8}{'mean':>8}{'median':>8}"
          f"{'>0.7':>7}{'rank':>7}{'seconds':>9}")  # fmt: skip
    for dataset in options.datasets:
        images = [i for i in read(dataset) if i.positions]
        common = float(np.median(np.concatenate([i.diameters for i in images])))
        for half in HALVES:
            start = time.perf_counter()
            iou: list[float] = []
            quality: list[float] = []
            mine = [i for i in images if i.half == half][: options.images]
            for image in mine:
                own = common if options.per_set_diameter else image.diameter
                found, graded = measure(image, own * options.scale)
                iou += found
                quality += graded
            # how well quality ranks the masks without truth
            rank = spearmanr(iou, quality).statistic
            seconds = time.perf_counter() - start
            print(f"{dataset:14}{half:10}{len(mine):7}{len(iou):8}{np.mean(iou):8.3f}"
                  f"{np.median(iou):8.3f}{np.mean(np.array(iou) > 0.7):7.3f}{rank:7.2f}"
                  f"{seconds:9.1f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
