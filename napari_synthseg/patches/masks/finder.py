"""What finds the masks on one image: trained on it, with the method that suits each class there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.geometry import ball
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.patches.masks.evidence import Evidence
from napari_synthseg.patches.masks.foreground import (
    CORE,
    FAR,
    NEAR,
    ForegroundDiscriminant,
    fit_foreground_discriminant,
)
from napari_synthseg.patches.masks.learned import (
    LEVEL,
    PixelClassifier,
    find_by_pixels,
    learn_pixels,
)
from napari_synthseg.patches.masks.level import find_by_level
from napari_synthseg.patches.masks.nearest_seed import Seeds, divide, scale_along
from napari_synthseg.patches.masks.outline import find_by_outline
from napari_synthseg.patches.masks.quality import Signs, estimate_quality, measure_signs

SMOOTHING = 0.03
"""Smoothing of the likeness, in diameters (at least 0.7 pixels)."""

SAMPLE = 300
"""Clicks of a class that the likeness is learned from, at most."""

TRIAL = 24
"""Clicks of a class that the methods are tried on, at most."""

GOOD_ENOUGH = 0.7
"""With masks of at least this estimated quality no pixel classifier is tried: it takes longer."""

CLEARLY = 0.02
"""A method must be this much better than the one before it to be chosen in its place."""

MISSIZED = 0.2
"""What a method loses for each doubling or halving of the class's size, the first excepted."""

MISFIT = 1.25
"""Where a class's objects on one image differ from its diameter by more than this factor, the
image is worked on with a diameter that fits."""

SOUND = 0.65
"""With masks of at least this estimated quality their size is believed, not the class's."""

FEW = 4
"""Of fewer objects no usual size is taken."""


