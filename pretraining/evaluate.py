"""Measure outlines on real images: ``python -m pretraining.evaluate [WEIGHTS] [SET ...]``.

Every object is clicked at its innermost point, moved by a tenth of a diameter; then only twelve of
an image are. Each is measured with the image's own median diameter and with one diameter for the
whole set. Half of the images, fixed by a hash of the name, serve tuning; figures to be published
come from the other half (``--half closing``). ``--method patches`` measures what patches are cut
from, on the same clicks; run in a checkout of another version it gives the figures of that one.

Columns: mean and median IoU with the true outline (for boxes: of the boxes), the share above 0.7,
the mean of the IoU that was expected, how far expected and true IoU lie apart in tenths of the
outlines sorted by it, the rank correlation of both, and processor time. ``--curves`` prints the
tenths. Of patches it is told how often a diameter was measured, and the median of it over the true.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import spearmanr

from benchmarks.helpers.clicked_images import DATASETS, click, clicked_image, cut, normalized
from benchmarks.study.halved_data import data_root, hash_name, is_for_tuning
from napari_synthseg.core.pixels import ArraySource, FloatImage
from napari_synthseg.core.progress import exhaust

SETS = (*DATASETS, "superalloy", "wbc-cell", "wbc-nucleus", "bccd-rbc", "bccd-wbc")
FEW = 12


@dataclass(frozen=True)
class Clicked:
    """An image whose objects are clicked; n-th number, position and diameter belong together."""

    stem: str
    pixels: FloatImage
    truth: NDArray[np.generic]
    """Ids (y, x), or boxes (n, (ymin, xmin, ymax, xmax)) with the numbers of the clicks."""

    numbers: list[int]
    positions: list[NDArray[np.float64]]
    diameters: list[float]

    @property
    def diameter(self) -> float:
        return float(np.median(self.diameters))


@dataclass(frozen=True)
class Found:
    mask: NDArray[np.bool_]
    origin: tuple[int, ...]
    expected: float
    """The IoU that is to be expected."""


def read_set(name: str, half: str, limit: int) -> list[Clicked]:
    """Return the clicked images of one half of a set; `limit` of them, spread by their hash."""
    made = [make() for stem, make in _images(name, half, limit)]
    return [image for image in made if image.numbers]


def _images(name: str, half: str, limit: int) -> Iterator[tuple[str, object]]:
    folder, pattern = {
        **{key: (data_root() / d, f"{prefix}*") for key, (d, prefix) in DATASETS.items()},
        "superalloy": (data_root() / "nasa_superalloy_semantic", "*"),
        "wbc-cell": (data_root() / "wbc_nucleus_cytoplasm_set1", "*"),
        "wbc-nucleus": (data_root() / "wbc_nucleus_cytoplasm_set1", "*"),
        "bccd-rbc": (data_root() / "bccd_blood_boxes", "*"),
        "bccd-wbc": (data_root() / "bccd_blood_boxes", "*"),
    }[name]
    paths = [
        p
        for p in sorted((folder / "images").glob(pattern))
        if is_for_tuning(p.stem) is (half == "tuning")
    ]
    for path in sorted(paths, key=lambda p: hash_name(p.stem))[:limit]:
        if name.startswith("bccd"):
            yield path.stem, lambda p=path: _click_boxes(p, folder, name.split("-")[1].upper())
        else:
            yield path.stem, lambda p=path: _click_masks(p, _ids(name, folder, p.stem))


def _click_masks(path: Path, ids: NDArray[np.int32]) -> Clicked:
    made = click(path.stem, iio.imread(path), ids)
    places = list(made.positions.values())
    return Clicked(path.stem, made.pixels, ids, made.numbers, places, list(made.diameters))


def _ids(name: str, folder: Path, stem: str) -> NDArray[np.int32]:
    stored = iio.imread(folder / "masks" / f"{stem}.png").astype(np.int32)
    if name == "superalloy":
        ids, _ = ndimage.label(stored == 1)
        areas = np.bincount(ids.ravel())
        return np.where(areas[ids] < 60, 0, ids)
    if name == "wbc-cell":
        return (stored > 0).astype(np.int32)
    if name == "wbc-nucleus":
        return (stored == 2).astype(np.int32)
    return stored


def _click_boxes(path: Path, folder: Path, cls: str) -> Clicked:
    """Click the middle of every box; ids hold nothing, boxes stand in their place."""
    stored = iio.imread(path)
    rng = np.random.default_rng(hash_name(path.stem) % 2**32)
    boxes = _boxes(folder)[path.stem, cls]
    pixels = normalized(np.moveaxis(stored, -1, 0))
    limit = np.array(pixels.shape[1:]) - 1
    positions, diameters = [], []
    for y0, x0, y1, x1 in boxes:
        diameter = float(np.sqrt((y1 - y0) * (x1 - x0)))
        middle = np.array([y0 + y1, x0 + x1]) / 2 - 0.5
        positions.append(np.clip(middle + rng.normal(0, 0.07 * diameter, 2), 0, limit))
        diameters.append(diameter)
    return Clicked(
        path.stem, pixels, np.array(boxes), list(range(len(boxes))), positions, diameters
    )


def _boxes(folder: Path) -> dict[tuple[str, str], list[tuple[float, ...]]]:
    found: dict[tuple[str, str], list[tuple[float, ...]]] = defaultdict(list)
    with (folder / "boxes.csv").open() as file:
        for row in csv.DictReader(file):
            stem = Path(row["image"]).stem
            box = tuple(float(row[k]) for k in ("ymin", "xmin", "ymax", "xmax"))
            found[stem, row["class"].upper()].append(box)
    return found


def fewer(image: Clicked) -> Clicked:
    """Keep twelve clicks, chosen by the image's name."""
    rng = np.random.default_rng(hash_name(image.stem) % 2**32)
    kept = sorted(rng.permutation(len(image.numbers))[:FEW].tolist())
    return replace(
        image,
        numbers=[image.numbers[i] for i in kept],
        positions=[image.positions[i] for i in kept],
        diameters=[image.diameters[i] for i in kept],
    )


