"""What finds the masks on one image: fitted to it, with the method that suits each class there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.geometry import ball
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.patches.masks.clicks import WINDOW_RADII, ImageClicks, Seeds
from napari_synthseg.patches.masks.foreground import ForegroundDiscriminant, discriminant_of_class
from napari_synthseg.patches.masks.nearest_seed import map_nearest_seeds
from napari_synthseg.patches.masks.quality import Signs, estimate_quality, measure_signs
from napari_synthseg.patches.masks.registry import (
    AUTO,
    LEARNED,
    LEVEL,
    OUTLINE,
    Foreground,
    MaskMethod,
    mask_method,
)
from napari_synthseg.patches.masks.seeded_foreground import SeededForeground

TRIAL_CLICKS = 24
"""Clicks of a class that the methods are tried on, at most."""

SETTLED_QUALITY = 0.7
"""With masks of at least this estimated quality no pixel classifier is tried: it takes longer."""

CLEAR_GAIN = 0.02
"""A method must be this much better than the one before it to be chosen in its place."""

SIZE_PENALTY = 0.2
"""What a method loses for each doubling or halving of the class's size, the first excepted."""

REFIT_DIAMETER_RATIO = 1.25
"""Where a class's objects on one image differ from its diameter by more than this factor, the
image is worked on with a diameter that fits."""

SOUND_QUALITY = 0.65
"""With masks of at least this estimated quality their size is believed, not the class's."""

MIN_OBJECTS = 4
"""Of fewer objects no usual size is taken."""

Key = tuple[str, int]
"""The name of a method, and the class that its foreground was learned from (0: from none)."""


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
class _MethodMasks:
    """Masks by one method, the foreground they were found on, and the number of clicks."""

    ids: NDArray[np.int32]
    foreground: FloatImage
    count: int