@dataclass(frozen=True, eq=False)
class ImageClicks:
    """An image's pixels (channel, [z,] y, x) and its clicks, in pixels of that array.

    `positions` (n, ndim), `classes` (n,), `radii`: class value -> half a diameter along each axis.
    """

    pixels: FloatImage
    positions: NDArray[np.float64]
    classes: NDArray[np.int64]
    radii: Mapping[int, NDArray[np.float64]]

    def seeds(self, chosen: NDArray[np.int64], start: NDArray[np.int64]) -> Seeds:
        """Return some clicks, in pixels of a block that starts at `start`."""
        radii = np.array([self.radii[int(self.classes[n])] for n in chosen])
        return Seeds(self.positions[chosen] - start, radii.reshape(len(chosen), len(start)))

    def windows(self, value: int, most: int) -> list[tuple[slice, ...]]:
        """Return windows round at most so many clicks of a class, or the whole of a small image."""
        shape, radius = self.pixels.shape[1:], self.radii[value]
        mine = self.positions[self.classes == value]
        chosen = mine[:: max(1, -(-len(mine) // most))]
        if len(chosen) * np.prod(4 * FAR * radius) > np.prod(shape):
            return [tuple(slice(0, n) for n in shape)]
        return [
            tuple(
                slice(max(int(p - 2 * FAR * r), 0), min(int(p + 2 * FAR * r) + 2, n))
                for p, r, n in zip(position, radius, shape, strict=True)
            )
            for position in chosen
        ]

    def near(self, window: Sequence[slice], margin: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the numbers of the clicks inside a window and a margin round it."""
        # pixel centers lie at whole numbers
        low = np.array([s.start for s in window]) - 0.5 - margin
        high = np.array([s.stop for s in window]) - 0.5 + margin
        inside = ((self.positions >= low) & (self.positions < high)).all(axis=1)
        return np.flatnonzero(inside)


@dataclass(frozen=True, eq=False)
class FoundMasks:
    """Masks of the clicks of a block.

    Attributes
    ----------
    ids
        1..n in the clicks' order, ([z,] y, x).
    signs
        What their quality is estimated from, (n, 4).
    objectlike
        What looks like the clicked objects, clicked or not, ([z,] y, x).
    """

    ids: NDArray[np.int32]
    signs: Signs
    objectlike: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Found:
    """Masks by one method, what they were found on, and the number of clicks."""

    ids: NDArray[np.int32]
    look: FloatImage
    count: int


@dataclass(eq=False)
class MaskFinder:
    """Finds masks on one image; `methods` maps class value -> name of the method.

    What was found on the image as a whole is remembered: on a small one, every class's sample and
    the blocks themselves are the whole image.
    """

    image: ImageClicks
    level: float
    likeness: Mapping[int, ForegroundDiscriminant]
    methods: dict[int, str] = field(default_factory=dict)
    classifiers: dict[int, PixelClassifier] = field(default_factory=dict)
    _on_whole: dict[str, _Found] = field(default_factory=dict)

    @classmethod
    def learn(cls, image: ImageClicks, level: float, methods: Mapping[int, str]) -> MaskFinder:
        """Learn what the objects look like, and choose a method where `methods` says "auto".

        A class has one diameter for all images, but one image may show all objects larger or
        smaller, and the diameter may be a guess: the finder's own image has radii that fit.
        """
        finder = cls._on(image, level)
        samples = {value: finder._sample(value) for value in image.radii}
        if fitted := fit_radii(
            {v: signs["level"][:, 3] for v, signs in samples.items() if _is_sound(signs["level"])},
            image.radii,
        ):
            finder = cls._on(replace(image, radii=fitted), level)
            samples = {value: finder._sample(value) for value in image.radii}
        for value, signs in samples.items():
            wish = methods.get(value, "auto")
            finder.methods[value] = (
                finder._choose(value, signs) if wish == "auto" else finder._granted(value, wish)
            )
        return finder

    @classmethod
    def _on(cls, image: ImageClicks, level: float) -> MaskFinder:
        return cls(image, level, {v: _learn_likeness(image, v) for v in image.radii})

    def find(self, pixels: FloatImage, seeds: Seeds, classes: NDArray[np.int64]) -> FoundMasks:
        """Find the mask of each click of a block; `pixels` is (channel, [z,] y, x)."""
        if not len(seeds):
            empty = np.zeros(pixels.shape[1:], np.int32)
            return FoundMasks(empty, np.zeros((0, 4)), self._objectlike(pixels, {}))
        every = self._find_all(
            pixels, seeds, [v for v, m in self.methods.items() if m == "learned"]
        )
        ids = np.zeros(pixels.shape[1:], np.int32)
        signs = np.full((len(seeds), 4), np.nan)
        for value, method in self.methods.items():
            found = every[f"{method}:{value}" if method == "learned" else method]
            mine = np.concatenate([[False], classes == value])
            if mine.any():
                ids = np.where((ids == 0) & mine[found.ids], found.ids, ids)
                measured = self._signs(found, every)
                signs[mine[1:]] = measured[mine[1:]]
        looks = {name: found.look for name, found in every.items()}
        return FoundMasks(ids, signs, self._objectlike(pixels, looks))

    def _objectlike(self, pixels: FloatImage, looks: Mapping[str, FloatImage]) -> NDArray[np.bool_]:
        """Mark what looks like the objects of any class; `looks` saves classifying again."""
        result = np.zeros(pixels.shape[1:], bool)
        for value, method in self.methods.items():
            if method == "learned":
                look = looks.get(f"learned:{value}")
                look = self.classifiers[value].apply(pixels) if look is None else look
                result |= look > LEVEL
            else:
                result |= self.likeness[value].apply(pixels) > self.level
        return result

    def _likeness_of(self, pixels: FloatImage) -> FloatImage:
        combined: FloatImage = np.maximum.reduce([m.apply(pixels) for m in self.likeness.values()])
        return combined

    def _find_all(
        self, pixels: FloatImage, seeds: Seeds, learned: Sequence[int]
    ) -> dict[str, _Found]:
        """Find the masks by each method, and by the classifiers of the `learned` classes."""
        whole = pixels.shape == self.image.pixels.shape
        known = self._on_whole if whole else {}
        found = {name: each for name, each in known.items() if ":" not in name}
        if not found:
            likeness = self._likeness_of(pixels)
            evidence = Evidence(likeness, seeds, self.level)
            found["level"] = _Found(find_by_level(evidence), likeness, len(seeds))
            if likeness.ndim == 2:
                found["outline"] = _Found(find_by_outline(evidence), likeness, len(seeds))
        for value in learned:
            name = f"learned:{value}"
            found[name] = known.get(name) or _find_learned(self.classifiers[value], pixels, seeds)
        if whole:
            self._on_whole.update(found)
        return found

    def _signs(self, found: _Found, every: Mapping[str, _Found]) -> Signs:
        """Measure masks, compared with those of the methods that need no classifier."""
        others = [f.ids for name, f in every.items() if f is not found and ":" not in name]
        return measure_signs(found.ids, found.look, others, found.count)

    def _learn_classifier(self, value: int) -> None:
        image = self.image
        windows, distances = [], []
        for window in image.windows(value, TRIAL):
            start = np.array([s.start for s in window])
            piece = image.pixels[(slice(None), *window)]
            near = image.near(window, 2 * FAR * image.radii[value])
            seeds = _alike(image.positions[near] - start, image.radii[value])
            windows.append(piece)
            distances.append(divide(piece.shape[1:], seeds).distance)
        classifier = learn_pixels(windows, distances, tuple(image.radii[value]))
        if classifier is not None:
            self.classifiers[value] = classifier

    def _granted(self, value: int, wish: str) -> str:
        """Return the wished method, or what stands in where it cannot work."""
        if wish == "learned":
            self._learn_classifier(value)
        impossible = (wish == "learned" and value not in self.classifiers) or (
            wish == "outline" and self.image.pixels.ndim > 3
        )
        return "level" if impossible else wish

    def _choose(self, value: int, signs: Mapping[str, Signs]) -> str:
        """Return the method of the best estimated quality, the simpler one where it is close."""
        scores = self._score(value, signs)
        if max(scores.values()) < GOOD_ENOUGH:
            self._learn_classifier(value)
            scores = self._score(value, self._sample(value))
        best, *rest = (m for m in ("level", "outline", "learned") if m in scores)
        for method in rest:
            if scores[method] > scores[best] + CLEARLY:
                best = method
        if best != "learned":
            self.classifiers.pop(value, None)
        return best

    def _sample(self, value: int) -> dict[str, Signs]:
        """Return the signs of each method's masks on a sample of a class."""
        signs: dict[str, list[Signs]] = {}
        for window in self.image.windows(value, TRIAL):
            start = np.array([s.start for s in window])
            pixels = self.image.pixels[(slice(None), *window)]
            near = self.image.near(window, np.zeros(len(start)))
            learned = [value] if value in self.classifiers else []
            every = self._find_all(pixels, self.image.seeds(near, start), learned)
            mine = self.image.classes[near] == value
            for name, found in every.items():
                method, _, of = name.partition(":")
                if of in ("", str(value)):
                    signs.setdefault(method, []).append(self._signs(found, every)[mine])
        return {method: np.concatenate(rows) for method, rows in signs.items()}

    def _score(self, value: int, signs: Mapping[str, Signs]) -> dict[str, float]:
        """Return the mean estimated quality of each method's masks, less what their size costs."""
        expected = ball(self.image.radii[value].tolist())
        return {
            method: float(estimate_quality(method, rows).mean())
            - MISSIZED * _misfit(rows[:, 3], expected)
            for method, rows in signs.items()
        }


def _find_learned(classifier: PixelClassifier, pixels: FloatImage, seeds: Seeds) -> _Found:
    """Find the masks by what a classifier says of each pixel."""
    probability = classifier.apply(pixels)
    masks = find_by_pixels(Evidence(probability, seeds, LEVEL))
    return _Found(masks, probability, len(seeds))


def fit_radii(
    sizes: Mapping[int, NDArray[np.float64]], radii: Mapping[int, NDArray[np.float64]]
) -> dict[int, NDArray[np.float64]]:
    """Return radii that fit the objects of one image better, or nothing if the given ones do.

    `sizes` maps class value -> areas (volumes) in pixels, NaN where there is no mask.
    """
    fitted = dict(radii)
    for value, areas in sizes.items():
        found = areas[np.isfinite(areas)]
        radius = radii[value]
        if len(found) < FEW:
            continue
        ratio = float(np.median(found) / ball(radius.tolist())) ** (1 / len(radius))
        if not 1 / MISFIT < ratio < MISFIT:
            fitted[value] = radius * np.clip(ratio, 0.4, 2.5)
    return {} if all(fitted[v] is radii[v] for v in radii) else fitted


def _is_sound(signs: Signs) -> bool:
    """Tell whether masks by level are good enough to believe their size."""
    return float(estimate_quality("level", signs).mean()) >= SOUND


def _learn_likeness(image: ImageClicks, value: int) -> ForegroundDiscriminant:
    """Learn what the objects of one class look like from windows round their clicks."""
    radius = image.radii[value]
    mine = image.classes == value
    windows, core, around = [], [], []
    for window in image.windows(value, SAMPLE):
        piece = image.pixels[(slice(None), *window)]
        start = np.array([s.start for s in window])
        near = image.near(window, 2 * FAR * radius)
        # distances in diameters of this class: to its own clicks, and to every click
        own, every = (
            divide(piece.shape[1:], _alike(image.positions[n] - start, 2 * radius), FAR).distance
            for n in (near[mine[near]], near)
        )
        windows.append(piece)
        core.append(own < CORE)
        around.append((every > NEAR) & (own < FAR))
    smoothing = scale_along(radius, SMOOTHING * 2, 0.7)
    return fit_foreground_discriminant(windows, core, around, tuple(float(s) for s in smoothing))


def _misfit(sizes: NDArray[np.float64], expected: float) -> float:
    """Return by how many doublings masks are larger or smaller than expected, less the first."""
    found = sizes[np.isfinite(sizes)]
    if not found.size:
        return 0.0
    return max(0.0, float(np.abs(np.log2(np.median(found) / expected))) - 1.0)


def _alike(positions: NDArray[np.float64], radius: NDArray[np.float64]) -> Seeds:
    """Return seeds that all have the same radius."""
    return Seeds(positions, np.broadcast_to(radius, positions.shape))