def outline_by_patches(
    image: Clicked, diameter: float, exhaustive: bool
) -> tuple[list[Found], float | None]:
    """Return outlines, and the diameter that was measured on them if one was."""
    places = dict(zip(image.numbers, image.positions, strict=True))
    library = cut(clicked_image(image.stem, image.pixels, places, exhaustive), diameter=diameter)
    measured = getattr(library, "measured", {}).get(1)
    found = [Found(p.mask, p.origin, p.quality) for p in library.patches]
    return found, measured.diameter if measured else None


def outline_by_net(image: Clicked, diameter: float, net) -> list[Found]:
    from napari_synthseg.networks.click_net import outline_clicks

    positions = np.array(image.positions)
    classes = np.ones(len(positions), np.int64)
    source = ArraySource(image.pixels)
    outlines = exhaust(outline_clicks(source, positions, classes, {1: diameter}, net=net))
    return [Found(o.mask, o.origin, o.confidence) for o in outlines]


def measure_iou(found: Found, image: Clicked, number: int) -> float:
    """Return the IoU with the true mask, or of the boxes where only boxes are known."""
    places = np.argwhere(found.mask) + found.origin
    if not len(places):
        return 0.0
    if image.truth.shape == image.pixels.shape[1:]:
        inside = image.truth[tuple(places.T)] == number
        union = len(places) + np.count_nonzero(image.truth == number) - np.count_nonzero(inside)
        return float(np.count_nonzero(inside) / union)
    box, true = [*places.min(axis=0), *(places.max(axis=0) + 1)], image.truth[number]
    sides = np.minimum(box[2:], true[2:]) - np.maximum(box[:2], true[:2])
    common = np.prod(np.maximum(sides, 0))
    areas = [np.prod(np.subtract(b[2:], b[:2])) for b in (box, true)]
    return float(common / (sum(areas) - common))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", nargs="*", default=list(SETS))
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--method", choices=("net", "patches"), default="net")
    parser.add_argument("--half", choices=("tuning", "closing"), default="tuning")
    parser.add_argument("--limit", type=int, default=10**6, help="images of a set")
    parser.add_argument("--clicked", nargs="+", choices=("all", "12"), default=["all", "12"])
    parser.add_argument("--diameter", nargs="+", choices=("image", "set"), default=["image", "set"])
    parser.add_argument("--times", type=float, default=1, help="multiply the diameters typed")
    parser.add_argument("--curves", action="store_true", help="print calibration curves")
    parser.add_argument("--out", type=Path, help="append one JSON line for each figure")
    options = parser.parse_args()
    net = None
    if options.weights:
        from napari_synthseg.networks.click_weights import load_network

        net = load_network(options.weights)
    titles = ("images", "clicks", "mean", "median", ">0.7", "expected", "off", "rank", "ms/click")
    print(f"{'set':13}{'diameter':9}{'clicked':8}" + "".join(f"{t:>9}" for t in titles))
    for name in options.sets:
        images = read_set(name, options.half, options.limit)
        common = float(np.median(np.concatenate([i.diameters for i in images])))
        for clicked in options.clicked:
            if clicked == "12" and max(len(i.numbers) for i in images) <= FEW:
                continue
            for given in options.diameter:
                iou: list[float] = []
                expected: list[float] = []
                sizes: list[float] = []
                start = time.process_time()
                for image in images:
                    diameter = options.times * (image.diameter if given == "image" else common)
                    shown = fewer(image) if clicked == "12" else image
                    if options.method == "patches":
                        found, size = outline_by_patches(shown, diameter, clicked == "all")
                        sizes += [size / image.diameter] if size else []
                    else:
                        found = outline_by_net(shown, diameter, net)
                    iou += [
                        measure_iou(f, shown, n) for f, n in zip(found, shown.numbers, strict=True)
                    ]
                    expected += [f.expected for f in found]
                each = 1000 * (time.process_time() - start) / len(iou)
                curve = calibration_curve(np.array(expected), np.array(iou))
                figures = {
                    "mean": float(np.mean(iou)),
                    "median": float(np.median(iou)),
                    "good": float(np.mean(np.array(iou) > 0.7)),
                    "expected": float(np.mean(expected)),
                    "off": float(np.mean([abs(e - i) for e, i in curve])),
                    "rank": float(spearmanr(iou, expected).statistic),
                }
                print(
                    f"{name:13}{given:9}{clicked:8}{len(images):9}{len(iou):9}"
                    + "".join(f"{value:9.3f}" for value in figures.values())
                    + f"{each:9.1f}",
                    flush=True,
                )
                if options.method == "patches":
                    print(
                        f"    measured on {len(sizes)} images: {np.median(sizes or [np.nan]):.2f}"
                        " times the true diameter"
                    )
                if options.curves:
                    print("    expected " + " ".join(f"{e:.2f}" for e, _ in curve))
                    print("    true     " + " ".join(f"{i:.2f}" for _, i in curve))
                if options.out:
                    line = {"set": name, "half": options.half, "diameter": given,
                            "clicked": clicked, "method": options.method, "count": len(iou),
                            **figures, "ms": each, "curve": curve}  # fmt: skip
                    with options.out.open("a") as file:
                        file.write(json.dumps(line) + "\n")


def calibration_curve(
    expected: NDArray[np.float64], iou: NDArray[np.float64]
) -> list[tuple[float, float]]:
    """Return mean expected and mean true IoU of tenths of the outlines, sorted by the former."""
    order = np.argsort(expected, kind="stable")
    tenths = [part for part in np.array_split(order, 10) if len(part)]
    return [(float(expected[part].mean()), float(iou[part].mean())) for part in tenths]


if __name__ == "__main__":
    main()
