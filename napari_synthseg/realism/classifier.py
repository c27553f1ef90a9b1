"""Classifier two-sample test: how well a classifier distinguishes real and synthetic crops.

Crops of equal size are taken at random places and around objects. All crops of an image, and all
of a pair, are either for training or for test. The accuracy is compared with that of the same
procedure on two halves of the real images: the closer to one half, the better (Lopez-Paz and
Oquab, "Revisiting classifier two-sample tests", ICLR 2017).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.realism.clues import CLUES, describe_crop, filter_plane
from napari_synthseg.realism.distance import halvings
from napari_synthseg.realism.report import Accuracy, Judgment, TwoSampleTest
from napari_synthseg.realism.view import FieldView

CROPS_PER_SIDE, FOLDS, FLOOR_HALVINGS = 400, 5, 5

CROP_DIAMETERS, MIN_CROP_PX, MAX_CROP_PX = 2.0, 24, 64
"""Edge of a crop: this many object diameters, within these limits."""

PLANES_PER_WINDOW = 4
"""Planes of a volume's window from which crops are taken."""

MIN_GROUPS = 4
"""With fewer specimens than this, halves are made of windows."""

ALIKE_ACCURACY, LITTLE_DIFFERENT_ACCURACY = 0.6, 0.8
"""Largest accuracies at which the two sides count as alike, and as a little different."""

UNCERTAIN_ACCURACY = 0.7
"""An interval from chance to above this shows nothing."""


@dataclass(frozen=True, eq=False)
class Crops:
    """Crops in figures: `figures` holds (n, figure) for each clue; `group` and `window` of each."""

    figures: list[NDArray[np.float64]]
    group: NDArray[np.str_]
    window: NDArray[np.int64]

    def pick(self, chosen: NDArray[np.bool_]) -> Crops:
        """Return some of the crops."""
        return Crops([f[chosen] for f in self.figures], self.group[chosen], self.window[chosen])

    def only(self, clue: int) -> Crops:
        """Return all crops with the figures of one clue."""
        return Crops([self.figures[clue]], self.group, self.window)


def classifier_two_sample_test(
    real: Sequence[FieldView],
    synthetic: Sequence[FieldView],
    diameter: float,
    seed: int,
    crops: int = CROPS_PER_SIDE,
) -> Generator[Progress, None, TwoSampleTest | None]:
    """Train and test the classifier; return None where either side has fewer than two groups.

    Parameters
    ----------
    real, synthetic
        Windows of one shape.
    diameter
        Typical diameter of an object, pixels.
    seed
        Which crops are taken, and which groups are held out together.
    crops
        About how many crops are taken of each side.
    """
    edge = int(np.clip(CROP_DIAMETERS * diameter, MIN_CROP_PX, MAX_CROP_PX))
    edge = min(edge, *real[0].shape[-2:])
    if min(len({v.group for v in side}) for side in (real, synthetic)) < 2:
        return None
    rng = np.random.default_rng(seed)
    ours = yield from subprogress(take_crops(real, edge, crops, rng), 0.0, 0.25)
    theirs = yield from subprogress(take_crops(synthetic, edge, crops, rng), 0.25, 0.5)
    accuracy = cross_validate(ours, theirs, seed)
    clues = {}
    for number, clue in enumerate(CLUES):
        yield Progress(0.65 + 0.05 * number)
        clues[clue] = cross_validate(ours.only(number), theirs.only(number), seed)
    floor = yield from subprogress(_measure_floor(ours, seed), 0.8, 1.0)
    by_window = len({v.source for v in real}) == 1
    return TwoSampleTest(
        accuracy=accuracy, floor=floor, clues=clues, edge=edge,
        held_out_by="window" if by_window else "image", verdict=_judge(accuracy, floor),
    )  # fmt: skip


def _judge(accuracy: Accuracy, floor: Accuracy | None) -> Judgment:
    if accuracy.low <= 0.5 and accuracy.high > UNCERTAIN_ACCURACY:
        return "not certain"
    if accuracy.value <= max(ALIKE_ACCURACY, floor.value if floor else 0.0):
        return "alike"
    if accuracy.value <= LITTLE_DIFFERENT_ACCURACY:
        return "a little different"
    return "clearly different"


