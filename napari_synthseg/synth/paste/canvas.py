"""Canvases: what the objects are put on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.patch import Background, PatchLibrary
from napari_synthseg.core.pixels import FloatImage

if TYPE_CHECKING:
    from napari_synthseg.synth.paste.recipe import PasteRecipe


@dataclass(frozen=True, eq=False)
class Canvases:
    """Backgrounds, their pixels, and their smooth bases: the light level an object sits on.

    `pixels` and `bases` are continued by their mirror image where an image is smaller than
    `shape`, the spatial shape of a canvas.
    """

    backgrounds: tuple[Background, ...]
    pixels: tuple[FloatImage, ...]
    bases: tuple[FloatImage, ...]
    kind: str
    noise: float
    shape: tuple[int, ...]

    @classmethod
    def prepare(cls, library: PatchLibrary, recipe: PasteRecipe) -> Canvases:
        """Smooth every background at the scale of the smallest class."""
        sigma = float(np.clip(min(library.diameters.values(), default=8.0) / 4, 2.0, 16.0))
        bases = tuple(
            np.stack([ndimage.gaussian_filter(channel, sigma) for channel in b.pixels])
            for b in library.backgrounds
        )
        depth = library.backgrounds[0].valid.shape[:-2]
        shape = (*depth, recipe.size, recipe.size)
        return cls(
            library.backgrounds,
            tuple(_read_only(_mirrored(b.pixels, shape)) for b in library.backgrounds),
            tuple(_read_only(_mirrored(base, shape)) for base in bases),
            recipe.canvas,
            recipe.noise,
            shape,
        )

    def base_of(self, image: str) -> tuple[FloatImage, tuple[int, ...]]:
        """Return the smooth base of an image, and the position of its first pixel."""
        for background, base in zip(self.backgrounds, self.bases, strict=True):
            if background.image == image:
                return base, background.origin
        raise KeyError(image)

    def draw(self, rng: np.random.Generator, number: int) -> tuple[FloatImage, FloatImage]:
        """Draw a canvas from image `number`, and its smooth base, each (channel, *shape).

        Both are the caller's to change.
        """
        shape = self.shape
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
        starts = [
            int(rng.integers(max(n - m, 0) + 1)) for m, n in zip(shape, base.shape[1:], strict=True)
        ]
        turn, mirror = int(rng.integers(4)), bool(rng.integers(2))
        if shape[-1] != shape[-2]:
            turn -= turn % 2
        where = (slice(None), *(slice(s, s + m) for s, m in zip(starts, shape, strict=True)))
        image, smooth = (turn_view(a[where], turn, mirror) for a in (self.pixels[number], base))
        # Real copies: a view of the canvas itself would carry objects over to the next pair.
        return image.copy(), smooth.copy()


Pixels = TypeVar("Pixels", FloatImage, NDArray[np.bool_])


def turn_view(array: Pixels, turn: int, mirror: bool) -> Pixels:
    """Return a view turned by `turn` quarters in the (y, x) plane, mirrored on demand."""
    turned = np.rot90(array, turn, axes=(-2, -1))
    return turned[..., ::-1] if mirror else turned


def _read_only(image: FloatImage) -> FloatImage:
    """Return a view that nobody can paste into by mistake."""
    view = image.view()
    view.flags.writeable = False
    return view


def _mirrored(image: FloatImage, shape: tuple[int, ...]) -> FloatImage:
    """Continue an image by its mirror image up to at least `shape` (spatial)."""
    more = [max(0, m - n) for m, n in zip(shape, image.shape[1:], strict=True)]
    if not any(more):
        return image
    padded: FloatImage = np.pad(image, [(0, 0), *((0, m) for m in more)], mode="symmetric")
    return padded
