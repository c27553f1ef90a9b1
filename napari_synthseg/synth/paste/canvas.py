"""Canvases: what the objects are put on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_synthseg.core.patch import Background, PatchLibrary
from napari_synthseg.core.pixels import FloatImage

if TYPE_CHECKING:
    from napari_synthseg.synth.paste.recipe import PasteRecipe


@dataclass(frozen=True, eq=False)
class Canvases:
    """Backgrounds and, for each, its smooth base: the light level that an object sits on."""

    backgrounds: tuple[Background, ...]
    bases: tuple[FloatImage, ...]
    kind: str
    noise: float

    @classmethod
    def prepare(cls, library: PatchLibrary, recipe: PasteRecipe) -> Canvases:
        """Smooth every background at the scale of the smallest class."""
        sigma = max(2.0, min(library.diameters.values(), default=8.0) / 4)
        bases = tuple(
            np.stack([ndimage.gaussian_filter(channel, sigma) for channel in b.pixels])
            for b in library.backgrounds
        )
        return cls(library.backgrounds, bases, recipe.canvas, recipe.noise)

    def base_of(self, image: str) -> tuple[FloatImage, tuple[int, ...]]:
        """Return the smooth base of an image, and the position of its first pixel."""
        for background, base in zip(self.backgrounds, self.bases, strict=True):
            if background.image == image:
                return base, background.origin
        raise KeyError(image)

    def draw(
        self, rng: np.random.Generator, number: int, shape: tuple[int, ...]
    ) -> tuple[FloatImage, FloatImage]:
        """Draw a canvas from image `number`, and its smooth base, each (channel, *shape).

        Both are the caller's to change.
        """
        background, base = self.backgrounds[number], self.bases[number]
        blank = self.kind == "blank" or (self.kind == "mixed" and rng.random() < 0.5)
        if blank:
            columns = (-1,) + (1,) * len(shape)
            level = np.broadcast_to(
                background.level.reshape(columns), (len(background.level), *shape)
            )
            grain = rng.standard_normal(level.shape, np.float32)
            grain *= self.noise * background.noise.reshape(columns)
            return level + grain, level.astype(np.float32)
        index = [
            _mirrored(int(rng.integers(max(n - m, 0) + 1)), m, n)
            for m, n in zip(shape, background.valid.shape, strict=True)
        ]
        turn, mirror = int(rng.integers(4)), bool(rng.integers(2))
        if shape[-1] != shape[-2]:
            turn -= turn % 2
        where = (slice(None), *np.ix_(*index))
        image, smooth = (turn_view(a[where], turn, mirror) for a in (background.pixels, base))
        return np.ascontiguousarray(image), np.ascontiguousarray(smooth)


def turn_view(array: FloatImage, turn: int, mirror: bool) -> FloatImage:
    """Return a view turned by `turn` quarters in the (y, x) plane, mirrored on demand."""
    turned = np.rot90(array, turn, axes=(-2, -1))
    return turned[..., ::-1] if mirror else turned


def _mirrored(start: int, length: int, available: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return indices start, start + 1, ... that are mirrored at the end of the axis."""
    index = np.arange(start, start + length) % (2 * available)
    return np.where(index < available, index, 2 * available - 1 - index)
