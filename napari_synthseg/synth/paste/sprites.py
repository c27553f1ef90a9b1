"""Sprites: clicked objects cut out by their masks, ready to be put anywhere.

A sprite holds the object's difference to the light level it lay on, so that it can be put on
another level without a seam, and a soft rim outside the mask that carries the object's blur along.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.patch import Patch, PatchLibrary
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.synth.paste.layout import Layout

if TYPE_CHECKING:
    from napari_synthseg.synth.paste.canvas import Canvases
    from napari_synthseg.synth.paste.recipe import PasteRecipe

LEAST = 5
"""Fewer patches of a class than this, and quality does not count."""


@dataclass(frozen=True, eq=False)
class Sprite:
    """An object to be put on a canvas.

    Attributes
    ----------
    difference
        Object minus the light level it lay on, (channel, [z,] y, x) float32.
    alpha
        Opacity between 0 and 1, ([z,] y, x); 1 inside the mask.
    mask
        The pixels that carry the label, ([z,] y, x).
    area
        Number of pixels in the mask.
    """

    difference: FloatImage
    alpha: FloatImage
    mask: NDArray[np.bool_]
    area: int


@dataclass(frozen=True, eq=False)
class Figure:
    """All sprites of one patch; `image` is the id of the image it comes from."""

    patch: str
    image: str
    sprites: tuple[Sprite, ...]


def choose_patches(library: PatchLibrary, min_quality: float) -> tuple[Patch, ...]:
    """Return the patches to use: good ones that lie whole in their image.

    Where a class has too few of these, ones cut off by the border and then those of lower quality
    join in, best first. Rejected patches never do.
    """
    chosen: list[Patch] = []
    for value in sorted({p.cls for p in library.usable()}):
        mine = [p for p in library.usable() if p.cls == value]
        good = [p for p in mine if p.quality >= min_quality and not p.touches_border]
        if len(good) < LEAST:
            rank = sorted(
                (p for p in mine if p not in good),
                key=lambda p: (p.quality < min_quality, -p.quality),
            )
            good += rank[: LEAST - len(good)]
        chosen += good
    return tuple(chosen)


def make_sprites(
    patch: Patch,
    number: int,
    library: PatchLibrary,
    canvases: Canvases,
    layouts: Mapping[str, Layout],
    recipe: PasteRecipe,
) -> tuple[Sprite, ...]:
    """Return the turned and scaled sprites of one patch, the first one as it was clicked."""
    base, origin = canvases.base_of(patch.image)
    difference = patch.pixels - _window(base, patch, origin)
    feather = max(1.0, recipe.feather * library.diameters[patch.cls])
    alpha = _soften(patch, layouts[patch.image], feather if recipe.feather > 0 else 0.0)
    rng = np.random.default_rng(np.random.SeedSequence((recipe.seed, number, 1)))
    whole = _trimmed(difference, alpha, patch.mask)
    sprites = [whole]
    for turn in range(1, recipe.variants):
        angle = 90 * (turn + rng.uniform(-0.5, 0.5)) / recipe.variants if recipe.rotation else 0.0
        zoom = 1 + recipe.scale * rng.uniform(-1, 1)
        if angle or zoom != 1:
            sprites.append(_transformed(whole, angle, zoom))
    return tuple(s for s in sprites if s.area > 0)


def _window(base: FloatImage, patch: Patch, origin: tuple[int, ...]) -> FloatImage:
    """Cut the patch's window from its image's base, repeating edges outside."""
    index = [
        np.clip(np.arange(n) + start - first, 0, limit - 1)
        for n, start, first, limit in zip(
            patch.mask.shape, patch.origin, origin, base.shape[1:], strict=True
        )
    ]
    return base[(slice(None), *np.ix_(*index))]


def _soften(patch: Patch, layout: Layout, feather: float) -> FloatImage:
    """Return the opacity: 1 in the mask, falling to 0 outside it and towards other objects."""
    alpha = patch.mask.astype(np.float32)
    if feather <= 0:
        return alpha
    away = ndimage.distance_transform_edt(~patch.mask)
    fall = np.clip(1 - (away - 1) / feather, 0, 1)
    soft = fall * fall * (3 - 2 * fall)
    other = _other_objects(patch, layout)
    if other.any():
        room = ndimage.distance_transform_edt(~other)
        soft *= np.clip((room - 1) / 2, 0, 1)
    return np.where(patch.mask, 1, soft).astype(np.float32)


def _other_objects(patch: Patch, layout: Layout) -> NDArray[np.bool_]:
    """Return what of the window belongs to other objects or lies outside the image."""
    result = np.ones(patch.mask.shape, bool)
    source, target = [], []
    for n, start, first, limit in zip(
        patch.mask.shape, patch.origin, layout.origin, layout.ids.shape, strict=True
    ):
        begin, end = max(start - first, 0), min(start - first + n, limit)
        source.append(slice(begin, end))
        target.append(slice(begin + first - start, end + first - start))
    result[tuple(target)] = layout.ids[tuple(source)] > 0
    return result & ~patch.mask


def _trimmed(difference: FloatImage, alpha: FloatImage, mask: NDArray[np.bool_]) -> Sprite:
    """Cut empty borders off."""
    box = ndimage.find_objects((alpha > 0).astype(np.int8))
    if not box:
        return Sprite(difference, alpha, mask, 0)
    return Sprite(
        np.ascontiguousarray(difference[(slice(None), *box[0])], np.float32),
        np.ascontiguousarray(alpha[box[0]], np.float32),
        np.ascontiguousarray(mask[box[0]]),
        int(np.count_nonzero(mask)),
    )


def _transformed(sprite: Sprite, angle: float, zoom: float) -> Sprite:
    """Return the sprite turned in the (y, x) plane by `angle` degrees and scaled by `zoom`."""
    ndim = sprite.mask.ndim
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    matrix = np.eye(ndim)
    matrix[-2:, -2:] = [[cosine, sine], [-sine, cosine]]
    shape = np.array(sprite.mask.shape)
    extent = np.ceil(np.abs(matrix) @ shape * zoom).astype(int) + 2
    inverse = matrix.T / zoom
    offset = (shape - 1) / 2 - inverse @ ((extent - 1) / 2)

    def turn(array: FloatImage, order: int, mode: str) -> FloatImage:
        result: FloatImage = ndimage.affine_transform(
            array, inverse, offset, tuple(extent), np.float32, order, mode
        )
        return result

    difference = np.stack([turn(channel, 3, "nearest") for channel in sprite.difference])
    mask = turn(sprite.mask.astype(np.float32), 1, "constant") > 0.5
    alpha = np.clip(turn(sprite.alpha, 1, "constant"), 0, 1)
    return _trimmed(difference, np.where(mask, 1, alpha).astype(np.float32), mask)
