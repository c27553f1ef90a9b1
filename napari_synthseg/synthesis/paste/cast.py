"""Who appears in a dual image: which patches, in which variants, how strong and how blended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from napari_synthseg.synthesis.paste.blending import Kind
from napari_synthseg.synthesis.paste.density import Density
from napari_synthseg.synthesis.paste.parameters import PasteParameters

ENOUGH = 5
"""With at least this many objects of a class, an image may do without those of others."""


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
    blending: Kind
    gain: float
    offset: float


@dataclass(frozen=True, eq=False)
class ObjectSampler:
    """Draws the objects of dual images.

    `everyone` maps class value -> numbers of its patches; `locals` does so image by image, for
    classes that the image has enough of.
    """

    recipe: PasteParameters
    density: Density
    everyone: Mapping[int, tuple[int, ...]]
    locals: tuple[Mapping[int, tuple[int, ...]], ...]
    variants: int
    blendings: tuple[Kind, ...]

    @classmethod
    def gather(
        cls,
        recipe: PasteParameters,
        density: Density,
        classes: tuple[int, ...],
        homes: tuple[int, ...],
        variants: int,
        blendings: tuple[Kind, ...],
    ) -> ObjectSampler:
        """Sort patches, given the class and the image of each, by both."""
        everyone: dict[int, list[int]] = {}
        near: list[dict[int, list[int]]] = [{} for _ in density.images]
        for number, (value, home) in enumerate(zip(classes, homes, strict=True)):
            everyone.setdefault(value, []).append(number)
            near[home].setdefault(value, []).append(number)
        return cls(
            recipe,
            density,
            {v: tuple(n) for v, n in sorted(everyone.items())},
            tuple({v: tuple(n) for v, n in m.items() if len(n) >= ENOUGH} for m in near),
            variants,
            blendings,
        )

    def draw(
        self, rng: np.random.Generator, number: int, shape: tuple[int, ...]
    ) -> list[ObjectDraw]:
        """Draw who appears on a canvas of image `number`, in the order of being put down."""
        recipe = self.recipe
        values = self.density.draw(rng, number, shape, recipe)
        if recipe.decoys and len(values):
            extra = rng.choice(values, int(rng.binomial(len(values), recipe.decoys)))
            values = rng.permutation(np.concatenate([values, -extra]))
        chances = rng.random((len(values), 6)).tolist()
        gains = np.exp(recipe.intensity * rng.standard_normal(len(values))).tolist()
        offsets = (recipe.brightness * rng.standard_normal(len(values))).tolist()
        near = self.locals[number]
        actors = []
        for value, chance, gain, offset in zip(
            values.tolist(), chances, gains, offsets, strict=True
        ):
            own, who, variant, turn, mirror, kind = chance
            cls = abs(value)
            pool = self.everyone[cls]
            if own >= recipe.mixing:
                pool = near.get(cls, pool)
            orientation = int(4 * turn) if recipe.rotation else 0
            if recipe.flip and mirror < 0.5:
                orientation += 4
            actors.append(
                ObjectDraw(
                    max(value, 0),
                    pool[int(who * len(pool))],
                    int(variant * self.variants),
                    orientation,
                    self.blendings[int(kind * len(self.blendings))],
                    gain,
                    offset,
                )
            )
        return actors
