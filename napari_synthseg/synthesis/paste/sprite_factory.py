"""Makes sprites from a patch, its variant and the image that it goes to, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from napari_synthseg.core.cache import ByteCache
from napari_synthseg.core.geometry import Region
from napari_synthseg.core.patch import Patch
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.patches.window import cut_mask
from napari_synthseg.synthesis.paste.blending import Blending, opacity
from napari_synthseg.synthesis.paste.cutting import (
    Cut,
    SourceImage,
    cut_object,
    square_window,
)
from napari_synthseg.synthesis.paste.optics import (
    blur_planes,
    core_of,
    finest,
    noise_residual,
    restored,
    spread,
    wanted_noise,
    with_noise,
)
from napari_synthseg.synthesis.paste.parameters import PasteParameters
from napari_synthseg.synthesis.paste.sprites import (
    CACHE_BYTES,
    Inner,
    RotationZoom,
    Sprite,
    trimmed,
    used_box,
)

MARGIN_PX = 2
"""Pixels around a cutout that its turning needs to know."""

MAX_SPRITES = 20_000
"""Variants of all patches together, about; with very many patches two of each will do."""


@dataclass(frozen=True, eq=False)
class SpriteFactory:
    """Makes the sprites of a library's chosen patches on demand.

    Attributes
    ----------
    recipe
        How.
    patches
        The patches that are used; sprites are asked for by their place here.
    image_numbers
        The place in `sources` of each patch's image part.
    sources
        The parts of the clicked images.
    diameters
        Class value -> diameter in pixels.
    inner
        Place of a patch -> the patches of objects that lie in its object and come along with it,
        outermost first.
    """

    recipe: PasteParameters
    patches: tuple[Patch, ...]
    image_numbers: tuple[int, ...]
    sources: tuple[SourceImage, ...]
    diameters: Mapping[int, float]
    inner: Mapping[int, tuple[Patch, ...]] = field(default_factory=dict)
    cache: ByteCache[Sprite] = field(default_factory=lambda: ByteCache(CACHE_BYTES))

    @property
    def variants(self) -> int:
        """How many different variants of a patch there are: the fewer, the more patches."""
        recipe = self.recipe
        resized = recipe.cutout == "square" and recipe.patch_size_spread > 0
        if not (recipe.rotation or recipe.scale or resized):
            return 1
        return min(recipe.variants, max(MAX_SPRITES // len(self.patches), 2))

    def sprite(self, number: int, variant: int, blending: Blending, target: int) -> Sprite:
        """Return a sprite of patch `number` for a canvas of image `target`.

        Variant 0 is neither turned nor scaled.
        """
        apart = self.recipe.match_noise or self.recipe.match_blur
        key = number, variant, blending, target if apart else self.image_numbers[number]
        return self.cache.get_or_make(key, lambda: self._make(*key))

    def _make(self, number: int, variant: int, blending: Blending, target: int) -> Sprite:
        recipe = self.recipe
        seeds = np.random.SeedSequence((recipe.seed, number, variant, 1))
        rng = np.random.default_rng(seeds)
        size, angle, zoom = rng.uniform(-1, 1, 3)
        window = self._window(number, 1 + recipe.patch_size_spread * size)
        cut = self._cut(number, window)
        diameter = self.diameters[self.patches[number].cls]
        feather = max(1.0, recipe.feather * diameter) if recipe.feather else 0.0
        alpha = opacity(cut, blending, square=recipe.cutout == "square", feather=feather)
        box = used_box(alpha, cut.mask, MARGIN_PX)
        cut = cut.inside(box)
        alpha = alpha[box]
        inner = tuple(
            (p.cls, cut_mask(p.mask, p.origin, window)[box]) for p in self.inner.get(number, ())
        )
        turn = RotationZoom(
            90 * (variant + 0.5 * angle) / self.variants if variant and recipe.rotation else 0.0,
            1 + recipe.scale * zoom if variant else 1.0,
            tuple(n.stop - n.start for n in box),
        )
        own_image = self.image_numbers[number]
        sprite = self._finish(cut, alpha, inner, turn, blending, own_image, target, rng)
        if sprite is None:  # scaled to nothing
            untouched = RotationZoom(0.0, 1.0, cut.mask.shape)
            sprite = self._finish(cut, alpha, inner, untouched, blending, own_image, own_image, rng)
        assert sprite is not None  # the mask of a chosen patch is not empty
        return sprite

    def _window(self, number: int, factor: float) -> Region:
        """Return what is cut out of the image; `factor` varies the size of a square."""
        patch = self.patches[number]
        if self.recipe.cutout == "square":
            edge = self.recipe.patch_size * self.diameters[patch.cls] * factor
            window = square_window(patch, edge)
            if cut_mask(patch.mask, patch.origin, window).any():
                return window
        return patch.window  # or the click lies far off its object

    def _cut(self, number: int, window: Region) -> Cut:
        patch, source = self.patches[number], self.sources[self.image_numbers[number]]
        diameter = self.diameters[patch.cls]
        flat = not self.recipe.match_level
        return cut_object(patch, window, source, diameter, flat=flat)

    def _finish(
        self,
        cut: Cut,
        alpha: FloatImage,
        inner: Inner,
        turn: RotationZoom,
        blending: Blending,
        own_image: int,
        target: int,
        rng: np.random.Generator,
    ) -> Sprite | None:
        """Turn, scale, and bring noise and sharpness to those of the target image."""
        recipe = self.recipe
        difference, mask = cut.difference, cut.mask
        moved = turn.angle != 0 or turn.zoom != 1
        blur = self._missing_blur(own_image, target, turn.zoom) if recipe.match_blur else 0.0
        foreign = recipe.match_noise and (blur > 0 or own_image != target)
        core = core_of(mask) if recipe.match_noise else mask
        own = spread(noise_residual(difference, mask), core) if foreign else None
        if moved:
            fine = finest(difference, core) if recipe.match_noise else None
            difference = np.stack([turn.apply(c, 3, "nearest") for c in difference])
            core = turn.apply(core.astype(np.float32), 1, "constant") > 0.5
            mask, *within = (
                turn.apply(each.astype(np.float32), 1, "constant") > 0.5
                for each in (mask, *(own for _, own in inner))
            )
            inner = tuple((cls, own) for (cls, _), own in zip(inner, within, strict=True))
            alpha = np.clip(turn.apply(alpha, 1, "constant"), 0, 1)
            if blending == "hard":
                alpha = (alpha > 0.5).astype(np.float32)
            if blending != "gaussian":
                alpha[mask] = 1
            if fine is not None:
                difference = restored(difference, fine, finest(difference, core), rng)
        if blur > 0:
            difference = blur_planes(difference, blur, "nearest")
        if own is not None:
            noise = self.sources[own_image].background.noise, self.sources[target].background.noise
            residual = noise_residual(difference, mask)
            wanted = wanted_noise(own, *noise)
            difference = with_noise(difference, residual, spread(residual, core), wanted, rng)
        return trimmed(difference, cut.level, alpha, mask, inner)

    def _missing_blur(self, own_image: int, target: int, zoom: float) -> float:
        """Return the sigma of the Gaussian that makes an object as blurred as its canvas."""
        square = self.sources[target].blur ** 2 - (self.sources[own_image].blur * zoom) ** 2
        return float(np.sqrt(square)) if square > 0.04 else 0.0
