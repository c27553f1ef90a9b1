"""Canvases: what the objects are put on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.patch import Background, PatchLibrary
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.synthesis.paste.parameters import PasteParameters
from napari_synthseg.synthesis.paste.sprites import Kept, Pixels, turn_view
from napari_synthseg.synthesis.paste.texture import Texture

Kind = Literal["real", "empty", "textured", "blank"]
KINDS: tuple[Kind, ...] = ("real", "empty", "textured", "blank")

MOST_WINDOWS = 4096
"""Empty windows that are remembered of an image."""


@dataclass(frozen=True, eq=False)
class Canvases:
    """Backgrounds: their smooth bases, the light level an object sits on, and the grain on top.

    `grains`, `bases` and `valid` are continued by their mirror image where an image is smaller
    than `shape`, the spatial shape of a canvas. `empty` holds, per image, the first pixels of
    windows in which nothing but valid background lies, (n, ndim).
    """

    backgrounds: tuple[Background, ...]
    grains: tuple[FloatImage, ...]
    bases: tuple[FloatImage, ...]
    valid: tuple[NDArray[np.bool_], ...]
    empty: tuple[NDArray[np.int64], ...]
    kinds: tuple[Kind, ...]
    noise: float
    shape: tuple[int, ...]
    kept: Kept = field(default_factory=Kept)

    @classmethod
    def prepare(
        cls, library: PatchLibrary, recipe: PasteParameters, bases: tuple[FloatImage, ...]
    ) -> Canvases:
        """Make the canvases of a library's backgrounds, given their smooth bases."""
        shape = dual_shape(library, recipe)
        kinds = tuple(k for k in KINDS if recipe.canvas in (k, "mixed"))
        valid = tuple(_mirrored(b.valid, shape) for b in library.backgrounds)
        nowhere = np.zeros((0, len(shape)), np.int64)
        return cls(
            library.backgrounds,
            tuple(
                _read_only(_mirrored(b.pixels - base, shape))
                for b, base in zip(library.backgrounds, bases, strict=True)
            ),
            tuple(_read_only(_mirrored(base, shape)) for base in bases),
            valid,
            tuple(empty_windows(v, shape) if "empty" in kinds else nowhere for v in valid),
            kinds,
            recipe.noise,
            shape,
        )

    def notes(self) -> tuple[str, ...]:
        """Say where the recipe cannot be followed."""
        lacking = sum(not len(found) for found in self.empty)
        if "empty" not in self.kinds or not lacking:
            return ()
        edge = " x ".join(str(n) for n in self.shape)
        return (
            f"{lacking} of {len(self.empty)} images have no window of {edge} pixels without any "
            "object: there, canvases are the background with the objects taken out. A smaller "
            "size may find empty windows.",
        )

    def draw(self, rng: np.random.Generator, number: int) -> tuple[FloatImage, FloatImage]:
        """Draw a canvas from image `number`: its grain and its base, each (channel, *shape).

        Their sum is the canvas. The grain is the caller's to change, the base is not.
        """
        kind = self.kinds[int(rng.integers(len(self.kinds)))]
        if kind == "blank":
            return self._blank(rng, self.backgrounds[number])
        base = self.bases[number]
        if kind == "empty" and len(self.empty[number]):
            starts = self.empty[number][int(rng.integers(len(self.empty[number])))].tolist()
        else:
            starts = [
                int(rng.integers(max(n - m, 0) + 1))
                for m, n in zip(self.shape, base.shape[1:], strict=True)
            ]
        turn, mirror = int(rng.integers(4)), bool(rng.integers(2))
        where = (slice(None), *(slice(s, s + m) for s, m in zip(starts, self.shape, strict=True)))
        smooth = turn_view(base[where], turn, mirror)
        if kind == "textured":
            return self._texture(number).draw(rng), smooth
        # A real copy: a view of the canvas itself would carry objects over to the next pair.
        return turn_view(self.grains[number][where], turn, mirror).copy("C"), smooth

    def _blank(
        self, rng: np.random.Generator, background: Background
    ) -> tuple[FloatImage, FloatImage]:
        columns = (-1,) + (1,) * len(self.shape)
        shape = (len(background.level), *self.shape)
        level = np.broadcast_to(background.level.reshape(columns).astype(np.float32), shape)
        if not self.noise:
            return np.zeros(shape, np.float32), level
        grain = rng.standard_normal(shape, np.float32)
        grain *= self.noise * background.noise.reshape(columns).astype(np.float32)
        return grain, level

    def _texture(self, number: int) -> Texture:
        def make() -> tuple[Texture, int]:
            texture = Texture.measure(self.grains[number], self.valid[number], self.shape)
            return texture, texture.nbytes

        return self.kept.get(number, make)


def dual_shape(library: PatchLibrary, recipe: PasteParameters) -> tuple[int, ...]:
    """Return the spatial shape of a dual image.

    Dual volumes are kept small, whatever the size of the clicked ones: training cuts small crops.
    """
    deepest = max(b.valid.shape for b in library.backgrounds)
    if len(deepest) == 2:
        return recipe.size, recipe.size
    return min(deepest[0], recipe.volume_planes), recipe.volume_size, recipe.volume_size


def smooth_bases(library: PatchLibrary) -> tuple[FloatImage, ...]:
    """Smooth every background at the scale of the smallest class."""
    sigma = float(np.clip(min(library.diameters.values(), default=8.0) / 4, 2.0, 16.0))
    return tuple(
        np.stack(
            [ndimage.gaussian_filter(c, [sigma / s for s in b.spacing] or sigma) for c in b.pixels]
        )
        for b in library.backgrounds
    )


def empty_windows(valid: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the first pixels, (n, ndim), of windows that lie on valid pixels throughout.

    Running sums along one axis after the other count the other pixels of every window.
    """
    count = (~valid).astype(np.int32)
    for axis, edge in enumerate(shape):
        total = np.cumsum(count, axis=axis, dtype=np.int32)
        first = np.take(total, [edge - 1], axis=axis)
        later = np.take(total, range(edge, total.shape[axis]), axis=axis)
        earlier = np.take(total, range(total.shape[axis] - edge), axis=axis)
        count = np.concatenate([first, later - earlier], axis=axis)
    found = np.argwhere(count == 0)
    return found[:: len(found) // MOST_WINDOWS + 1]


def _read_only(image: FloatImage) -> FloatImage:
    """Return a copy that nobody can paste into by mistake, and that is quick to turn.

    Rows of a power of two would all fall on the same few places of the processor's cache, so that
    reading along columns took four times as long: each row gets some unused pixels.
    """
    spaced = np.empty((*image.shape[:-1], image.shape[-1] + 16), np.float32)
    view = spaced[..., : image.shape[-1]]
    view[:] = image
    view.flags.writeable = False
    return view


def _mirrored(image: Pixels, shape: tuple[int, ...]) -> Pixels:
    """Continue an image, with or without channels, by its mirror image up to `shape`."""
    first = image.ndim - len(shape)
    more = [max(0, m - n) for m, n in zip(shape, image.shape[first:], strict=True)]
    if not any(more):
        return image
    return np.pad(image, [(0, 0)] * first + [(0, m) for m in more], mode="symmetric")
