"""Which objects a dual image shows: how many of each class, which patches, and how they look."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.patch import Background, PatchLibrary
from napari_synthseg.patches.canvas_parts import PatchPlaces
from napari_synthseg.synthesis.paste.blending import Blending, blendings_of
from napari_synthseg.synthesis.paste.parameters import PasteParameters
from napari_synthseg.synthesis.paste.sprite_factory import SpriteFactory
from napari_synthseg.synthesis.paste.windows import draw_window

MIN_OWN_PATCHES = 5
"""With at least this many patches of a class, an image may do without those of others."""


@dataclass(frozen=True, eq=False)
class ImageDensity:
    """The objects of one clicked image.

    `positions` (n, ndim) are relative to the image part's first pixel, `classes` (n,) their class
    values. Of `shape` the pixels `counted` count (None: all). `unclicked` is how many more objects
    there are per clicked one; where it is not 0 the clicks are a sample that says nothing of where
    objects crowd.
    """

    positions: NDArray[np.float64]
    classes: NDArray[np.int64]
    shape: tuple[int, ...]
    exhaustive: bool
    unclicked: float
    counted: NDArray[np.bool_] | None = None

    def area(self, window: tuple[slice, ...] = ()) -> int:
        """Return how many pixels of it, or of a window of it, count."""
        if self.counted is not None:
            return max(int(np.count_nonzero(self.counted[window])), 1)
        return math.prod([part.stop - part.start for part in window] or self.shape)


@dataclass(frozen=True, eq=False)
class Density:
    """Counts to draw from; `classes` are the class values that can be pasted.

    `chances` are those of the classes where `rare_boost` decides: all the same, but that classes
    of larger than usual objects are as much rarer as they are larger, as they would crowd out the
    others.
    """

    images: tuple[ImageDensity, ...]
    classes: tuple[int, ...]
    chances: tuple[float, ...]

    @classmethod
    def measure(
        cls,
        library: PatchLibrary,
        backgrounds: Sequence[Background],
        classes: Sequence[int],
        nested: frozenset[str] = frozenset(),
    ) -> Density:
        """Take the clicks of every part (of rejected patches, too: those objects are there).

        Patches whose ids are `nested` come along with those that they lie in, and do not count.
        """
        images, places = [], PatchPlaces(library.patches)
        for background in backgrounds:
            inside = places.centered(background.image, background.region)
            every = (library.patches[n] for n in inside)
            patches = [p for p in every if p.id not in nested]
            positions = [np.add(p.origin, p.center) - background.origin for p in patches]
            images.append(
                ImageDensity(
                    np.array(positions, float).reshape(len(patches), background.valid.ndim),
                    np.array([p.cls for p in patches], np.int64),
                    background.valid.shape,
                    background.exhaustive,
                    background.unclicked,
                    background.counted,
                )
            )
        values = tuple(sorted(classes))
        sizes = [(p.cls, p.area) for p in library.patches if p.cls in values]
        usual = np.mean([size for _, size in sizes])
        means = [np.mean([size for value, size in sizes if value == c]) for c in values]
        chances = 1 / np.maximum(means, usual)
        return cls(tuple(images), values, tuple(chances / chances.sum()))

    def draw(
        self, rng: np.random.Generator, number: int, shape: Sequence[int], recipe: PasteParameters
    ) -> NDArray[np.int64]:
        """Draw the class values of a dual image of `shape` as on image `number`, in random order.

        With empirical counts an exhaustively clicked image gives the objects inside a window of
        that shape put somewhere on it, so that empty and crowded places both occur.
        """
        image = self.images[number]
        if recipe.counts == "empirical":
            drawn = self._draw_window(rng, image, shape, recipe)
        else:
            mean = recipe.count or recipe.density * _expected(image, shape)
            mix = image.classes[np.isin(image.classes, self.classes)]
            drawn = rng.choice(mix if len(mix) else self.classes, _draw_count(rng, mean, recipe))
        if recipe.rare_boost and len(self.classes) > 1:
            other = rng.random(len(drawn)) < recipe.rare_boost
            boosted = rng.choice(self.classes, len(drawn), p=self.chances)
            drawn = np.where(other, boosted, drawn)
        usable: NDArray[np.int64] = rng.permutation(drawn[np.isin(drawn, self.classes)])
        return usable

    def _draw_window(
        self, rng: np.random.Generator, image: ImageDensity, shape: Sequence[int],
        recipe: PasteParameters,
    ) -> NDArray[np.int64]:  # fmt: skip
        factor = recipe.density * (1 + recipe.density_spread * float(rng.uniform(-1, 1)))
        inside: NDArray[np.bool_] = np.ones(len(image.classes), bool)
        area = image.area()
        if image.exhaustive:
            window = draw_window(rng, image.shape, shape, image.counted)
            low, high = [part.start for part in window], [part.stop for part in window]
            pixels = image.positions + 0.5
            inside = np.all((pixels >= low) & (pixels < high), axis=1)
            area = image.area(window)
        factor *= math.prod(shape) / area * (1 + image.unclicked)
        values, counts = np.unique(image.classes[inside], return_counts=True)
        drawn = np.repeat(values, (factor * counts + rng.random(len(values))).astype(int))
        return drawn if len(drawn) or not len(image.classes) else rng.choice(image.classes, 1)


def _expected(image: ImageDensity, shape: Sequence[int]) -> float:
    """Return how many objects a window of `shape` shows on average."""
    return len(image.classes) * (1 + image.unclicked) * math.prod(shape) / image.area()


def _draw_count(rng: np.random.Generator, mean: float, recipe: PasteParameters) -> int:
    """Draw a number of objects with a given mean."""
    if recipe.counts == "poisson":
        return int(rng.poisson(mean))
    if recipe.counts == "uniform":
        return int(rng.uniform(0, 2 * mean + 1))
    return int(mean + rng.random())


@dataclass(frozen=True, slots=True)
class ObjectDraw:
    """One object of a dual image, before it has a place.

    `cls` is 0 for a decoy: background in the shape of patch `number`. `gain` multiplies its
    contrast, `offset` is added to its brightness.
    """

    cls: int
    number: int
    variant: int
    orientation: int
    blending: Blending
    gain: float
    offset: float


@dataclass(frozen=True, eq=False)
class ObjectSampler:
    """Draws the objects of dual images.

    `patches` maps class value -> numbers of its patches, `own_patches` does so for each image:
    (number of the image, class value). `cut_off` are the numbers of patches that the border of
    their image cuts: Poisson blending would darken them from the cut on, they get a soft rim.
    `areas` are those of all patches, pixels.
    """

    recipe: PasteParameters
    density: Density
    patches: Mapping[int, Sequence[int]]
    own_patches: Mapping[tuple[int, int], Sequence[int]]
    cut_off: frozenset[int]
    areas: Sequence[int]
    variants: int
    blendings: tuple[Blending, ...]

    @classmethod
    def gather(cls, density: Density, factory: SpriteFactory) -> ObjectSampler:
        """Sort the factory's patches by class, and by image and class."""
        every: dict[int, list[int]] = defaultdict(list)
        own: dict[tuple[int, int], list[int]] = defaultdict(list)
        recipe = factory.recipe
        for number, (patch, image) in enumerate(
            zip(factory.patches, factory.image_numbers, strict=True)
        ):
            every[patch.cls].append(number)
            own[image, patch.cls].append(number)
        blendings = blendings_of(recipe.blending)
        cut_off = frozenset(n for n, p in enumerate(factory.patches) if p.touches_border)
        areas = [p.area for p in factory.patches]
        return cls(
            recipe, density, dict(every), dict(own), cut_off, areas, factory.variants, blendings
        )

    def draw(
        self, rng: np.random.Generator, number: int, shape: tuple[int, ...]
    ) -> list[ObjectDraw]:
        """Draw the objects on a canvas of image `number`, in the order of being put down.

        The largest come first: between small ones they would find no place.
        """
        recipe = self.recipe
        values = self.density.draw(rng, number, shape, recipe)
        if recipe.decoys and len(values):
            extra = rng.choice(values, int(rng.binomial(len(values), recipe.decoys)))
            values = rng.permutation(np.concatenate([values, -extra]))
        chances = rng.random((len(values), 6)).tolist()
        gains = np.exp(recipe.intensity * rng.standard_normal(len(values))).tolist()
        offsets = (recipe.brightness * rng.standard_normal(len(values))).tolist()
        draws = []
        for value, chance, gain, offset in zip(
            values.tolist(), chances, gains, offsets, strict=True
        ):
            own, which, variant, turn, mirror, kind = chance
            pool = self.patches[abs(value)]
            if own >= recipe.mixing:
                near = self.own_patches.get((number, abs(value)), ())
                pool = near if len(near) >= MIN_OWN_PATCHES else pool
            orientation = int(4 * turn) if recipe.rotation else 0
            if recipe.flip and mirror < 0.5:
                orientation += 4
            patch = pool[int(which * len(pool))]
            blending = self.blendings[int(kind * len(self.blendings))]
            if blending == "poisson" and patch in self.cut_off:
                blending = "feather"
            look = int(variant * self.variants)
            draws.append(
                ObjectDraw(max(value, 0), patch, look, orientation, blending, gain, offset)
            )
        return sorted(draws, key=lambda drawn: -self.areas[drawn.number])