def take_crops(
    views: Sequence[FieldView], edge: int, crops: int, rng: np.random.Generator
) -> Generator[Progress, None, Crops]:
    """Take about as many crops from each window, every second one around an object."""
    figures = []
    per_window = max(4, round(crops / len(views)))
    for place, view in enumerate(views):
        volume = view.image.ndim == 4
        depth = view.shape[0] if volume else 1
        planes = np.sort(rng.choice(depth, min(PLANES_PER_WINDOW, depth), replace=False))
        maps = [filter_plane(view.image[:, z] if volume else view.image) for z in planes]
        centers = view.centers()
        last_corner = np.array(view.shape[-2:]) - edge
        for number in range(per_window):
            which = int(rng.integers(len(maps)))
            corner = rng.integers(0, last_corner + 1)
            if number % 2 and len(centers):
                center = centers[rng.integers(len(centers))]
                if volume:
                    which = int(np.argmin(np.abs(planes - center[0])))
                corner = np.round(center[-2:] - edge / 2 + rng.normal(0, 2, 2)).astype(int)
                corner = np.clip(corner, 0, last_corner)
            top, left = corner.tolist()
            figures.append(describe_crop(maps[which], top, left, edge))
        yield Progress((place + 1) / len(views))
    groups = np.repeat([view.group for view in views], per_window)
    windows = np.repeat(np.arange(len(views)), per_window)
    return Crops([np.array(f) for f in zip(*figures, strict=True)], groups, windows)


def _measure_floor(ours: Crops, seed: int) -> Generator[Progress, None, Accuracy | None]:
    """Return the mean accuracy between two halves of the real crops, over ways to halve them."""
    by_group = len(np.unique(ours.group)) >= MIN_GROUPS
    units = ours.group if by_group else ours.window.astype(str)
    if len(np.unique(units)) < MIN_GROUPS:
        return None
    ours = Crops(ours.figures, units, ours.window)
    found = []
    ways = halvings(units.tolist(), seed)
    for half in ways[:: max(1, len(ways) // FLOOR_HALVINGS)][:FLOOR_HALVINGS]:
        chosen = np.isin(units, list(half))
        found.append(cross_validate(ours.pick(chosen), ours.pick(~chosen), seed))
        yield Progress(len(found) / FLOOR_HALVINGS)
    value, low, high = np.mean([(a.value, a.low, a.high) for a in found], axis=0).tolist()
    return Accuracy(value=value, low=low, high=high, crops=len(units))


def cross_validate(zero: Crops, one: Crops, seed: int) -> Accuracy:
    """Classify each fold by a model that is trained on the others; groups are never divided."""
    sides = (zero, one)
    folds = min(FOLDS, *(len(np.unique(crops.group)) for crops in sides))
    truth = np.repeat([0, 1], [len(crops.group) for crops in sides])
    predicted = cross_val_predict(
        make_pipeline(
            StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=500)
        ),
        np.concatenate([np.hstack(crops.figures) for crops in sides]),
        truth,
        groups=[f"{side} {group}" for side, crops in enumerate(sides) for group in crops.group],
        cv=StratifiedGroupKFold(folds, shuffle=True, random_state=seed),
    )
    right = np.split(predicted == truth, [len(zero.group)])
    return balanced_accuracy(right, (zero.group, one.group), inflation=1 + folds / (folds - 1))


def balanced_accuracy(
    right: Sequence[NDArray[np.bool_]],
    groups: Sequence[NDArray[np.str_]],
    inflation: float = 1.0,
) -> Accuracy:
    """Return the mean of the two sides' shares of right answers, with a 95 % interval.

    Crops of one group resemble each other, so that they count as fewer than they are: the
    variance between groups tells how much (the design effect of cluster samples). Each side gets a
    Wilson interval; their distances to the mean add up in squares. `inflation` multiplies the
    variance, because the trainings of a cross-validation share most of their data (Nadeau and
    Bengio, "Inference for the generalization error", 2003).
    """
    shares, below, above = [], 0.0, 0.0
    for answers, group in zip(right, groups, strict=True):
        share, n = float(answers.mean()), len(answers)
        names, place = np.unique(group, return_inverse=True)
        sizes = np.bincount(place)
        off = np.bincount(place, answers) - share * sizes
        degrees = len(names) - 1
        variance = float((off**2).sum()) / n**2 * len(names) / degrees
        simple = max(share * (1 - share) / n, 1e-12)
        n_effective = n / max(1.0, variance / simple) / inflation
        z = float(t.ppf(0.975, degrees))
        middle = (share + z**2 / (2 * n_effective)) / (1 + z**2 / n_effective)
        root = np.sqrt(share * (1 - share) / n_effective + z**2 / (4 * n_effective**2))
        half = z * root / (1 + z**2 / n_effective)
        shares.append(share)
        below += (share - (middle - half)) ** 2
        above += (middle + half - share) ** 2
    value = float(np.mean(shares))
    low, high = value - 0.5 * np.sqrt(below), value + 0.5 * np.sqrt(above)
    return Accuracy(
        value=value, low=max(0.0, float(low)), high=min(1.0, float(high)),
        crops=sum(len(r) for r in right),
    )  # fmt: skip
