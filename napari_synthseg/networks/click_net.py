"""Outlines of the objects under clicks, by a small network that ships with the package.

Everything here takes and gives arrays. The network sees one window a click (`click_windows`) and
says for each pixel of it whether it belongs to the object in the middle; a window grows until the
outline no longer touches its edge. What the weights have seen is written in their data card.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_synthseg.core.geometry import contains
from napari_synthseg.core.pixels import FloatImage, PixelSource
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.networks.click_dividing import NetworkOutline, PlacedOutline, divide, rivals
from napari_synthseg.networks.click_edges import follow_brightness
from napari_synthseg.networks.click_following import MIN_ELONGATION, Answer, elongation, follow
from napari_synthseg.networks.click_weights import run_network, shipped_network
from napari_synthseg.networks.click_windows import (
    CLICK_SIGMA_PX,
    MIDDLE,
    OBJECT_PX,
    WINDOW_PX,
    Frame,
    average_look,
    cut_window,
    draw_clicks,
    fit_discriminant,
    reduce_channels,
    stack_planes,
    within_window,
)

if TYPE_CHECKING:
    from torch import nn


BATCH, DIVIDED = 32, 500
"""Windows that the network sees at once, and outlines that are divided between two signs of
progress."""

SAMPLE = 32
"""Clicks of a class that its look, and the colors that tell it from the ground, are taken from."""

COARSE_TRIAL, FINE_TRIAL = 6, 12
"""Clicks of a class that its size is measured on before all are outlined."""

COARSE_FACTORS = (1.0, 0.5, 2.0, 0.25, 4.0, 0.125, 8.0)
FINE_FACTORS = (1.0, 2**-0.5, 2**0.5)
"""Multiples of the given diameter that are tried, then of the best of them."""

SMALLEST_PX, WIDEST_PX = 3.0, 1024
"""No diameter below the one is tried, and no window above the other if a smaller one serves."""

DOUBLING_PENALTY = 0.06
"""How much surer outlines must be for each doubling or halving of the given diameter."""

FITTING = (0.8, 1.6)
"""Outlines that are smaller or larger than these multiples of the diameter show that it is off:
small ones are coarse in their windows, and large ones lack surroundings."""

GROWTH = 1.6
"""By how much a window grows whose edge the outline touches."""

MOST_GROWTHS = 5

NEGATIVE_LEVEL = 0.3
"""Where the Gaussian of a negative click is above this, no outline lies."""

OUTSIDE_LOGIT = -8.0


@dataclass(frozen=True)
class ClassFit:
    """What is known of the clicked objects of one class on one image."""

    given: float
    """The diameter that the user gave, in pixels."""

    diameter: float
    """The diameter that is worked with: the given or a measured one."""

    weights: NDArray[np.float32]
    """Of the channels, see `fit_discriminant`."""

    look: FloatImage
    """See `average_look`."""


@dataclass(frozen=True)
class _Trial:
    """What came of a multiple of the given diameter."""

    factor: float
    score: float
    shown: float
    """Median diameter of the surest outlines, in pixels of the image."""


@dataclass(frozen=True)
class _Found:
    """The network's answer to one click."""

    frame: Frame
    logits: FloatImage
    mask: NDArray[np.bool_]
    """(y, x) as the logits: the part of positive ones that holds the click."""

    sureness: float