@dataclass(eq=False)
class MaskFinder:
    """Finds masks on one image; `methods` maps class value -> name of the method.

    What was found on the image as a whole is remembered: on a small one, every class's sample and
    the blocks themselves are the whole image.
    """

    image: ImageClicks
    level: float
    discriminants: Mapping[int, ForegroundDiscriminant]
    methods: dict[int, str] = field(default_factory=dict)
    learned: dict[int, Foreground] = field(default_factory=dict)
    _on_whole: dict[Key, _MethodMasks] = field(default_factory=dict)

    @classmethod
    def fit(cls, image: ImageClicks, level: float, methods: Mapping[int, str]) -> MaskFinder:
        """Fit to what the objects look like, and choose a method where `methods` says "auto".

        A class has one diameter for all images, but one image may show all objects larger or
        smaller, and the diameter may be a guess: the finder's own image has radii that fit.

        Raises
        ------
        InputError
            If a method is not known.
        """
        wanted = {v: methods.get(v, AUTO) for v in image.radii}
        for name in set(wanted.values()) - {AUTO}:
            mask_method(name)
        finder = cls._on(image, level)
        samples = {value: finder.sample_signs(value) for value in image.radii}
        if fitted := fit_radii(
            {v: signs[LEVEL.name][:, 3] for v, signs in samples.items() if _is_sound(signs)},
            image.radii,
        ):
            finder = cls._on(replace(image, radii=fitted), level)
            samples = {value: finder.sample_signs(value) for value in image.radii}
        for value, signs in samples.items():
            name = wanted[value]
            finder.methods[value] = (
                finder.choose_method(value, signs)
                if name == AUTO
                else finder.granted_method(value, mask_method(name))
            )
        return finder

    @classmethod
    def _on(cls, image: ImageClicks, level: float) -> MaskFinder:
        return cls(image, level, {v: discriminant_of_class(image, v) for v in image.radii})

    def find(self, pixels: FloatImage, seeds: Seeds, classes: NDArray[np.int64]) -> FoundMasks:
        """Find the mask of each click of a block; `pixels` is (channel, [z,] y, x)."""
        if not len(seeds):
            empty = np.zeros(pixels.shape[1:], np.int32)
            return FoundMasks(empty, np.zeros((0, 4)), self._objectlike(pixels, {}))
        keys = {value: _key(name, value) for value, name in self.methods.items()}
        every = self._find_all(pixels, seeds, keys.values())
        ids = np.zeros(pixels.shape[1:], np.int32)
        signs = np.full((len(seeds), 4), np.nan)
        for value, key in keys.items():
            found = every[key]
            mine = np.concatenate([[False], classes == value])
            if mine.any():
                ids = np.where((ids == 0) & mine[found.ids], found.ids, ids)
                signs[mine[1:]] = _signs(found, every)[mine[1:]]
        return FoundMasks(ids, signs, self._objectlike(pixels, every))

    def _objectlike(
        self, pixels: FloatImage, every: Mapping[Key, _MethodMasks]
    ) -> NDArray[np.bool_]:
        """Mark what looks like the objects of any class; `every` saves classifying again."""
        result = np.zeros(pixels.shape[1:], bool)
        for value, name in self.methods.items():
            key = _key(name, value)
            if not key[1]:
                foreground = self.discriminants[value].apply(pixels)
            elif key in every:
                foreground = every[key].foreground
            else:
                foreground = self.learned[value].apply(pixels)
            result |= foreground > self._level(name)
        return result

    def _level(self, name: str) -> float:
        level = mask_method(name).level
        return self.level if level is None else level

    def _find_all(
        self, pixels: FloatImage, seeds: Seeds, wanted: Iterable[Key]
    ) -> dict[Key, _MethodMasks]:
        """Find the masks by level, outline and the wanted methods."""
        whole = pixels.shape == self.image.pixels.shape
        known = self._on_whole if whole else {}
        shared: SeededForeground | None = None
        found: dict[Key, _MethodMasks] = {}
        usual = [_key(m.name) for m in (LEVEL, OUTLINE) if pixels.ndim == 3 or not m.planes_only]
        for key in dict.fromkeys([*usual, *wanted]):
            name, value = key
            if key in known:
                found[key] = known[key]
                continue
            if value:
                foreground = self.learned[value].apply(pixels)
                block = SeededForeground(foreground, seeds, self._level(name))
            else:
                if shared is None:
                    each = [m.apply(pixels) for m in self.discriminants.values()]
                    shared = SeededForeground(np.maximum.reduce(each), seeds, self.level)
                block = shared
            found[key] = _MethodMasks(mask_method(name).find(block), block.foreground, len(seeds))
        if whole:
            self._on_whole.update(found)
        return found

    def _learn(self, value: int, method: MaskMethod) -> None:
        """Learn the foreground of a class, if there is something to learn from."""
        assert method.learn is not None
        image = self.image
        windows, distances = [], []
        for window in image.windows(value, TRIAL_CLICKS):
            start = np.array([s.start for s in window])
            piece = image.pixels[(slice(None), *window)]
            near = image.near(window, WINDOW_RADII * image.radii[value])
            seeds = Seeds.alike(image.positions[near] - start, image.radii[value])
            windows.append(piece)
            distances.append(map_nearest_seeds(piece.shape[1:], seeds).distance)
        foreground = method.learn(windows, distances, tuple(image.radii[value]))
        if foreground is not None:
            self.learned[value] = foreground

    def granted_method(self, value: int, method: MaskMethod) -> str:
        """Return the wanted method, or the level where it cannot work."""
        if method.planes_only and self.image.pixels.ndim > 3:
            return LEVEL.name
        if method.learn is not None:
            self._learn(value, method)
            if value not in self.learned:
                return LEVEL.name
        return method.name

    def choose_method(self, value: int, signs: Mapping[str, Signs]) -> str:
        """Return the method of the best estimated quality, the simpler one where it is close."""
        scores = self._score(value, signs)
        if max(scores.values()) < SETTLED_QUALITY:
            self._learn(value, LEARNED)
            scores = self._score(value, self.sample_signs(value))
        best, *rest = (m.name for m in (LEVEL, OUTLINE, LEARNED) if m.name in scores)
        for name in rest:
            if scores[name] > scores[best] + CLEAR_GAIN:
                best = name
        if best != LEARNED.name:
            self.learned.pop(value, None)
        return best

    def sample_signs(self, value: int) -> dict[str, Signs]:
        """Return the signs of each method's masks on a sample of a class."""
        signs: dict[str, list[Signs]] = {}
        wanted = [_key(LEARNED.name, value)] if value in self.learned else []
        for window in self.image.windows(value, TRIAL_CLICKS):
            start = np.array([s.start for s in window])
            pixels = self.image.pixels[(slice(None), *window)]
            near = self.image.near(window)
            every = self._find_all(pixels, self.image.seeds(near, start), wanted)
            mine = self.image.classes[near] == value
            for (name, of), found in every.items():
                if of in (0, value):
                    signs.setdefault(name, []).append(_signs(found, every)[mine])
        return {name: np.concatenate(rows) for name, rows in signs.items()}

    def _score(self, value: int, signs: Mapping[str, Signs]) -> dict[str, float]:
        """Return the mean estimated quality of each method's masks, less what their size costs."""
        expected = ball(self.image.radii[value].tolist())
        return {
            name: float(estimate_quality(name, rows).mean())
            - SIZE_PENALTY * _size_error(rows[:, 3], expected)
            for name, rows in signs.items()
        }


def _key(name: str, value: int = 0) -> Key:
    return name, value if mask_method(name).learn is not None else 0


def _signs(found: _MethodMasks, every: Mapping[Key, _MethodMasks]) -> Signs:
    """Measure masks, compared with those of the methods that learn nothing."""
    others = [f.ids for (_, value), f in every.items() if f is not found and not value]
    return measure_signs(found.ids, found.foreground, others, found.count)


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
        if len(found) < MIN_OBJECTS:
            continue
        ratio = float(np.median(found) / ball(radius.tolist())) ** (1 / len(radius))
        if not 1 / REFIT_DIAMETER_RATIO < ratio < REFIT_DIAMETER_RATIO:
            fitted[value] = radius * np.clip(ratio, 0.4, 2.5)
    return {} if all(fitted[v] is radii[v] for v in radii) else fitted


def _is_sound(signs: Mapping[str, Signs]) -> bool:
    """Tell whether masks by level are good enough to believe their size."""
    return float(estimate_quality(LEVEL.name, signs[LEVEL.name]).mean()) >= SOUND_QUALITY


def _size_error(sizes: NDArray[np.float64], expected: float) -> float:
    """Return by how many doublings masks are larger or smaller than expected, less the first."""
    found = sizes[np.isfinite(sizes)]
    if not found.size:
        return 0.0
    return max(0.0, float(np.abs(np.log2(np.median(found) / expected))) - 1.0)
