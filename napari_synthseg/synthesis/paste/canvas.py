"""Canvases: what the objects are put on."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from napari_synthseg.core.cache import ByteCache
from napari_synthseg.core.patch import Background
from napari_synthseg.core.pixels import FloatImage, Pixel, quarter_turned
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.patches.stepwise import blurred
from napari_synthseg.synthesis.paste.parameters import PasteParameters
from napari_synthseg.synthesis.paste.sprites import CACHE_BYTES
from napari_synthseg.synthesis.paste.windows import draw_window, empty_windows

CanvasKind = Literal["real", "empty", "textured", "blank"]
CANVAS_KINDS: tuple[CanvasKind, ...] = ("real", "empty", "textured", "blank")

CROWDED_SHARE = 0.05
"""With a smaller share of background an image shows almost none."""

TEXTURE_WINDOWS_TRIED = 16
"""Windows that are looked at; the texture is measured on the one with most valid pixels."""


@dataclass(frozen=True, eq=False)
class CanvasImage:
    """What canvases are cut from: one background, and the smooth base of it.

    `pixels`, `base`, `valid` and `counted` (None: all pixels count) are continued by their mirror
    image where an image is smaller than a canvas; else they are no copies, as large images fill the
    memory. `empty` holds the first pixels of windows in which nothing but valid background lies,
    (n, ndim).
    """

    background: Background
    pixels: FloatImage
    base: FloatImage
    valid: NDArray[np.bool_]
    empty: NDArray[np.int64]
    counted: NDArray[np.bool_] | None = None

    @cached_property
    def is_unknown(self) -> bool:
        """Whether no background is known: such an image has blank canvases alone."""
        return not self.background.valid.any()

    @classmethod
    def prepare(
        cls, background: Background, base: FloatImage, shape: tuple[int, ...], find_empty: bool
    ) -> CanvasImage:
        """Continue a background up to the spatial shape of a canvas."""
        valid, counted = _mirrored(background.valid, shape), background.counted
        return cls(
            background,
            _mirrored(background.pixels, shape),
            _mirrored(base, shape),
            valid,
            empty_windows(valid, shape) if find_empty else np.zeros((0, len(shape)), np.int64),
            None if counted is None else _mirrored(counted, shape),
        )

    def residual(self, where: tuple[slice, ...]) -> FloatImage:
        """Return a new array of a window's noise residual."""
        window = (slice(None), *where)
        pixels = self.pixels[window]
        return np.subtract(pixels, self.base[window], out=_spaced(pixels.shape))