def outline_clicks(
    pixels: PixelSource,
    positions: NDArray[np.float64],
    classes: NDArray[np.int64],
    diameters: Mapping[int, float],
    negatives: NDArray[np.float64] | None = None,
    *,
    spacing: tuple[float, float] = (1.0, 1.0),
    fits: dict[int, ClassFit] | None = None,
    unsure: NDArray[np.bool_] | None = None,
    net: nn.Module | None = None,
) -> Generator[Progress, None, list[NetworkOutline]]:
    """Outline the object under every click of one image.

    Parameters
    ----------
    pixels
        (channel, y, x), any number of channels; only the windows round the clicks are read.
    positions
        (n, (y, x)), pixels of the image.
    classes
        Class value of every click.
    diameters
        Class value -> usual diameter in pixels along the finest axis of the image. Where sure
        outlines show that it is far off, the measured one is worked with.
    negatives
        Places (m, (y, x)) that belong to none of the clicked objects.
    spacing
        Distance of pixels along y and x, in units of the shortest.
    fits
        Class value -> what is known of it on this image. Classes that are missing are learned from
        their clicks and added, so that one more click on the image takes milliseconds.
    unsure
        Which positions nobody clicked, (n,): what may lie there keeps no other outline away and
        takes no pixel from it, and counts as hardly larger than usual objects. Nothing is learned
        of a class from them.
    net
        The network; by default the one that ships with the package.

    Returns
    -------
    Outlines in the clicks' order. Those of one class, or of classes of like size, share no pixel;
    one that lies in another of a class of other size is left whole.
    """
    unsure = np.zeros(len(positions), bool) if unsure is None else unsure
    outliner = ClickOutliner(
        pixels, positions, classes, negatives, spacing, net or shipped_network(), unsure
    )
    fits = {} if fits is None else fits
    unknown = sorted((set(diameters) - set(fits)).intersection(classes.tolist()))
    for done, value in enumerate(unknown):
        work = outliner.fit(value, diameters[value])
        part = 0.1 * done / len(unknown), 0.1 * (done + 1) / len(unknown)
        fits[value] = yield from subprogress(work, *part, "looking at the clicked objects")
    placed: dict[int, PlacedOutline] = {}
    order = np.lexsort((positions[:, 1], positions[:, 0])).tolist()
    for start in range(0, len(order), BATCH):
        yield Progress(0.1 + 0.8 * start / len(order), "outlining the objects under the clicks")
        batch = order[start : start + BATCH]
        placed.update(zip(batch, outliner.outline(batch, fits), strict=True))
    outlines: list[NetworkOutline] = []
    every = [placed[n] for n in range(len(order))]
    for outline in divide(every, classes, given_diameters(fits), unsure):
        if len(outlines) % DIVIDED == 0:
            share = 0.9 + 0.1 * len(outlines) / len(order)
            yield Progress(share, "dividing what several outlines cover")
        outlines.append(outline)
    return outlines


