"""The endless sequence of pasted dual images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.labels import DualImage, Labels
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.synth.paste.canvas import Canvases, turn_view
from napari_synthseg.synth.paste.density import Density
from napari_synthseg.synth.paste.layout import Layout, touching
from napari_synthseg.synth.paste.placement import Field, find_place
from napari_synthseg.synth.paste.sprites import Figure, Sprite

if TYPE_CHECKING:
    from napari_synthseg.synth.paste.recipe import PasteRecipe

Figures = Mapping[int, tuple[Figure, ...]]
"""Class value -> the objects of that class."""

ENOUGH = 5
"""With at least this many objects of a class, an image may do without those of others."""


@dataclass(frozen=True, eq=False)
class PasteSynthesizer:
    """Makes pair ``i`` from (recipe, library, i) alone; safe to call from several threads.

    `clustering` is the share of objects that are put against another one.
    """

    recipe: PasteRecipe
    canvases: Canvases
    sprites: Figures
    density: Density
    clustering: float

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape of a dual image; a volume keeps the depth of the clicked ones."""
        return self.canvases.shape

    def pair(self, index: int) -> DualImage:
        """Return dual image `index` (>= 0)."""
        rng = np.random.default_rng(np.random.SeedSequence((self.recipe.seed, index)))
        number = self._draw_image(rng)
        image, base = self.canvases.draw(rng, number)
        scene = Field(np.zeros(self.shape, np.int32))
        classes = {}
        for cls, sprite, corner in self._arrange(rng, number, scene):
            gain = float(np.exp(self.recipe.intensity * rng.standard_normal()))
            classes[_paste(image, base, scene, sprite, corner, gain)] = cls
        return DualImage(image, Labels(*_without_gaps(scene, classes)), index)

    def pairs(self, indices: Sequence[int]) -> list[DualImage]:
        """Return several dual images."""
        return [self.pair(i) for i in indices]

    def layout(self, index: int) -> NDArray[np.int32]:
        """Return only where objects would lie on some dual image, for measuring arrangements."""
        rng = np.random.default_rng(np.random.SeedSequence((self.recipe.seed, index, 2)))
        scene = Field(np.zeros(self.shape, np.int32))
        for _, sprite, corner in self._arrange(rng, self._draw_image(rng), scene):
            scene.put(corner, sprite.mask)
        return scene.ids

    def _draw_image(self, rng: np.random.Generator) -> int:
        """Choose the clicked image that a dual image is modelled on."""
        return int(rng.integers(len(self.canvases.backgrounds)))

    def _arrange(
        self, rng: np.random.Generator, number: int, scene: Field
    ) -> Iterator[tuple[int, Sprite, NDArray[np.int64]]]:
        """Choose objects and places one after the other; the caller puts each down."""
        recipe = self.recipe
        counts = self.density.draw(rng, number, self.shape, recipe.density, recipe.density_spread)
        order = [c for c, n in counts.items() for _ in range(n) if c in self.sprites]
        for place in rng.permutation(len(order)):
            cls = order[place]
            sprite = self._draw_sprite(rng, cls, number)
            corner = find_place(rng, scene, sprite.mask, recipe.overlap, self.clustering)
            if corner is not None:
                yield cls, sprite, corner

    def _draw_sprite(self, rng: np.random.Generator, cls: int, number: int) -> Sprite:
        """Draw an object, one of its variants, and a quarter turn or mirror image of that."""
        figures = self.sprites[cls]
        image = self.canvases.backgrounds[number].image
        own = [f for f in figures if f.image == image]
        if len(own) >= ENOUGH and rng.random() >= self.recipe.mixing:
            figures = tuple(own)
        variants = figures[int(rng.integers(len(figures)))].sprites
        sprite = variants[int(rng.integers(len(variants)))]
        turn = int(rng.integers(4)) if self.recipe.rotation else 0
        mirror = bool(rng.integers(2)) if self.recipe.flip else False
        return Sprite(
            turn_view(sprite.difference, turn, mirror),
            turn_view(sprite.alpha, turn, mirror),
            turn_view(sprite.mask, turn, mirror),
            sprite.area,
        )


def match_clustering(
    synthesizer: PasteSynthesizer, layouts: Mapping[str, Layout], trials: int = 6
) -> PasteSynthesizer:
    """Set `clustering` so that about as many objects touch as do on the clicked images.

    Measured by arranging a few images without and with clustering. Images that are not clicked
    exhaustively do not tell; without any that is, no clustering is added.
    """
    real = [touching(layout.ids) for layout in layouts.values() if layout.exhaustive]
    if not real:
        return synthesizer
    wanted = sum(t for t, _ in real) / max(sum(n for _, n in real), 1)
    shares = []
    for clustering in (0.0, 0.6):
        trial = replace(synthesizer, clustering=clustering)
        seen = [touching(trial.layout(i)) for i in range(trials)]
        shares.append(sum(t for t, _ in seen) / max(sum(n for _, n in seen), 1))
    low, high = shares
    slope = max(high - low, 1e-3) / 0.6
    return replace(synthesizer, clustering=float(np.clip((wanted - low) / slope, 0, 0.95)))


def _paste(
    image: FloatImage,
    base: FloatImage,
    scene: Field,
    sprite: Sprite,
    corner: NDArray[np.int64],
    gain: float,
) -> int:
    """Blend a sprite into the image, its rim only where no other object lies; return its id."""
    outer, inner = scene.window(corner, sprite.mask.shape) or ((), ())
    mask = sprite.mask[inner]
    alpha = np.where(mask | (scene.ids[outer] == 0), sprite.alpha[inner], 0)
    below = image[(slice(None), *outer)]
    above = gain * sprite.difference[(slice(None), *inner)]
    above += base[(slice(None), *outer)]
    above -= below
    above *= alpha
    below += above
    return scene.put(corner, sprite.mask)


def _without_gaps(
    scene: Field, classes: Mapping[int, int]
) -> tuple[NDArray[np.int32], dict[int, int]]:
    """Give the visible objects the ids 1..n."""
    kept = [i for i in classes if scene.areas[i] > 0]
    if len(kept) == len(classes):
        return scene.ids, dict(classes)
    table = np.zeros(len(scene.areas), np.int32)
    table[kept] = np.arange(1, len(kept) + 1)
    return table[scene.ids], {int(table[i]): classes[i] for i in kept}
