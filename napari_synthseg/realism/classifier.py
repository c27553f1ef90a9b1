"""Can a small classifier tell real crops from synthetic ones? The closer to one half, the better.

Crops of equal size are taken at random places and round objects. All crops of an image, and all
of a pair, are either for training or for test. The accuracy is judged by the same procedure on
two halves of the real images.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.realism.clues import KINDS, describe_crop, filter_plane
from napari_synthseg.realism.distance import halvings
from napari_synthseg.realism.report import Accuracy, TwoSampleTest, Verdict
from napari_synthseg.realism.view import View

CROPS, FOLDS, FLOOR_HALVINGS = 400, 5, 5
SMALLEST, LARGEST, DIAMETERS = 24, 64, 2.0
"""Least and largest edge of a crop, pixels, and the edge that is wanted, in object diameters."""

PLANES = 4
"""Planes of a volume's window from which crops are taken."""

FEWEST_GROUPS = 4
"""With fewer specimens than this, halves are made of windows."""

PARTLY, CLEARLY, UNCERTAIN = 0.6, 0.8, 0.7
"""Accuracies above which crops are told apart a little, and clearly; and an interval from chance
to above the last tells nothing."""


@dataclass(frozen=True, eq=False)
class Crops:
    """Crops in figures: `figures` (n, clue), the `group` and the window of each crop."""

    figures: NDArray[np.float64]
    group: NDArray[np.str_]
    window: NDArray[np.int64]

    def pick(self, chosen: NDArray[np.bool_]) -> Crops:
        """Return some of the crops."""
        return Crops(self.figures[chosen], self.group[chosen], self.window[chosen])


def classifier_two_sample_test(
    real: Sequence[View],
    synthetic: Sequence[View],
    diameter: float,
    seed: int,
    crops: int = CROPS,
) -> Generator[float, None, TwoSampleTest | None]:
    """Train and test the classifier; yield the share that is done; None for too few windows.

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
    edge = int(np.clip(DIAMETERS * diameter, SMALLEST, LARGEST))
    edge = min(edge, *real[0].shape[-2:])
    if min(len({v.group for v in side}) for side in (real, synthetic)) < 2:
        return None
    rng = np.random.default_rng(seed)
    ours, kinds = yield from take_crops(real, edge, crops, rng, 0.0)
    theirs, _ = yield from take_crops(synthetic, edge, crops, rng, 0.25)
    yield 0.5
    accuracy = cross_validate(ours, theirs, seed)
    yield 0.65
    clues = {}
    for number, kind in enumerate(KINDS):
        chosen = kinds == kind
        clues[kind] = cross_validate(_only(ours, chosen), _only(theirs, chosen), seed)
        yield 0.65 + 0.05 * (number + 1)
    floor = yield from _measure_floor(ours, seed)
    by_window = len({v.source for v in real}) == 1
    return TwoSampleTest(
        accuracy=accuracy, floor=floor, clues=clues, edge=edge,
        held_out_by="window" if by_window else "image", verdict=_judge(accuracy, floor),
    )  # fmt: skip


def _judge(accuracy: Accuracy, floor: Accuracy | None) -> Verdict:
    least = max(PARTLY, floor.value if floor else 0.0)
    if accuracy.low <= 0.5 and accuracy.high > UNCERTAIN:
        return "not certain"
    if accuracy.value <= least:
        return "alike"
    return "a little different" if accuracy.value <= CLEARLY else "clearly different"


def _only(crops: Crops, chosen: NDArray[np.bool_]) -> Crops:
    return Crops(crops.figures[:, chosen], crops.group, crops.window)


def take_crops(
    views: Sequence[View], edge: int, crops: int, rng: np.random.Generator, done: float
) -> Generator[float, None, tuple[Crops, NDArray[np.str_]]]:
    """Take about as many crops from each window, every second one round an object."""
    figures, groups, windows = [], [], []
    kinds: list[str] = []
    number = max(4, round(crops / len(views)))
    for place, view in enumerate(views):
        volume = view.image.ndim == 4
        depth = view.shape[0] if volume else 1
        planes = np.sort(rng.choice(depth, min(PLANES, depth), replace=False))
        maps = [filter_plane(view.image[:, z] if volume else view.image) for z in planes]
        centers = view.centers()
        for turn in range(number):
            which = int(rng.integers(len(maps)))
            corner = rng.integers(0, np.array(view.shape[-2:]) - edge + 1)
            if turn % 2 and len(centers):
                center = centers[rng.integers(len(centers))]
                if volume:
                    which = int(np.argmin(np.abs(planes - center[0])))
                corner = np.round(center[-2:] - edge / 2 + rng.normal(0, 2, 2)).astype(int)
                corner = np.clip(corner, 0, np.array(view.shape[-2:]) - edge)
            found, kinds = describe_crop(maps[which], int(corner[0]), int(corner[1]), edge)
            figures.append(found)
            groups.append(view.group)
            windows.append(place)
        yield done + 0.25 * (place + 1) / len(views)
    return Crops(np.array(figures), np.array(groups), np.array(windows)), np.array(kinds)


def _measure_floor(ours: Crops, seed: int) -> Generator[float, None, Accuracy | None]:
    """Tell two halves of the real crops apart; mean over ways to halve them.

    Where specimens are too few, the halves are made of windows.
    """
    by_group = len(np.unique(ours.group)) >= FEWEST_GROUPS
    units = ours.group if by_group else ours.window.astype(str)
    ours = Crops(ours.figures, units, ours.window)
    if len(np.unique(units)) < FEWEST_GROUPS:
        return None
    found = []
    ways = halvings(units.tolist(), seed)
    for half in ways[:: max(1, len(ways) // FLOOR_HALVINGS)][:FLOOR_HALVINGS]:
        chosen = np.isin(units, list(half))
        found.append(cross_validate(ours.pick(chosen), ours.pick(~chosen), seed))
        yield 0.8 + 0.2 * len(found) / FLOOR_HALVINGS
    mean = [float(np.mean([getattr(a, k) for a in found])) for k in ("value", "low", "high")]
    return Accuracy(value=mean[0], low=mean[1], high=mean[2], crops=len(units))


def cross_validate(zero: Crops, one: Crops, seed: int) -> Accuracy:
    """Train on all folds but one, test on that one; groups are never divided."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(seed)
    folds = min(FOLDS, *(len(np.unique(c.group)) for c in (zero, one)))
    number = [_folds(c.group, folds, rng) for c in (zero, one)]
    right = [np.zeros(len(c.group), bool) for c in (zero, one)]
    for fold in range(folds):
        train = [n != fold for n in number]
        figures = np.concatenate([zero.figures[train[0]], one.figures[train[1]]])
        label = np.repeat([0, 1], [int(t.sum()) for t in train])
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=500)
        )
        model.fit(figures, label)
        for side, crops in enumerate((zero, one)):
            test = ~train[side]
            right[side][test] = model.predict(crops.figures[test]) == side
    return balanced_accuracy(right, (zero.group, one.group), inflation=1 + folds / (folds - 1))


def _folds(groups: NDArray[np.str_], folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    names, place = np.unique(groups, return_inverse=True)
    turn: NDArray[np.int64] = rng.permutation(len(names)) % folds
    return turn[place]


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
    from scipy.stats import t

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
