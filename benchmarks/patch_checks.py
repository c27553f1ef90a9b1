"""How well the check of the patches finds defects that were made on purpose in real images.

Run ``python -m benchmarks.patch_checks [DATASET ...] [--images N] [--half tuning|closing]``. The
data folder is named by the environment variable SYNTHSEG_DATA. All objects of an image are clicked,
then some of them get one defect and the patches are cut and checked as in the program:

- *blurred*: the object and its surroundings are smoothed (a tenth or a fifth of a diameter), the
  image's noise is added again, so that missing noise does not betray it;
- *saturated*: the object is made brighter until two fifths of its pixels reach the limit of the
  data type;
- *clicked twice*: a second click, 0.1 to 0.35 diameters from the first;
- *click off*: the click is moved to the background next to the object;
- *merged*: the mask of an object and of one that touches it, as one mask brought along;
- *one click for two*: one click between two objects that touch, the mask as it is found.

What is printed: the share of the defects that got a finding that names them, any finding (but "cut
off" and "off center"), and a suggestion to reject; the share whose quality fell below 0.3, where
pasting leaves patches out; then the share of the untouched patches that got each finding. Untouched
patches of real images are not all sound: some are out of focus or saturated, so that this share is
an upper limit of false alarms. Half of the images, fixed by a hash of the name, serve tuning.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from benchmarks.helpers.clicked_images import (
    DATASETS,
    HALVES,
    clicked_image,
    cut,
    name_seed,
    normalized,
    read,
)
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.patch import IssueKind, Patch

LEAST_OBJECTS = 12
SHARE = 0.1
"""Share of the objects of an image that get a defect, one at least."""


@dataclass
class Scene:
    """An image with one click for each object, and what is to be judged."""

    stem: str
    stored: NDArray[Any]
    ids: NDArray[np.int32]
    positions: dict[str, NDArray[np.float64]]
    diameter: float
    rng: np.random.Generator
    masks: InstanceLabels | None = None
    spoiled: set[str] = field(default_factory=set)
    ignored: set[str] = field(default_factory=set)

    def number(self, name: str) -> int:
        return int(name.split("-")[0])

    def choose(self, among: list[str] | None = None) -> list[str]:
        names = sorted(self.positions if among is None else among)
        count = max(1, round(SHARE * len(self.positions)))
        return [str(n) for n in self.rng.permutation(names)[:count]]

    def inner(self) -> list[str]:
        """Return the objects that lie a diameter or more from the border."""
        limit = np.array(self.ids.shape) - self.diameter
        return [
            n
            for n, p in self.positions.items()
            if bool((p > self.diameter).all() and (p < limit).all())
        ]


def scenes(dataset: str, half: str, limit: int) -> Iterator[Scene]:
    """Yield images with enough objects, at most `limit`."""
    enough = (i for i in read(dataset, half) if len(i.positions) >= LEAST_OBJECTS)
    for image in islice(enough, limit):
        positions = {str(n): p for n, p in image.positions.items()}
        rng = np.random.default_rng(name_seed(image.name))
        yield Scene(image.name, image.stored.copy(), image.ids, positions, image.diameter, rng)


# --- defects ------------------------------------------------------------------------------------


def leave(scene: Scene) -> None:
    """Change nothing."""


def blur(scene: Scene, share: float) -> None:
    sigma = max(1.5, share * scene.diameter)
    image = scene.stored.astype(float)
    soft = ndimage.gaussian_filter(image, (0, sigma, sigma))
    rough = image - ndimage.gaussian_filter(image, (0, 0.7, 0.7))
    grain = 1.4826 * np.median(np.abs(rough), axis=(1, 2), keepdims=True) / 0.8
    soft += scene.rng.normal(0, 1, image.shape) * grain
    for name in scene.choose(scene.inner()):
        own = scene.ids == scene.number(name)
        away = ndimage.distance_transform_edt(~own)
        weight = np.clip((0.35 * scene.diameter + 3 - away) / 3, 0, 1)
        image = weight * soft + (1 - weight) * image
        scene.spoiled.add(name)
        scene.ignored |= {str(n) for n in np.unique(scene.ids[weight > 0]) if n}
    scene.ignored -= scene.spoiled
    limit = np.iinfo(scene.stored.dtype)
    scene.stored = np.clip(np.round(image), limit.min, limit.max).astype(scene.stored.dtype)


def saturate(scene: Scene) -> None:
    image = scene.stored.astype(float)
    limit = float(np.iinfo(scene.stored.dtype).max)
    for name in scene.choose(scene.inner()):
        own = scene.ids == scene.number(name)
        away = ndimage.distance_transform_edt(~own)
        weight = np.clip((4 - away) / 3, 0, 1)
        gain = limit / max(1.0, float(np.quantile(image[:, own].max(axis=0), 0.6)))
        image *= 1 + weight * (gain - 1)
        scene.spoiled.add(name)
    scene.stored = np.clip(np.round(image), 0, limit).astype(scene.stored.dtype)


def click_twice(scene: Scene) -> None:
    for name in scene.choose():
        for _ in range(50):
            way = scene.rng.normal(size=2)
            step = scene.rng.uniform(0.1, 0.35) * scene.diameter
            place = scene.positions[name] + step * way / np.linalg.norm(way)
            pixel = tuple(np.clip(np.round(place).astype(int), 0, np.array(scene.ids.shape) - 1))
            if scene.ids[pixel] == scene.number(name):
                scene.positions[f"{name}-again"] = np.array(pixel, float)
                scene.spoiled.add(f"{name}-again")
                scene.ignored.add(name)  # one of the two is to be found
                break


def click_off(scene: Scene) -> None:
    empty = ndimage.distance_transform_edt(scene.ids == 0) > 3
    places = np.argwhere(empty).astype(float)
    for name in scene.choose(scene.inner()):
        away = np.linalg.norm(places - scene.positions[name], axis=1) / scene.diameter
        near = places[(away > 0.6) & (away < 1.5)]
        if len(near):
            scene.positions[name] = near[scene.rng.integers(len(near))]
            scene.spoiled.add(name)


def touching_pairs(scene: Scene) -> list[tuple[str, str]]:
    """Return pairs of objects that touch, each object in one pair at most."""
    found: set[tuple[int, int]] = set()
    for axis in range(2):
        for step in (1, 2):
            one = np.moveaxis(scene.ids, axis, 0)[:-step]
            two = np.moveaxis(scene.ids, axis, 0)[step:]
            edge = (one != two) & (one > 0) & (two > 0)
            found |= {tuple(sorted(p)) for p in np.column_stack([one[edge], two[edge]]).tolist()}
    used: set[int] = set()
    pairs = []
    for first, second in sorted(found):
        names = str(first), str(second)
        if not used & {first, second} and all(n in scene.positions for n in names):
            used |= {first, second}
            pairs.append(names)
    return pairs


def merge(scene: Scene) -> None:
    merged = np.zeros_like(scene.ids)
    pairs = touching_pairs(scene)
    for first, second in pairs[: max(1, round(SHARE * len(scene.positions)))]:
        merged[np.isin(scene.ids, (int(first), int(second)))] = int(first)
        del scene.positions[second]
        scene.spoiled.add(first)
    scene.masks = InstanceLabels(merged)


def click_between(scene: Scene) -> None:
    pairs = touching_pairs(scene)
    for first, second in pairs[: max(1, round(SHARE * len(scene.positions)))]:
        both = [np.argwhere(scene.ids == int(n)) for n in (first, second)]
        tree = cKDTree(both[1])
        away, nearest = tree.query(both[0])
        closest = int(away.argmin())
        middle = (both[0][closest] + both[1][nearest[closest]]) / 2
        del scene.positions[second]
        scene.positions[first] = middle
        scene.spoiled.add(first)


NOTHING_THERE: tuple[IssueKind, ...] = ("off the object", "no object", "faint")

DEFECTS: dict[str, tuple[tuple[IssueKind, ...], Callable[[Scene], None]]] = {
    "untouched": ((), leave),
    "blurred, 0.1 d": (("blurred",), lambda s: blur(s, 0.1)),
    "blurred, 0.2 d": (("blurred",), lambda s: blur(s, 0.2)),
    "saturated": (("saturated",), saturate),
    "clicked twice": (("duplicate",), click_twice),
    "click off": (NOTHING_THERE, click_off),
    "merged": (("merged objects",), merge),
    "one click for two": (("merged objects",), click_between),
}


# --- measuring ----------------------------------------------------------------------------------


def cut_patches(scene: Scene) -> dict[str, Patch]:
    image = clicked_image(scene.stem, normalized(scene.stored), scene.positions)
    library = cut(image, diameter=scene.diameter, masks=scene.masks)
    return {p.id: p for p in library.patches}


def covers_both(scene: Scene, patch: Patch) -> bool:
    """Tell whether a mask holds more than half of each of two objects."""
    index = tuple((np.argwhere(patch.mask) + patch.origin).T)
    held, sizes = Counter(scene.ids[index].tolist()), np.bincount(scene.ids.ravel())
    return sum(bool(n > 0.5 * sizes[i]) for i, n in held.items() if i) > 1


def judge(scene: Scene, defect: str, patches: dict[str, Patch]) -> Iterator[tuple[str, Patch]]:
    """Yield what is judged: spoiled patches as "defect", others as "untouched"."""
    for name, patch in patches.items():
        if name in scene.spoiled:
            if defect == "clicked twice":  # either of the two may be called the second
                pair = [patch, patches[name.removesuffix("-again")]]
                patch = max(pair, key=lambda p: any(f.kind == "duplicate" for f in p.issues))
            if defect != "one click for two" or covers_both(scene, patch):
                yield "defect", patch
        elif name not in scene.ignored and defect == "untouched":
            yield "untouched", patch


def measure(dataset: str, half: str, limit: int) -> dict[str, Any]:
    start = time.perf_counter()
    alarms: Counter[str] = Counter()
    untouched = images = 0
    rows: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for defect, (names, spoil) in DEFECTS.items():
        for scene in scenes(dataset, half, limit):
            spoil(scene)
            images += defect == "untouched"
            for what, patch in judge(scene, defect, cut_patches(scene)):
                kinds = {f.kind for f in patch.issues} - {"cut off", "off center"}
                if what == "untouched":
                    untouched += 1
                    alarms.update([*kinds, *(["any"] if kinds else [])])
                    alarms["doubtful"] += patch.checked == "doubtful"
                    alarms["below 0.3"] += patch.quality < 0.3
                    continue
                row = rows[defect]
                row["n"] += 1
                row["named"] += bool(kinds & set(names))
                row["any"] += bool(kinds)
                row["doubtful"] += patch.checked == "doubtful"
                row["below 0.3"] += patch.quality < 0.3
    for row in rows.values():
        row |= {k: round(v / row["n"], 3) for k, v in row.items() if k != "n"}
    return {
        "dataset": dataset,
        "half": half,
        "images": images,
        "untouched": untouched,
        "alarms": {k: round(v / max(untouched, 1), 3) for k, v in sorted(alarms.items())},
        "defects": {k: dict(v) for k, v in rows.items()},
        "seconds": round(time.perf_counter() - start, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", nargs="*", default=list(DATASETS))
    parser.add_argument("--images", type=int, default=12, help="most images of a dataset")
    parser.add_argument("--half", choices=HALVES, default="tuning")
    parser.add_argument("--json", action="store_true", help="print one line of JSON each")
    options = parser.parse_args()
    for dataset in options.datasets:
        result = measure(dataset, options.half, options.images)
        if options.json:
            print(json.dumps(result), flush=True)
            continue
        print(f"{dataset}, {options.half} half: {result['images']} images, "
              f"{result['untouched']} untouched patches, {result['seconds']} s")  # fmt: skip
        print(f"  {'defect':20}{'n':>6}{'named':>8}{'any':>8}{'doubtful':>10}{'q < 0.3':>9}")
        for defect, row in result["defects"].items():
            print(f"  {defect:20}{row['n']:6.0f}{row['named']:8.3f}{row['any']:8.3f}"
                  f"{row['doubtful']:10.3f}{row['below 0.3']:9.3f}")  # fmt: skip
        print("  untouched:", ", ".join(f"{k} {v:.3f}" for k, v in result["alarms"].items()))


if __name__ == "__main__":
    main()
