"""The endless sequence of pasted dual images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.labels import DualImage, InstanceLabels
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.core.recipe import Synthesizer
from napari_synthseg.synthesis.paste.blending import membrane
from napari_synthseg.synthesis.paste.canvas import Canvases
from napari_synthseg.synthesis.paste.objects import ObjectDraw, ObjectSampler
from napari_synthseg.synthesis.paste.parameters import PasteParameters
from napari_synthseg.synthesis.paste.placement import Place, PlacementRules, Scene, find_place
from napari_synthseg.synthesis.paste.sprite_factory import SpriteFactory
from napari_synthseg.synthesis.paste.sprites import Sprite

DECOY_WINDOWS_TRIED = 4
"""Pieces of background that are looked at for a decoy."""


@dataclass(frozen=True, eq=False, slots=True)
class CanvasPixels:
    """A dual image's pixels in the making: what is on top of the light level `base`.

    `clean` is the canvas before anything was pasted.
    """

    image: FloatImage
    base: FloatImage
    clean: FloatImage


@dataclass(frozen=True, eq=False)
class PasteSynthesizer(Synthesizer):
    """Makes pair ``i`` from (recipe, library, i) alone; safe to call from several threads."""

    recipe: PasteParameters
    canvases: Canvases
    factory: SpriteFactory
    sampler: ObjectSampler
    arrangement: PlacementRules
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape of a dual image; a volume keeps the depth of the clicked ones."""
        return self.canvases.shape

    def pair(self, index: int) -> DualImage:
        """Return dual image `index` (>= 0)."""
        rng = np.random.default_rng(np.random.SeedSequence((self.recipe.seed, index)))
        number = self.canvases.draw_part(rng)
        image, base = self.canvases.draw(rng, number)
        pixels = CanvasPixels(
            image, base, image.copy() if "poisson" in self.sampler.blendings else image
        )
        scene = Scene(np.zeros(self.shape, np.int32))
        classes: dict[int, int] = {}
        for drawn, sprite, place in self._arrange(rng, number, scene):
            self._paste(pixels, scene, drawn, sprite, place)
            if drawn.cls:  # the id that it is about to be given
                classes[len(scene.areas)] = drawn.cls
        image += base
        classes |= scene.inner
        return DualImage(image, InstanceLabels(*_without_gaps(scene, classes)), index)

    def layout(self, index: int) -> Scene:
        """Return only where objects would lie on some dual image, for measuring arrangements."""
        rng = np.random.default_rng(np.random.SeedSequence((self.recipe.seed, index, 2)))
        scene = Scene(np.zeros(self.shape, np.int32))
        for _ in self._arrange(rng, self.canvases.draw_part(rng), scene):
            pass
        return scene

    def _arrange(
        self, rng: np.random.Generator, number: int, scene: Scene
    ) -> Iterator[tuple[ObjectDraw, Sprite, Place]]:
        """Choose objects and places one after the other, and put each on the scene.

        What is yielded is about to be blended; the labels below it are those of before.
        """
        for drawn in self.sampler.draw(rng, number, self.shape):
            sprite = self.factory.sprite(drawn.number, drawn.variant, drawn.blending, number)
            sprite = sprite.view(drawn.orientation)
            found = find_place(rng, scene, sprite, self.arrangement)
            scene.drawn[drawn.cls] += bool(drawn.cls)
            if found is None:
                scene.unplaced[drawn.cls] += bool(drawn.cls)
                continue
            place, distance = found
            if drawn.cls:
                yield drawn, sprite, place
                scene.put(place, sprite, distance)
            else:
                yield drawn, self._decoy(rng, drawn, sprite), place

    def _decoy(self, rng: np.random.Generator, drawn: ObjectDraw, sprite: Sprite) -> Sprite:
        """Return a sprite of the same outline that shows a piece of background."""
        image = self.canvases.images[self.factory.image_numbers[drawn.number]]
        shape = tuple(min(n, m) for n, m in zip(sprite.mask.shape, image.valid.shape, strict=True))
        starts = rng.integers(
            0, np.array(image.valid.shape) - shape + 1, (DECOY_WINDOWS_TRIED, len(shape))
        ).tolist()
        windows = [
            tuple(slice(a, a + n) for a, n in zip(start, shape, strict=True)) for start in starts
        ]
        where = max(windows, key=lambda window: int(np.count_nonzero(image.valid[window])))
        piece = image.residual(where)
        level = image.background.level.reshape(sprite.level.shape)
        if not self.recipe.match_level:
            piece = piece + image.base[(slice(None), *where)] - level
        paint = np.zeros_like(sprite.paint)
        paint[(slice(None), *(slice(0, n) for n in shape))] = piece
        paint *= 1 - sprite.keep
        nothing = np.zeros_like(sprite.mask)
        return replace(sprite, paint=paint, level=level, mask=nothing, area=0)

    def _paste(
        self, pixels: CanvasPixels, scene: Scene, drawn: ObjectDraw, sprite: Sprite, place: Place
    ) -> None:
        """Blend a sprite into the pixels, its rim only where no other object lies."""
        where, inner = (slice(None), *place.outer), place.inner
        paint, keep = sprite.paint, sprite.keep
        if drawn.blending == "poisson":
            paint = paint + (1 - keep) * _to_meet_canvas(pixels.clean, sprite, place, drawn.gain)
        if inner is not None:
            paint, keep = paint[(slice(None), *inner)], keep[inner]
        below = pixels.image[where]
        above = paint * np.float32(drawn.gain)
        if not self.recipe.match_level and drawn.blending != "poisson":
            above += (1 - keep) * (sprite.level - pixels.base[where])
        if drawn.offset:
            above += (1 - keep) * np.float32(drawn.offset)
        if place.clear:
            below *= keep
            below += above
        else:
            above += below * keep
            free = scene.ids[place.outer] == 0
            if drawn.cls:
                free |= place.mask
            np.copyto(below, above, where=free)


def _to_meet_canvas(clean: FloatImage, sprite: Sprite, place: Place, gain: float) -> FloatImage:
    """Return what is added to a sprite (before its gain) so that it meets the canvas.

    The sprite's own edge is taken as background: its opacity is 0 there, or it is a whole square.
    """
    canvas = clean[(slice(None), *place.outer)]
    if place.inner is not None:
        more = [
            (inner.start, n - inner.stop)
            for inner, n in zip(place.inner, sprite.mask.shape, strict=True)
        ]
        canvas = np.pad(canvas, [(0, 0), *more], mode="edge")
    difference = sprite.paint / np.maximum(1 - sprite.keep, np.float32(1e-3))
    rim = np.asarray(canvas / max(gain, 1e-3) - difference, np.float32)
    return membrane(rim)


def _without_gaps(
    scene: Scene, classes: Mapping[int, int]
) -> tuple[NDArray[np.int32], dict[int, int]]:
    """Give the visible objects the ids 1..n."""
    kept = [i for i in classes if scene.areas[i] > 0]
    if len(kept) == len(classes):
        return scene.ids, dict(classes)
    table = np.zeros(len(scene.areas), np.int32)
    table[kept] = np.arange(1, len(kept) + 1)
    return table[scene.ids], {int(table[i]): classes[i] for i in kept}