class ClickOutliner:
    """One image with its clicks, and the network."""

    def __init__(
        self,
        pixels: PixelSource,
        positions: NDArray[np.float64],
        classes: NDArray[np.int64],
        negatives: NDArray[np.float64] | None,
        spacing: tuple[float, float],
        net: nn.Module,
        unsure: NDArray[np.bool_] | None = None,
    ) -> None:
        self.pixels = pixels
        self.positions = np.asarray(positions, float).reshape(-1, 2)
        self.classes = classes
        self.tree = cKDTree(self.positions)
        self.negatives = np.zeros((0, 2)) if negatives is None else negatives
        self.spacing = spacing
        self.net = net
        self.unsure = np.zeros(len(self.positions), bool) if unsure is None else unsure

    def fit(self, value: int, diameter: float) -> Generator[Progress, None, ClassFit]:
        """Learn what the clicked objects of a class look like, and how large they are.

        Outlines are surest where the window shows the object at the size that the network was
        trained on, so that the diameter need not be near.
        """
        mine = np.flatnonzero((self.classes == value) & ~self.unsure)
        mine = mine[np.lexsort(self.positions[mine].T)]  # whatever order they were made in
        sample = mine[np.linspace(0, len(mine) - 1, min(SAMPLE, len(mine))).astype(int)].tolist()
        few, more = (sample[:: -(-len(sample) // most)] for most in (COARSE_TRIAL, FINE_TRIAL))
        coarse = [f for f in COARSE_FACTORS if f == 1 or self._is_tried(f, diameter)]
        trials = []
        for factor in coarse:
            yield Progress(0.0)
            trials.append(self._try(few, value, diameter, factor))
        best = max(trials, key=lambda t: t.score).factor
        trials = []
        for factor in FINE_FACTORS:
            yield Progress(0.5)
            trials.append(self._try(more, value, diameter, best * factor))
        chosen = max(trials, key=lambda t: t.score)
        size = diameter * chosen.factor
        if not FITTING[0] < chosen.shown / size < FITTING[1]:
            size = chosen.shown
        return replace(self._learn(sample, value, size), given=diameter)

    def _is_tried(self, factor: float, diameter: float) -> bool:
        """Tell whether a multiple of the given diameter is worth a trial on this image."""
        size = diameter * factor
        spans = zip(self.pixels.region, self.spacing, strict=True)
        extent = min((stop - start) * apart for (start, stop), apart in spans)
        narrow = factor < 1 or size / OBJECT_PX * WINDOW_PX < WIDEST_PX
        return narrow and SMALLEST_PX <= size <= extent

    def _try(self, trial: Sequence[int], value: int, diameter: float, factor: float) -> _Trial:
        """Outline some clicks with a multiple of the given diameter."""
        fit = self._learn(trial, value, diameter * factor)
        found = self.find(trial, {value: fit}, grow=False)
        sureness = np.array([0.0 if self._reaches_edge(f) else f.sureness for f in found])
        surest = np.argsort(sureness)[-max(1, len(found) * 2 // 3) :]
        shown = float(np.median([_diameter(found[i]) for i in surest])) or fit.diameter
        score = float(sureness.mean()) - DOUBLING_PENALTY * abs(np.log2(factor))
        return _Trial(factor, score, shown)

    def _learn(self, sample: Sequence[int], value: int, diameter: float) -> ClassFit:
        frames = [self._frame(n, diameter) for n in sample]
        windows = np.stack([cut_window(self.pixels, frame) for frame in frames])
        others = [self._others(n, f, {value}) for n, f in zip(sample, frames, strict=True)]
        weights = fit_discriminant(windows, others)
        look = average_look(reduce_channels(windows, weights))
        return ClassFit(diameter, diameter, weights, look)

    def outline(self, numbers: Sequence[int], fits: dict[int, ClassFit]) -> list[PlacedOutline]:
        """Outline the objects under some of the clicks, each as if no other outline were there."""
        return [_place(found, self.pixels) for found in self.find(numbers, fits, grow=True)]

    def reach(self, number: int, fits: dict[int, ClassFit]) -> float:
        """Return how far from a click another one changes its outline, in pixels along an axis.

        An outline that had to grow beyond its window may depend on what lies farther away.
        """
        frame = self._frame(number, fits[int(self.classes[number])].diameter)
        return max(frame.steps) * (WINDOW_PX / 2 + 2 * CLICK_SIGMA_PX)

    def find(
        self, numbers: Sequence[int], fits: dict[int, ClassFit], *, grow: bool
    ) -> list[_Found]:
        """Return the network's answers to some of the clicks, windows grown where need be."""
        frames = [self._frame(n, fits[int(self.classes[n])].diameter) for n in numbers]
        found = self._answer(numbers, frames, fits, known_scale=True)
        if not grow:
            return found
        at_scale = list(found)
        for _ in range(MOST_GROWTHS):
            short = [
                i
                for i, f in enumerate(found)
                if not self.unsure[numbers[i]] and self._reaches_edge(f)
            ]
            if not short:
                break
            wider = [replace(found[i].frame, step=found[i].frame.step * GROWTH) for i in short]
            again = self._answer([numbers[i] for i in short], wider, fits, known_scale=False)
            for i, answer in zip(short, again, strict=True):
                found[i] = answer
        for i, (n, first) in enumerate(zip(numbers, at_scale, strict=True)):
            if not self.unsure[n] and elongation(found[i].mask)[0] > MIN_ELONGATION:
                found[i] = self._follow(n, first, fits)
        return found

    def _follow(self, number: int, first: _Found, fits: dict[int, ClassFit]) -> _Found:
        """Continue an outline from its ends, on the lattice of its first window's pixels."""
        steps = first.frame.steps

        def ask(point: tuple[int, int]) -> Answer:
            # the window whose pixel (32, 32) is that point
            corner = point[0] - WINDOW_PX // 2, point[1] - WINDOW_PX // 2
            y, x = (c + o * s for c, o, s in zip(first.frame.center, corner, steps, strict=True))
            if not contains(self.pixels.region, (y, x)):
                return Answer(corner, first.logits, np.zeros_like(first.mask), 0.0)
            frame = replace(first.frame, center=(y, x))
            (found,) = self._answer([number], [frame], fits, known_scale=True)
            return Answer(corner, found.logits, found.mask, found.sureness)

        whole = follow(Answer((0, 0), first.logits, first.mask, first.sureness), ask)
        middle = np.array(whole.corner) + (np.array(whole.mask.shape) - 1) / 2 - MIDDLE
        y, x = (np.array(first.frame.center) + middle * steps).tolist()
        return _Found(replace(first.frame, center=(y, x)), whole.logits, whole.mask, whole.sureness)

    def _answer(
        self,
        numbers: Sequence[int],
        frames: Sequence[Frame],
        fits: dict[int, ClassFit],
        *,
        known_scale: bool,
    ) -> list[_Found]:
        reduced, others, looks, negatives = [], [], [], []
        for n, frame in zip(numbers, frames, strict=True):
            fit = fits[int(self.classes[n])]
            window = cut_window(self.pixels, frame)
            reduced.append(reduce_channels(window[None], fit.weights)[0])
            places = self._others(n, frame, rivals(int(self.classes[n]), given_diameters(fits)))
            against = frame.to_window(self.negatives)
            negatives.append(draw_clicks(against[within_window(against)]))
            others.append(np.maximum(draw_clicks(places), negatives[-1]))
            looks.append(fit.look if known_scale else np.zeros_like(fit.look))
        planes = stack_planes(np.stack(reduced), np.stack(others), np.stack(looks))
        logits = run_network(self.net, planes)
        logits[np.stack(negatives) > NEGATIVE_LEVEL] = OUTSIDE_LOGIT
        answers = zip(frames, logits, others, planes[:, 1], strict=True)
        return [_read_answer(*answer) for answer in answers]

    def _frame(self, number: int, diameter: float) -> Frame:
        y, x = self.positions[number].tolist()
        return Frame((y, x), diameter / OBJECT_PX, self.spacing)

    def _others(self, number: int, frame: Frame, beside: set[int]) -> NDArray[np.float64]:
        reach = frame.step * WINDOW_PX
        near = self.tree.query_ball_point(frame.center, reach, p=np.inf, return_sorted=True)
        mine = [
            n for n in near if n != number and int(self.classes[n]) in beside and not self.unsure[n]
        ]
        places = frame.to_window(self.positions[mine])
        return places[within_window(places)]

    def _reaches_edge(self, found: _Found) -> bool:
        """Tell whether an outline touches an edge of its window that lies in the image."""
        edges = (
            (found.mask[0], 0, 0), (found.mask[-1], 0, 1),
            (found.mask[:, 0], 1, 0), (found.mask[:, -1], 1, 1),
        )  # fmt: skip
        for edge, axis, side in edges:
            half = (WINDOW_PX / 2) * found.frame.steps[axis]
            place = found.frame.center[axis] + (half if side else -half)
            limit = self.pixels.region[axis][side]
            inside = place < limit if side else place > limit
            if inside and edge.any():
                return True
        return False


def given_diameters(fits: Mapping[int, ClassFit]) -> dict[int, float]:
    """Return class value -> the diameter that the user gave it."""
    return {value: fit.given for value, fit in fits.items()}


def _read_answer(
    frame: Frame, logits: FloatImage, others: FloatImage, told_apart: FloatImage
) -> _Found:
    mask = _part_at_click(logits > 0, others)
    shown = 1 / (1 + np.exp(-logits))
    inside = float(shown[mask].sum())
    outside = float(shown.sum()) - inside
    area = np.count_nonzero(mask)
    sureness = float(inside / (area + outside)) if area else 0.0
    moved = follow_brightness(logits, mask, told_apart)
    if moved is not logits:
        mask = _part_at_click(moved > 0, others)
    return _Found(frame, moved, mask, sureness)


def _part_at_click(mask: NDArray[np.bool_], others: FloatImage) -> NDArray[np.bool_]:
    """Return the connected part of a mask that holds the middle or comes nearest.

    Its holes are filled, but for those that hold another click.
    """
    parts, count = ndimage.label(mask)
    if count == 0:
        return mask
    places = np.argwhere(mask)
    nearest = places[((places - MIDDLE) ** 2).sum(axis=1).argmin()]
    part = parts == parts[tuple(nearest)]
    seeds = others > 0.5
    seeds[[0, -1]] = seeds[:, [0, -1]] = True
    outside: NDArray[np.bool_] = ndimage.binary_propagation(seeds & ~part, mask=~part)
    return ~outside


def _diameter(found: _Found) -> float:
    return float(2 * np.sqrt(np.count_nonzero(found.mask) / np.pi) * found.frame.step)


# --- from windows back to the image ---------------------------------------------------------------


def _place(found: _Found, pixels: PixelSource) -> PlacedOutline:
    if not found.mask.any():
        row, column = (round(c) for c in found.frame.center)
        return PlacedOutline(row, column, np.zeros((1, 1), np.float32), np.zeros((1, 1), bool), 0.0)
    kept = np.where(ndimage.binary_dilation(found.mask, iterations=2), found.logits, OUTSIDE_LOGIT)
    kept[found.mask] = np.maximum(kept[found.mask], 0.01)  # holes that were filled
    rows, columns = (
        _image_axis(
            np.asarray(found.mask.any(axis=1 - axis)), found.frame, axis, pixels.region[axis]
        )
        for axis in (0, 1)
    )
    logits = rows[1] @ kept.astype(np.float32) @ columns[1].T
    return PlacedOutline(rows[0], columns[0], logits, logits > 0, found.sureness)


def _image_axis(
    taken: NDArray[np.bool_], frame: Frame, axis: int, limit: tuple[int, int]
) -> tuple[int, NDArray[np.float32]]:
    """Return the first image pixel of an outline, and how its pixels follow from the window's."""
    first, last = np.flatnonzero(taken)[[0, -1]]
    center, step, middle = frame.center[axis], frame.steps[axis], (len(taken) - 1) / 2
    low = int(np.ceil(center + (first - 1 - middle) * step))
    high = int(np.floor(center + (last + 1 - middle) * step))
    low, high = max(low, limit[0]), min(high, limit[1] - 1)
    if low > high:
        low = high = int(np.clip(round(center), limit[0], limit[1] - 1))
    places = (np.arange(low, high + 1, dtype=np.float32) - center) / step + middle
    places = np.clip(places, 0, len(taken) - 1)
    weights = np.maximum(1 - np.abs(places[:, None] - np.arange(len(taken))), 0)
    return low, weights.astype(np.float32)
