"""How well the masks found from clicks fit the true masks: mean IoU, dataset by dataset.

Run ``python benchmarks/click_masks.py [DATASET ...] [--per-set-diameter] [--scale 1.3]``. The data
folder is named by the environment variable SYNTHSEG_DATA. Clicks are made from the true masks: the
innermost point, moved at random by a tenth of the object's diameter. Half of the images, fixed by
a hash of the name, serve tuning ("tuning"); the other half gives the closing figures ("closing").
"""

from __future__ import annotations

import argparse
import hashlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from scipy import ndimage

from benchmarks.study.halved_data import is_for_tuning
from napari_synthseg.core.annotations import Click, ImageRef, ObjectClass
from napari_synthseg.core.patch import ClickedImage, Patch, PatchLibrary
from napari_synthseg.core.pixels import ArraySource, Intensity
from napari_synthseg.core.progress import exhaust
from napari_synthseg.patches.build import build_library

DATASETS = {
    "fluorescence": ("dsb2018_nuclei_instances", "fluo"),
    "stained": ("dsb2018_nuclei_instances", "he_bright"),
    "bbbc039": ("bbbc039_nuclei_16bit", ""),
    "emps": ("emps_particles_instances", ""),
}
LEAST_AREA = 12
"""Objects of fewer pixels are not clicked."""


@dataclass(frozen=True)
class Clicked:
    stem: str
    pixels: np.ndarray
    ids: np.ndarray
    numbers: list[int]
    positions: list[np.ndarray]
    diameters: list[float]

    @property
    def half(self) -> str:
        return "tuning" if is_for_tuning(self.stem) else "closing"


def read(dataset: str) -> list[Clicked]:
    name, prefix = DATASETS[dataset]
    folder = Path(os.environ.get("SYNTHSEG_DATA", "../shared/data")) / name
    paths = sorted((folder / "images").glob(f"{prefix}*"))
    if not paths:
        raise SystemExit(f"No images in {folder / 'images'}: set SYNTHSEG_DATA.")
    return [
        click(p.stem, iio.imread(p), iio.imread(folder / "masks" / f"{p.stem}.png")) for p in paths
    ]


def click(stem: str, stored: np.ndarray, ids: np.ndarray) -> Clicked:
    """Click every object of an image."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha1(stem.encode()).digest()[:4]))
    channels = np.moveaxis(stored, -1, 0) if stored.ndim == 3 else stored[None]
    pixels = Intensity.measure(channels, joint=len(channels) == 3).normalize(channels)
    numbers, positions, diameters = [], [], []
    for number, box in enumerate(ndimage.find_objects(ids), start=1):
        if box is None:
            continue
        mask = np.pad(ids[box] == number, 1)
        area = np.count_nonzero(mask)
        if area < LEAST_AREA:
            continue
        diameter = 2 * np.sqrt(area / np.pi)
        depth = ndimage.distance_transform_edt(mask)
        middle = np.array(np.unravel_index(depth.argmax(), mask.shape))
        for _ in range(50):
            moved = middle + rng.normal(0, 0.1 * diameter / np.sqrt(2), 2)
            nearest = np.clip(np.round(moved).astype(int), 0, np.array(mask.shape) - 1)
            if mask[tuple(nearest)]:
                break
        else:
            moved = middle.astype(float)
        numbers.append(number)
        positions.append(moved - 1 + [s.start for s in box])
        diameters.append(diameter)
    return Clicked(stem, pixels, ids, numbers, positions, diameters)


def cut(image: Clicked, chosen: Iterable[int], diameter: float, exhaustive: bool) -> PatchLibrary:
    """Cut patches round the chosen clicks of an image."""
    ref = ImageRef(id=image.stem, uri=image.stem, exhaustive=exhaustive)
    clicks = tuple(
        Click(id=str(n), image=ref.id, position=tuple(image.positions[n]), cls=1) for n in chosen
    )
    clicked = ClickedImage(ref, ArraySource(image.pixels), clicks)
    cls = ObjectClass(name="object", value=1, diameter=diameter)
    library: PatchLibrary = exhaust(build_library([clicked], [cls]))
    return library


def measure(image: Clicked, diameter: float) -> tuple[list[float], list[float]]:
    """Return the IoU of each click's mask with its object's, and the mask's quality."""
    patches = cut(image, range(len(image.numbers)), diameter, exhaustive=True).patches
    pairs = zip(patches, image.numbers, strict=True)
    return [overlap(p, image.ids, n) for p, n in pairs], [p.quality for p in patches]


def overlap(patch: Patch, ids: np.ndarray, number: int) -> float:
    index = np.argwhere(patch.mask) + patch.origin
    found = ids[tuple(index.T)] == number
    union = len(index) + np.count_nonzero(ids == number) - np.count_nonzero(found)
    return float(np.count_nonzero(found) / union)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", nargs="*", default=list(DATASETS))
    parser.add_argument("--per-set-diameter", action="store_true", help="one diameter for all")
    parser.add_argument("--scale", type=float, default=1.0, help="use a diameter this much off")
    options = parser.parse_args()
    print(f"{'dataset':14}{'half':10}{'images':>7}{'clicks':>8}{'mean':>8}{'median':>8}"
          f"{'>0.7':>7}{'rank':>7}{'seconds':>9}")  # fmt: skip
    for dataset in options.datasets:
        images = [i for i in read(dataset) if i.numbers]
        common = float(np.median(np.concatenate([i.diameters for i in images])))
        for half in ("tuning", "closing"):
            start = time.perf_counter()
            iou: list[float] = []
            quality: list[float] = []
            mine = [i for i in images if i.half == half]
            for image in mine:
                own = common if options.per_set_diameter else float(np.median(image.diameters))
                found, graded = measure(image, own * options.scale)
                iou += found
                quality += graded
            rank = rank_correlation(np.array(iou), np.array(quality))
            seconds = time.perf_counter() - start
            print(f"{dataset:14}{half:10}{len(mine):7}{len(iou):8}{np.mean(iou):8.3f}"
                  f"{np.median(iou):8.3f}{np.mean(np.array(iou) > 0.7):7.3f}{rank:7.2f}"
                  f"{seconds:9.1f}", flush=True)  # fmt: skip


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return Spearman's rank correlation: how well quality ranks the masks without truth."""
    from scipy.stats import spearmanr

    return float(spearmanr(first, second).statistic)


if __name__ == "__main__":
    main()