@dataclass(frozen=True, eq=False)
class Canvases:
    """What objects are put on: parts of images; `shape` is the spatial shape of a canvas."""

    images: tuple[CanvasImage, ...]
    kinds: tuple[CanvasKind, ...]
    noise: float
    shape: tuple[int, ...]
    cache: ByteCache[Texture] = field(default_factory=lambda: ByteCache(CACHE_BYTES))

    @classmethod
    def prepare(
        cls,
        backgrounds: Sequence[Background],
        recipe: PasteParameters,
        bases: Sequence[FloatImage],
    ) -> Canvases:
        """Make the canvases of backgrounds, given their smooth bases."""
        shape = dual_shape(backgrounds, recipe)
        kinds = tuple(k for k in CANVAS_KINDS if recipe.canvas in (k, "mixed"))
        images = (
            CanvasImage.prepare(background, base, shape, "empty" in kinds)
            for background, base in zip(backgrounds, bases, strict=True)
        )
        return cls(tuple(images), kinds, recipe.noise, shape)

    def notes(self) -> tuple[str, ...]:
        """Say where the recipe cannot be followed."""
        notes = []
        known = [image for image in self.images if not image.is_unknown]
        what = "images" if len(self.by_image) == len(self.images) else "parts of images"
        if unknown := len(self.images) - len(known):
            notes.append(
                f"On {unknown} of {len(self.images)} {what} nothing tells objects that nobody "
                "clicked from the background: canvases are blank there. Click every object and say "
                "so, or add an image with empty space."
            )
        crowded = sum(image.background.valid_share < CROWDED_SHARE for image in known)
        if crowded and "blank" not in self.kinds:
            notes.append(
                f"{crowded} of {len(self.images)} canvases show almost no background. Add an image "
                "with empty space, or use blank canvases."
            )
        lacking = sum(not len(image.empty) for image in known)
        if "empty" in self.kinds and lacking:
            edge = " x ".join(str(n) for n in self.shape)
            notes.append(
                f"{lacking} of {len(self.images)} {what} have no window of {edge} pixels without "
                "any object: there, canvases are the background with the objects taken out. A "
                "smaller size may find empty windows."
            )
        return tuple(notes)

    @cached_property
    def by_image(self) -> tuple[tuple[int, ...], ...]:
        """The numbers of the parts of each clicked image."""
        numbers: dict[str, list[int]] = {}
        for number, part in enumerate(self.images):
            numbers.setdefault(part.background.image, []).append(number)
        return tuple(map(tuple, numbers.values()))

    def draw_part(self, rng: np.random.Generator) -> int:
        """Draw an image, then one of its parts: an image of many parts counts no more than others.

        Where the image is one part, a single number is drawn.
        """
        parts = self.by_image[int(rng.integers(len(self.by_image)))]
        return parts[int(rng.integers(len(parts)))] if len(parts) > 1 else parts[0]

    def draw(self, rng: np.random.Generator, number: int) -> tuple[FloatImage, FloatImage]:
        """Draw a canvas from image `number`: noise residual and base, each (channel, *shape).

        Their sum is the canvas. The residual is the caller's to change, the base is not.
        """
        kind, image = self.kinds[int(rng.integers(len(self.kinds)))], self.images[number]
        if kind == "blank" or image.is_unknown:
            return self._blank(rng, image.background)
        if kind == "empty" and len(image.empty):
            starts = image.empty[int(rng.integers(len(image.empty)))].tolist()
            window = tuple(slice(s, s + m) for s, m in zip(starts, self.shape, strict=True))
        else:
            window = draw_window(rng, image.valid.shape, self.shape, image.counted)
        orientation = int(rng.integers(4)) + 4 * int(rng.integers(2))
        where = (slice(None), *window)
        smooth = quarter_turned(image.base[where], orientation)
        if kind == "textured":
            texture = self.cache.get_or_make(number, lambda: self._texture(image))
            return texture.draw(rng), smooth
        return quarter_turned(image.residual(window), orientation).copy("C"), smooth

    def _texture(self, image: CanvasImage) -> Texture:
        window = _best_window(image.valid, self.shape)
        return Texture.measure(image.residual(window), image.valid[window])

    def _blank(
        self, rng: np.random.Generator, background: Background
    ) -> tuple[FloatImage, FloatImage]:
        columns = (-1,) + (1,) * len(self.shape)
        shape = (len(background.level), *self.shape)
        level = np.broadcast_to(background.level.reshape(columns).astype(np.float32), shape)
        if not self.noise:
            return np.zeros(shape, np.float32), level
        residual = rng.standard_normal(shape, np.float32)
        residual *= self.noise * background.noise.reshape(columns).astype(np.float32)
        return residual, level


def dual_shape(backgrounds: Sequence[Background], recipe: PasteParameters) -> tuple[int, ...]:
    """Return the spatial shape of a dual image.

    Dual volumes are kept small, whatever the size of the clicked ones: training cuts small crops.
    """
    deepest = max(b.valid.shape for b in backgrounds)
    if len(deepest) == 2:
        return recipe.size, recipe.size
    return min(deepest[0], recipe.volume_planes), recipe.volume_size, recipe.volume_size


def smooth_bases(
    backgrounds: Sequence[Background], diameters: Mapping[int, float]
) -> Generator[Progress, None, tuple[FloatImage, ...]]:
    """Smooth every background at the scale of the smallest class; nobody can write into them."""
    sigma = float(np.clip(min(diameters.values(), default=8.0) / 4, 2.0, 16.0))
    bases: list[FloatImage] = []
    for b in backgrounds:
        base = _spaced(b.pixels.shape)
        for channel, smooth in zip(b.pixels, base, strict=True):
            work = blurred(channel, [sigma / s for s in b.spacing] or sigma, smooth)
            done = len(bases) / len(backgrounds)
            yield from subprogress(work, done, done)
        base.flags.writeable = False
        bases.append(base)
    return tuple(bases)


def _spaced(shape: tuple[int, ...]) -> FloatImage:
    """Return a new array that is quick to turn.

    Rows of a power of two would all fall on the same few places of the processor's cache, so that
    reading along columns took four times as long: each row gets some unused pixels.
    """
    return np.empty((*shape[:-1], shape[-1] + 16), np.float32)[..., : shape[-1]]


def _mirrored(image: NDArray[Pixel], shape: tuple[int, ...]) -> NDArray[Pixel]:
    """Continue an image, with or without channels, by its mirror image up to `shape`."""
    first = image.ndim - len(shape)
    more = [max(0, m - n) for m, n in zip(shape, image.shape[first:], strict=True)]
    if not any(more):
        return image
    padded = np.pad(image, [(0, 0)] * first + [(0, m) for m in more], mode="symmetric")
    padded.flags.writeable = False
    return padded


@dataclass(frozen=True, eq=False)
class Texture:
    """The texture of a background's detail, drawn anew with another arrangement each time.

    The phases of the Fourier transform are drawn at random, the same for all channels; what is left
    of the real background is its power spectrum and how its channels go together. `spectrum` is
    (channel, *half spectrum), `shape` the spatial shape.
    """

    spectrum: NDArray[np.complex64]
    shape: tuple[int, ...]

    @classmethod
    def measure(cls, residual: FloatImage, mask: NDArray[np.bool_]) -> Texture:
        """Measure the residual, (channel, [z,] y, x), of a window on its valid pixels."""
        shape = mask.shape
        known = np.where(mask, residual, 0)
        axes = tuple(range(1, known.ndim))
        share = max(float(mask.mean()), 1e-6)
        known -= known.mean(axis=axes, keepdims=True) / share * mask
        deviation = np.sqrt(np.mean(known**2, axis=axes) / share)
        taper = np.ones(shape, np.float32)
        for axis, n in enumerate(shape[-2:], start=len(shape) - 2):
            ramp = np.sin(np.pi * (np.arange(n) + 0.5) / n).astype(np.float32)
            taper *= ramp.reshape([-1 if a == axis else 1 for a in range(len(shape))])
        spectrum = fft.rfftn(known * taper, axes=axes)
        spectrum[(slice(None), *(0,) * len(shape))] = 0
        plain = fft.irfftn(spectrum, s=shape, axes=axes)
        power = np.sqrt(np.mean(plain**2, axis=axes))
        scale = np.where(power > 0, deviation / np.maximum(power, 1e-12), 0)
        columns = (-1,) + (1,) * len(shape)
        return cls((spectrum * scale.reshape(columns)).astype(np.complex64), shape)

    @property
    def nbytes(self) -> int:
        """Memory that the spectrum takes."""
        return self.spectrum.nbytes

    def draw(self, rng: np.random.Generator) -> FloatImage:
        """Draw a texture, (channel, *shape) float32."""
        noise = fft.rfftn(rng.standard_normal(self.shape, np.float32))
        noise /= np.maximum(np.abs(noise), 1e-12)
        axes = tuple(range(1, self.spectrum.ndim))
        drawn: FloatImage = fft.irfftn(self.spectrum * noise, s=self.shape, axes=axes)
        return drawn.astype(np.float32, copy=False)


def _best_window(valid: NDArray[np.bool_], shape: tuple[int, ...]) -> tuple[slice, ...]:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(TEXTURE_WINDOWS_TRIED):
        starts = [int(rng.integers(n - m + 1)) for n, m in zip(valid.shape, shape, strict=True)]
        found.append(tuple(slice(s, s + m) for s, m in zip(starts, shape, strict=True)))
    return max(found, key=lambda where: float(valid[where].mean()))
